"""What the machine did while the panel was open, and before that as far as runs recorded it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.store.telemetry import Gpu, Sample

HOST = "host"
"""The key of the machine itself."""
METRICS = ("utilization", "memory", "power", "temperature", "clock", "pcie", "nvlink")
HOST_METRICS = ("cpu", "memory", "network")
_KEPT = 3600
"""Samples a device: two hours at one every two seconds."""

Point = tuple[float, tuple[float | None, ...]]


class DeviceHistory:
    """Points by device: written by the thread that reads the sampler, read by the panel's."""

    def __init__(self) -> None:
        self._points: dict[str, deque[Point]] = {}
        self._lock = threading.Lock()

    def add(self, sample: Sample) -> None:
        """Keeps a sample."""
        with self._lock:
            self._append(HOST, (sample.time, _host_values(sample)))
            for gpu in sample.all_gpus():
                self._append(gpu.key, (sample.time, device_values(gpu)))

    def add_earlier(self, samples: Iterable[Sample]) -> None:
        """Puts samples before those that there are, such as from a run's telemetry file."""
        earlier: dict[str, list[Point]] = {}
        for sample in samples:
            earlier.setdefault(HOST, []).append((sample.time, _host_values(sample)))
            for gpu in sample.all_gpus():
                earlier.setdefault(gpu.key, []).append((sample.time, device_values(gpu)))
        with self._lock:
            for key, points in earlier.items():
                known = self._points.get(key) or deque[Point]()
                first = known[0][0] if known else float("inf")
                before = sorted(point for point in points if point[0] < first)
                self._points[key] = deque([*before, *known], maxlen=_KEPT)

    def series(self, key: str, metric: str) -> tuple[list[float], list[float]]:
        """Times in Unix seconds and values of a metric of METRICS (HOST_METRICS for HOST), where known."""
        position = (HOST_METRICS if key == HOST else METRICS).index(metric)
        with self._lock:
            points = list(self._points.get(key, ()))
        known = [(time, value) for time, values in points if (value := values[position]) is not None]
        return [time for time, _value in known], [value for _time, value in known]

    def _append(self, key: str, point: Point) -> None:
        points = self._points.get(key)
        if points is None:
            points = self._points[key] = deque(maxlen=_KEPT)
        if not points or point[0] > points[-1][0]:  # a clock that was set back must not draw backwards
            points.append(point)


def device_values(gpu: Gpu) -> tuple[float | None, ...]:
    """In the order of METRICS: percent, GiB, watts, °C, MHz, MB/s, MB/s."""
    return (
        gpu.utilization,
        None if gpu.memory_used is None else gpu.memory_used / 2**30,
        gpu.power,
        gpu.temperature,
        gpu.sm_clock,
        _sum_megabytes(gpu.pcie_received, gpu.pcie_sent),
        _sum_megabytes(gpu.nvlink_received, gpu.nvlink_sent),
    )


def _host_values(sample: Sample) -> tuple[float | None, ...]:
    return (
        sample.cpu_percent,
        None if sample.memory_used is None else sample.memory_used / 2**30,
        _sum_megabytes(sample.network_received, sample.network_sent),
    )


def _sum_megabytes(received: float | None, sent: float | None) -> float | None:
    return None if received is None or sent is None else (received + sent) / 1e6
