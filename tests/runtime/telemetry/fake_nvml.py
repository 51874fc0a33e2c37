"""A pynvml module that is a scripted machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

NAMES = {
    "name": "nvmlDeviceGetName",
    "uuid": "nvmlDeviceGetUUID",
    "rates": "nvmlDeviceGetUtilizationRates",
    "power": "nvmlDeviceGetPowerUsage",
    "power_limit": "nvmlDeviceGetEnforcedPowerLimit",
    "temperature": "nvmlDeviceGetTemperature",
    "clock": "nvmlDeviceGetClockInfo",
    "max_clock": "nvmlDeviceGetMaxClockInfo",
    "fan": "nvmlDeviceGetFanSpeed",
    "reasons": "nvmlDeviceGetCurrentClocksEventReasons",
    "ecc": "nvmlDeviceGetTotalEccErrors",
    "mig": "nvmlDeviceGetMigMode",
    "slowdown": "nvmlDeviceGetTemperatureThreshold",
    "rows": "nvmlDeviceGetRemappedRows",
    "persistence": "nvmlDeviceGetPersistenceMode",
    "generation": "nvmlDeviceGetCurrPcieLinkGeneration",
    "width": "nvmlDeviceGetCurrPcieLinkWidth",
    "max_generation": "nvmlDeviceGetMaxPcieLinkGeneration",
    "max_width": "nvmlDeviceGetMaxPcieLinkWidth",
    "link": "nvmlDeviceGetNvLinkState",
    "processes": "nvmlDeviceGetComputeRunningProcesses_v3",
}
GIB = 1 << 30


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"code {value}")
        self.value = value


def not_supported(*_: object) -> Any:
    raise NVMLError(3)


def lost(*_: object) -> Any:
    raise NVMLError(15)


def undecodable(*_: object) -> Any:
    return b"\xff\xfe".decode()


class FakeNvml:
    """Attributes are pynvml's functions; `overrides[index][name]` is a callable in one call's place."""

    NVMLError = NVMLError
    nvmlMemory_v2 = 0x02000028

    def __init__(self, devices: int = 8) -> None:
        self.devices = devices
        self.overrides: dict[int, dict[str, Any]] = {}
        self.opened = 0
        self.init_error: int | None = None
        for key, name in NAMES.items():
            setattr(self, name, self._function(key, name))

    def nvmlInit(self) -> None:
        if self.init_error is not None:
            raise NVMLError(self.init_error)
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return self.devices

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._override(index, "nvmlDeviceGetHandleByIndex")
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int | None = None) -> Any:
        override = self.overrides.get(handle, {}).get("nvmlDeviceGetMemoryInfo")
        if override is not None:
            return override(handle, version)
        used = 10 * GIB if version is None else 9 * GIB  # version 1 counts the reserve as used
        return SimpleNamespace(total=80 * GIB, used=used, free=70 * GIB, reserved=GIB)

    def _override(self, handle: int, name: str, *arguments: object) -> tuple[bool, Any]:
        override = self.overrides.get(handle, {}).get(name)
        return (False, None) if override is None else (True, override(handle, *arguments))

    def _function(self, key: str, name: str) -> Any:
        def call(handle: int, *arguments: object) -> Any:
            found, value = self._override(handle, name, *arguments)
            return value if found else self._value(key, handle, arguments)

        return call

    def _value(self, key: str, handle: int, arguments: tuple[object, ...]) -> Any:
        return {
            "name": "NVIDIA H100 80GB HBM3",
            "uuid": f"GPU-{handle:08d}",
            "rates": SimpleNamespace(gpu=90 + handle % 8, memory=40),
            "power": 612_345,
            "power_limit": 700_000,
            "temperature": 64,
            "clock": 1980 if arguments == (1,) else 2619,
            "max_clock": 1980 if arguments == (1,) else 2619,
            "fan": 30,
            "reasons": 0x05,
            "ecc": 0 if arguments[1:] == (0,) else 4,
            "mig": [0, 0],
            "slowdown": 87,
            "rows": (1, 2, 0, 0),
            "persistence": 1,
            "generation": 4,
            "width": 16,
            "max_generation": 5,
            "max_width": 16,
            "link": 1,
            "processes": [SimpleNamespace(pid=4242 + handle, usedGpuMemory=8 * GIB)],
        }[key]
