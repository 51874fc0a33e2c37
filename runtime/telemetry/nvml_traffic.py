"""How much goes over PCIe and NVLink.

Newer drivers have counters for both, and a rate is the difference of two looks. Where PCIe has none,
nvmlDeviceGetPcieThroughput measures for 20 ms a direction while its caller waits, so a thread of its own
asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime.telemetry.nvml_calls import DeviceLost, NvmlCalls, count

# Fields of nvmlDeviceGetFieldValues, from nvml.h
_NVLINK_SENT, _NVLINK_RECEIVED = 138, 139  # KiB since the driver was loaded; scope: a link
_PCIE_SENT, _PCIE_RECEIVED = 197, 198  # bytes
_ALL_LINKS = 0xFFFFFFFF
_KIB = 1024
_FIELDS = [(_NVLINK_SENT, _ALL_LINKS), (_NVLINK_RECEIVED, _ALL_LINKS), (_PCIE_SENT, 0), (_PCIE_RECEIVED, 0)]
_UNITS = (_KIB, _KIB, 1, 1)
_MEASURED_SENT, _MEASURED_RECEIVED = 0, 1  # nvmlPcieUtilCounter_t
_MEMBERS = {1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal"}  # nvmlValueType_t


@dataclass(frozen=True)
class Traffic:
    """Bytes a second; None where unknown, as at the first look."""

    nvlink_sent: int | None = None
    nvlink_received: int | None = None
    pcie_sent: int | None = None
    pcie_received: int | None = None


class TrafficReader:
    """`pcie`: measure PCIe in a thread where it has no counters. `close` ends that thread."""

    def __init__(
        self, calls: NvmlCalls, *, pcie: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._calls, self._clock = calls, clock
        self._before: dict[int, tuple[float, list[int | None]]] = {}
        self._measuring = _PcieThread(calls) if pcie else None

    def read(self, index: int, handle: Any) -> Traffic:
        """The rates since the last look. Raises DeviceLost."""
        rates = self._rates(index, self._counters(handle))
        if self._measuring is not None and rates[2] is None and rates[3] is None and not self._counts(index):
            rates[2:] = self._measuring.rates(index, handle)
        return Traffic(*rates)

    def close(self) -> None:
        if self._measuring is not None:
            self._measuring.close()

    def _counts(self, index: int) -> bool:
        """Whether PCIe has counters here, so that only a second look is missing."""
        return self._before[index][1][3] is not None

    def _counters(self, handle: Any) -> list[int | None]:
        values = self._calls.value("nvmlDeviceGetFieldValues", handle, _FIELDS)
        if values is None:
            return [None] * 4
        return [_field(value, unit) for value, unit in zip(values, _UNITS, strict=False)]

    def _rates(self, index: int, counters: list[int | None]) -> list[int | None]:
        now = self._clock()
        then, before = self._before.get(index, (now, [None] * 4))
        self._before[index] = (now, counters)
        return [_rate(old, new, now - then) for old, new in zip(before, counters, strict=True)]


def _rate(old: int | None, new: int | None, seconds: float) -> int | None:
    if old is None or new is None or seconds <= 0 or new < old:  # a counter that began anew is no rate
        return None
    return round((new - old) / seconds)


def _field(value: Any, unit: int) -> int | None:
    if getattr(value, "nvmlReturn", 1) != 0:
        return None
    member = _MEMBERS.get(getattr(value, "valueType", -1))
    amount = count(getattr(value.value, member, None)) if member is not None else None
    return None if amount is None else amount * unit


class _PcieThread:
    """Asks one device after the other; the newest answers lie ready. It starts with the first question."""

    _PAUSE_SECONDS = 1.0

    def __init__(self, calls: NvmlCalls) -> None:
        self._calls = calls
        self._handles: dict[int, Any] = {}
        self._answers: dict[int, list[int | None]] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def rates(self, index: int, handle: Any) -> list[int | None]:
        """Sent and received, as last measured."""
        self._handles[index] = handle
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pcie", daemon=True)
            self._thread.start()
        return self._answers.get(index, [None, None])

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _work(self) -> None:
        while not self._ended.is_set():
            for index, handle in list(self._handles.items()):
                self._answers[index] = [
                    self._measure(handle, d) for d in (_MEASURED_SENT, _MEASURED_RECEIVED)
                ]
            self._ended.wait(self._PAUSE_SECONDS)

    def _measure(self, handle: Any, direction: int) -> int | None:
        try:
            kilobytes = count(self._calls.value("nvmlDeviceGetPcieThroughput", handle, direction))
        except DeviceLost:
            return None
        return None if kilobytes is None else kilobytes * _KIB
