"""What an attempt that is over leaves to look at, besides how its processes ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.launch.diagnosis.logs import LogLine


@dataclass(frozen=True)
class Remains:
    """`logs`: the end of each rank's log, by rank. `disk_free`: bytes where the run is written, `shared_free`
    and `shared_total` of /dev/shm; None: not known."""

    logs: Mapping[int, tuple[LogLine, ...]] = field(default_factory=dict)
    disk_free: int | None = None
    shared_free: int | None = None
    shared_total: int | None = None
