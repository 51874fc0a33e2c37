"""NVIDIA devices by NVML.

Any call may fail alone (not supported by this board, no permission, under MIG, a lost device): that value
is None and the others stand. Meanings and units follow NVML's reference manual; `pynvml` is NVIDIA's own
nvidia-ml-py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil

from runtime.telemetry.cards import nvidia_cards
from runtime.telemetry.nvml_calls import (
    GPU_IS_LOST,
    NOT_SUPPORTED,
    DeviceLost,
    NvmlCalls,
    count,
    error_code,
    number,
    percent,
    reason,
    text,
)
from runtime.telemetry.nvml_processes import ProcessReader
from runtime.telemetry.problems import Problem, problem_of_code
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
_CLOCK_SM = 1
_CLOCK_MEMORY = 2
_ECC_UNCORRECTED = 1
_ECC_SINCE_LOADED = 0
_PCIE_SENT = 0
_PCIE_RECEIVED = 1
_RETRY_SECONDS = 30.0


class NvmlSource:
    """All NVIDIA devices of this machine.

    No driver, no library, no device: an empty list, and `problem` says why.
    """

    def __init__(
        self,
        module: Any = None,
        *,
        pcie: bool = False,
        same_pid_namespace: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`module` stands in for pynvml. `pcie`: also read PCIe traffic, which takes 40 ms a device.

        `same_pid_namespace`: whether NVML's pids are this process's; found out when None.
        """
        self._module = module
        self._pcie = pcie
        self._same_namespace = same_pid_namespace
        self._clock = clock
        self._calls: NvmlCalls | None = None
        self._processes: ProcessReader | None = None
        self._known: dict[int, tuple[str | None, str | None]] = {}  # by index; told of a lost device too
        self._retry_at = float("-inf")
        self.problem: Problem | None = None

    def sample(self) -> list[DeviceSample]:
        calls = self._calls or self._open()
        if calls is None:
            return []
        try:
            devices = int(calls.module.nvmlDeviceGetCount())
        except calls.error as error:
            if error_code(error) != GPU_IS_LOST:  # the driver was unloaded or replaced under us: start over
                self._fail(calls, error)
                return []
            devices = len(self._known)
        samples = [self._device(calls, index) for index in range(devices)]
        if self._processes is not None:
            self._processes.forget({p.pid for sample in samples for p in sample.processes or ()})
        return samples

    def close(self) -> None:
        calls, self._calls = self._calls, None
        if calls is not None:
            try:
                calls.module.nvmlShutdown()
            except calls.error as error:
                self.problem = self._problem(error)

    def _open(self) -> NvmlCalls | None:
        if self._clock() < self._retry_at:
            return None
        try:
            if self._module is None:
                import pynvml

                self._module = pynvml
            calls = NvmlCalls(self._module)
        except ImportError:
            self.problem = Problem("no_module")
            self._retry_at = float("inf")  # a new process is needed to import anything else
            return None
        except ValueError as error:
            self.problem = Problem("wrong_module", str(error))
            self._retry_at = float("inf")  # a new process is needed to import anything else
            return None
        try:
            calls.module.nvmlInit()
        except (calls.error, UnicodeDecodeError, OSError, AttributeError) as error:
            self._fail(None, error)
            return None
        self._calls = calls
        self._processes = ProcessReader(calls, same_namespace=self._same_namespace)
        self.problem = None
        return calls

    def _fail(self, calls: NvmlCalls | None, error: Exception) -> None:
        if calls is not None:
            self.close()
        self.problem = self._problem(error)
        self._retry_at = self._clock() + _RETRY_SECONDS

    @staticmethod
    def _problem(error: Exception) -> Problem:
        return problem_of_code(error_code(error), reason(error), card=nvidia_cards() > 0)

    def _device(self, calls: NvmlCalls, index: int) -> DeviceSample:
        try:
            handle, code = calls.ask("nvmlDeviceGetHandleByIndex", index)
            if code == 0:
                self._known[index] = self._names(calls, index, handle)
                return self._read(calls, index, handle)
            state = "unreadable"
        except DeviceLost:
            state = "lost"
        uuid, name = self._known.get(index, (None, None))
        return DeviceSample(index=index, uuid=uuid, name=name, state=state)

    def _names(self, calls: NvmlCalls, index: int, handle: Any) -> tuple[str | None, str | None]:
        """A device's UUID and name. The name is asked for once: it can't change while the UUID stays."""
        known_uuid, known_name = self._known.get(index, (None, None))
        uuid = text(calls.value("nvmlDeviceGetUUID", handle))
        if known_name is not None and uuid is not None and uuid == known_uuid:
            return uuid, known_name
        return uuid, text(calls.value("nvmlDeviceGetName", handle))

    def _read(self, calls: NvmlCalls, index: int, handle: Any) -> DeviceSample:
        uuid, name = self._known[index]
        ask = calls.value
        rates = ask("nvmlDeviceGetUtilizationRates", handle)
        used, total, unified = _memory(calls, handle)
        mig = ask("nvmlDeviceGetMigMode", handle)
        return DeviceSample(
            index=index,
            uuid=uuid,
            name=name,
            utilization=percent(getattr(rates, "gpu", None)),
            memory_utilization=percent(getattr(rates, "memory", None)),
            memory_used=used,
            memory_total=total,
            unified=unified,
            power=number(ask("nvmlDeviceGetPowerUsage", handle), 1e-3),
            power_limit=number(ask("nvmlDeviceGetEnforcedPowerLimit", handle), 1e-3),
            temperature=number(ask("nvmlDeviceGetTemperature", handle, _TEMPERATURE_GPU)),
            sm_clock=number(ask("nvmlDeviceGetClockInfo", handle, _CLOCK_SM)),
            memory_clock=number(ask("nvmlDeviceGetClockInfo", handle, _CLOCK_MEMORY)),
            max_sm_clock=number(ask("nvmlDeviceGetMaxClockInfo", handle, _CLOCK_SM)),
            fan=percent(ask("nvmlDeviceGetFanSpeed", handle)),
            throttle=_throttle(calls, handle),
            ecc_errors=count(ask("nvmlDeviceGetTotalEccErrors", handle, _ECC_UNCORRECTED, _ECC_SINCE_LOADED)),
            mig=bool(mig[0]) if isinstance(mig, (list, tuple)) and mig else None,
            pcie_received=_pcie(calls, handle, _PCIE_RECEIVED) if self._pcie else None,
            pcie_sent=_pcie(calls, handle, _PCIE_SENT) if self._pcie else None,
            processes=self._processes.read(handle) if self._processes is not None else None,
        )


def _memory(calls: NvmlCalls, handle: Any) -> tuple[int | None, int | None, bool]:
    """Bytes used, bytes in all, and whether both are the host's.

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
        return host.total - host.available, host.total, True
    return count(getattr(memory, "used", None)), total, False


def _throttle(calls: NvmlCalls, handle: Any) -> list[str] | None:
    reasons = count(calls.value("nvmlDeviceGetCurrentClocksEventReasons", handle))
    if reasons is None:  # from before the call was renamed
        reasons = count(calls.value("nvmlDeviceGetCurrentClocksThrottleReasons", handle))
    return None if reasons is None else [code for bit, code in THROTTLE.items() if reasons & bit]


def _pcie(calls: NvmlCalls, handle: Any, direction: int) -> int | None:
    kibibytes = count(calls.value("nvmlDeviceGetPcieThroughput", handle, direction))  # KB/s over 20 ms
    return None if kibibytes is None else kibibytes * 1024
