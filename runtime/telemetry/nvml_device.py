"""The values of one NVIDIA device, and of the MIG instances that it is cut into."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil

from runtime.telemetry.nvml_calls import NOT_SUPPORTED, NvmlCalls, count, number, percent, text
from runtime.telemetry.nvml_processes import ProcessReader
from runtime.telemetry.nvml_traffic import TrafficReader
from runtime.telemetry.sample import DeviceSample

# Bits of nvmlDeviceGetCurrentClocksEventReasons that mean "slower than it could be". Left out: idle,
# clocks that somebody chose, display.
THROTTLE = {
    0x04: "sw_power_cap",
    0x08: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal",
    0x40: "hw_thermal",
    0x80: "hw_power_brake",
}
_TEMPERATURE_GPU = 0
_THRESHOLD_SLOWDOWN = 1
_CLOCK_SM, _CLOCK_MEMORY = 1, 2
_ECC_UNCORRECTED = 1
_ECC_SINCE_LOADED, _ECC_EVER = 0, 1
_RETIRED_FOR = (0, 1)  # several single-bit errors, one double-bit error
_FIXED_SECONDS = 60.0
"""For how long what hardly ever changes is believed: a call costs up to a millisecond."""


class DeviceReader:
    """Reads devices by their handles; remembers what hardly changes."""

    def __init__(
        self,
        calls: NvmlCalls,
        processes: ProcessReader,
        traffic: TrafficReader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls, self._processes, self._traffic, self._clock = calls, processes, traffic, clock
        self._fixed: dict[int, tuple[float, str | None, dict[str, Any]]] = {}

    def read(self, index: int, handle: Any, uuid: str | None, name: str | None) -> list[DeviceSample]:
        """The device, followed by its MIG instances. Raises DeviceLost."""
        calls, ask = self._calls, self._calls.value
        mig = ask("nvmlDeviceGetMigMode", handle)
        cut = bool(mig[0]) if isinstance(mig, (list, tuple)) and mig else None
        instances = self._instances(index, handle, uuid) if cut else []
        rates = ask("nvmlDeviceGetUtilizationRates", handle)
        used, total, reserved, unified = memory_of(calls, handle)
        traffic = self._traffic.read(index, handle)
        device = DeviceSample(
            index=index,
            uuid=uuid,
            name=name,
            utilization=percent(getattr(rates, "gpu", None)),
            memory_utilization=percent(getattr(rates, "memory", None)),
            memory_used=used,
            memory_total=total,
            memory_reserved=reserved,
            unified=unified,
            power=number(ask("nvmlDeviceGetPowerUsage", handle), 1e-3),
            temperature=number(ask("nvmlDeviceGetTemperature", handle, _TEMPERATURE_GPU)),
            sm_clock=number(ask("nvmlDeviceGetClockInfo", handle, _CLOCK_SM)),
            memory_clock=number(ask("nvmlDeviceGetClockInfo", handle, _CLOCK_MEMORY)),
            fan=percent(ask("nvmlDeviceGetFanSpeed", handle)),
            throttle=_throttle(calls, handle),
            ecc_errors=count(ask("nvmlDeviceGetTotalEccErrors", handle, _ECC_UNCORRECTED, _ECC_SINCE_LOADED)),
            mig=cut,
            pcie_received=traffic.pcie_received,
            pcie_sent=traffic.pcie_sent,
            nvlink_received=traffic.nvlink_received,
            nvlink_sent=traffic.nvlink_sent,
            # With MIG the device repeats the processes of its instances.
            processes=[] if instances else self._processes.read(handle),
            **self._slow(index, handle, uuid),
        )
        return [device, *instances]

    def _slow(self, index: int, handle: Any, uuid: str | None) -> dict[str, Any]:
        until, of, values = self._fixed.get(index, (float("-inf"), None, {}))
        if self._clock() >= until or of != uuid:
            values = _fixed_values(self._calls, handle)
            self._fixed[index] = (self._clock() + _FIXED_SECONDS, uuid, values)
        return values

    def _instances(self, index: int, handle: Any, parent: str | None) -> list[DeviceSample]:
        ask = self._calls.value
        found = []
        for number_ in range(count(ask("nvmlDeviceGetMaxMigDeviceCount", handle)) or 0):
            instance = ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number_)
            if instance is None:  # no instance in this place
                continue
            used, total, reserved, unified = memory_of(self._calls, instance)
            sample = DeviceSample(
                index=index,
                uuid=text(ask("nvmlDeviceGetUUID", instance)),
                name=text(ask("nvmlDeviceGetName", instance)),
                parent=parent,
                instance=number_,
                memory_used=None if unified else used,  # not supported here says nothing of shared memory
                memory_total=None if unified else total,
                memory_reserved=reserved,
                processes=self._processes.read(instance),
            )
            found.append(sample)
        return found


def _fixed_values(calls: NvmlCalls, handle: Any) -> dict[str, Any]:
    ask = calls.value
    rows, failed = _remapped(calls, handle)
    mode = count(ask("nvmlDeviceGetPersistenceMode", handle))
    return {
        "power_limit": number(ask("nvmlDeviceGetEnforcedPowerLimit", handle), 1e-3),
        "slowdown_temperature": number(ask("nvmlDeviceGetTemperatureThreshold", handle, _THRESHOLD_SLOWDOWN)),
        "max_sm_clock": number(ask("nvmlDeviceGetMaxClockInfo", handle, _CLOCK_SM)),
        "max_memory_clock": number(ask("nvmlDeviceGetMaxClockInfo", handle, _CLOCK_MEMORY)),
        "ecc_errors_ever": count(ask("nvmlDeviceGetTotalEccErrors", handle, _ECC_UNCORRECTED, _ECC_EVER)),
        "remapped_rows": rows,
        "remap_failed": failed,
        "persistence": None if mode is None else bool(mode),
        "pcie_generation": count(ask("nvmlDeviceGetCurrPcieLinkGeneration", handle)),
        "pcie_width": count(ask("nvmlDeviceGetCurrPcieLinkWidth", handle)),
        "max_pcie_generation": count(ask("nvmlDeviceGetMaxPcieLinkGeneration", handle)),
        "max_pcie_width": count(ask("nvmlDeviceGetMaxPcieLinkWidth", handle)),
        "nvlinks": _links(calls, handle),
    }


def memory_of(calls: NvmlCalls, handle: Any) -> tuple[int | None, int | None, int | None, bool]:
    """Bytes used, in all, and reserved by the driver; and whether they are the host's.

    Version 2 of the call first, since version 1 counts the driver's reserve as used. A board without
    memory of its own (not supported, or a total of 0) shares the host's.
    """
    version = getattr(calls.module, "nvmlMemory_v2", None)
    memory, code = None, -1
    if version is not None:
        memory, code = calls.ask("nvmlDeviceGetMemoryInfo", handle, version)
    if code not in (0, NOT_SUPPORTED):  # an older library or module lacks version 2
        memory, code = calls.ask("nvmlDeviceGetMemoryInfo", handle)
    total = count(getattr(memory, "total", None))
    if code == NOT_SUPPORTED or (code == 0 and total == 0):
        host = psutil.virtual_memory()
        return host.total - host.available, host.total, None, True
    return count(getattr(memory, "used", None)), total, count(getattr(memory, "reserved", None)), False


def _throttle(calls: NvmlCalls, handle: Any) -> list[str] | None:
    reasons = count(calls.value("nvmlDeviceGetCurrentClocksEventReasons", handle))
    if reasons is None:  # from before the call was renamed
        reasons = count(calls.value("nvmlDeviceGetCurrentClocksThrottleReasons", handle))
    return None if reasons is None else [code for bit, code in THROTTLE.items() if reasons & bit]


def _remapped(calls: NvmlCalls, handle: Any) -> tuple[int | None, bool | None]:
    """Rows remapped for uncorrected errors and whether that once failed; before Ampere, pages retired."""
    rows = calls.value("nvmlDeviceGetRemappedRows", handle)
    if isinstance(rows, (list, tuple)) and len(rows) == 4:
        return count(rows[1]), bool(rows[3])
    pages = [calls.value("nvmlDeviceGetRetiredPages", handle, cause) for cause in _RETIRED_FOR]
    if any(each is None for each in pages):
        return None, None
    return sum(len(each) for each in pages), None


def _links(calls: NvmlCalls, handle: Any) -> int | None:
    """How many NVLinks are up; None where the board has none."""
    states = []
    for link in range(getattr(calls.module, "NVML_NVLINK_MAX_LINKS", 18)):
        state, code = calls.ask("nvmlDeviceGetNvLinkState", handle, link)
        if code != 0:  # no such link, or no NVLink at all
            break
        states.append(state)
    return sum(1 for state in states if state == 1) if states else None
