"""The host by psutil: processor, memory, disk, network."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

from runtime.telemetry.sample import HostSample

_SHORTEST_PERIOD_SECONDS = 0.05


class HostSource:
    """Samples the machine. Rates are over the time since the sample before, or since this was made."""

    def __init__(self, directory: Path | None = None) -> None:
        """`directory`: whose file system's free space is told; none when None."""
        self._directory = directory
        self._network: tuple[float, int, int] | None = None
        psutil.cpu_percent(percpu=True)  # sets the beginning of the first period
        self._began = time.monotonic()

    def sample(self) -> HostSample:
        cores = self._cores()
        memory = psutil.virtual_memory()
        disk_free, disk_total = self._disk()
        received, sent = self._network_rates()
        return HostSample(
            cpu_percent=round(sum(cores) / len(cores), 1) if cores else None,
            cpu_cores=cores,
            load=_load(),
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            swap_used=_swap_used(),
            disk_free=disk_free,
            disk_total=disk_total,
            network_received=received,
            network_sent=sent,
        )

    def _cores(self) -> list[float]:
        """Percent of each core; empty when the period is too short for the kernel's 10 ms ticks."""
        began = self._began
        if time.monotonic() - began < _SHORTEST_PERIOD_SECONDS:
            return []
        self._began = time.monotonic()
        return [round(value, 1) for value in psutil.cpu_percent(percpu=True)]

    def _disk(self) -> tuple[int | None, int | None]:
        if self._directory is None:
            return None, None
        try:
            status = os.statvfs(self._directory)
        except OSError:  # removed, or a network file system that is away
            return None, None
        return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize

    def _network_rates(self) -> tuple[float | None, float | None]:
        try:
            counters = psutil.net_io_counters(pernic=True)
        except OSError:  # no /proc/net in some containers
            return None, None
        now = time.monotonic()
        received = sum(value.bytes_recv for name, value in counters.items() if name != "lo")
        sent = sum(value.bytes_sent for name, value in counters.items() if name != "lo")
        before, self._network = self._network, (now, received, sent)
        if before is None or now <= before[0] or received < before[1] or sent < before[2]:
            return None, None  # an interface went away: its counters are no rate
        seconds = now - before[0]
        return round((received - before[1]) / seconds, 1), round((sent - before[2]) / seconds, 1)


def _load() -> list[float] | None:
    try:
        return [round(value, 2) for value in os.getloadavg()]
    except OSError:
        return None


def _swap_used() -> int | None:
    try:
        return int(psutil.swap_memory().used)
    except (OSError, RuntimeError):  # psutil raises RuntimeError where /proc/vmstat is withheld
        return None
