"""NVIDIA devices by NVML.

Any call may fail alone (not supported by this board, no permission, under MIG, a lost device): that value
is None and the others stand. Meanings and units follow NVML's reference manual; `pynvml` is NVIDIA's own
nvidia-ml-py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from runtime.telemetry.cards import nvidia_cards
from runtime.telemetry.nvml_calls import (
    GPU_IS_LOST,
    DeviceLost,
    NvmlCalls,
    error_code,
    reason,
    text,
)
from runtime.telemetry.nvml_device import DeviceReader
from runtime.telemetry.nvml_processes import ProcessReader
from runtime.telemetry.nvml_traffic import TrafficReader
from runtime.telemetry.problems import Problem, problem_of_code
from runtime.telemetry.sample import DeviceSample

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
        """`module` stands in for pynvml. `pcie`: measure PCIe traffic, in a thread, where it isn't counted.

        `same_pid_namespace`: whether NVML's pids are this process's; found out when None.
        """
        self._module = module
        self._pcie = pcie
        self._same_namespace = same_pid_namespace
        self._clock = clock
        self._calls: NvmlCalls | None = None
        self._processes: ProcessReader | None = None
        self._traffic: TrafficReader | None = None
        self._reader: DeviceReader | None = None
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
        assert self._reader is not None
        assert self._processes is not None
        # A device that the driver no longer counts stays in the list, as lost.
        devices = max(devices, len(self._known))
        samples = [s for index in range(devices) for s in self._device(calls, self._reader, index)]
        self._processes.forget({p.pid for sample in samples for p in sample.processes or ()})
        if not samples:
            self.problem = Problem("no_device")
        return samples

    def close(self) -> None:
        calls, self._calls = self._calls, None
        if self._traffic is not None:
            self._traffic.close()
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
        self._traffic = TrafficReader(calls, pcie=self._pcie, clock=self._clock)
        self._reader = DeviceReader(calls, self._processes, self._traffic, self._clock)
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

    def _device(self, calls: NvmlCalls, reader: DeviceReader, index: int) -> list[DeviceSample]:
        try:
            handle, code = calls.ask("nvmlDeviceGetHandleByIndex", index)
            if code == 0:
                self._known[index] = self._names(calls, index, handle)
                return reader.read(index, handle, *self._known[index])
            state = "unreadable"
        except DeviceLost:
            state = "lost"
        uuid, name = self._known.get(index, (None, None))
        return [DeviceSample(index=index, uuid=uuid, name=name, state=state)]

    def _names(self, calls: NvmlCalls, index: int, handle: Any) -> tuple[str | None, str | None]:
        """A device's UUID and name. The name is asked for once: it can't change while the UUID stays."""
        known_uuid, known_name = self._known.get(index, (None, None))
        uuid = text(calls.value("nvmlDeviceGetUUID", handle))
        if known_name is not None and uuid is not None and uuid == known_uuid:
            return uuid, known_name
        return uuid, text(calls.value("nvmlDeviceGetName", handle))
