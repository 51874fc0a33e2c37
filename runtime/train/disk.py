"""Room for the next checkpoint: asked for before each save, and watched in between."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 5.0
"""Seconds between two looks at the free space while training."""
_REARM = 1.1
"""The warning is given again only after this many times its limit was free in between."""


@dataclass(frozen=True)
class DiskSettings:
    """A profile's `guard.disk` in bytes; `warn_below` None: where fewer than two more checkpoints fit."""

    margin: int
    warn_below: int | None = None


def free_bytes(path: Path) -> int:
    """Bytes that may still be written to the file system of `path`."""
    return shutil.disk_usage(path).free


class DiskWatch:
    """One rank's view of the disk under `path`, where checkpoints of `needed` bytes are written.

    `report` is told `disk_low`, `save_paused` and `save_resumed`, each once a time; all but rank 0 give one
    that tells nobody.
    """

    def __init__(
        self,
        path: Path,
        settings: DiskSettings,
        needed: int,
        report: Callable[..., None],
        *,
        free: Callable[[Path], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._settings, self._report = path, settings, report
        self._free, self._clock = free, clock
        self.needed = needed
        self.paused = False
        self._owed = 0
        self._low = False
        self._next = 0.0

    @property
    def free(self) -> int:
        """Bytes that are free now."""
        return self._free(self._path)

    def room(self, *, final: bool = False) -> bool:
        """Whether a checkpoint fits and leaves the margin; a final one may use the margin up."""
        wanted = self.needed + (0 if final else self._settings.margin)
        return self.free >= wanted

    def pause(self, step: int) -> None:
        """No save at `step`, for want of room."""
        if not self.paused:
            self._tell("save_paused", step, self.needed + self._settings.margin)
        self.paused = True

    def resume(self, step: int) -> None:
        """There is room again, and a save at `step`."""
        if self.paused:
            self._tell("save_resumed", step, self.needed + self._settings.margin)
        self.paused = False

    def look(self, step: int) -> int:
        """To be called once a step: warns where the disk fills up. Returns how many saves have been asked for
        so far because there is room again after a pause."""
        now = self._clock()
        if now < self._next:
            return self._owed
        self._next = now + INTERVAL
        if self.paused and self.room():
            self._owed += 1
        limit = self._settings.warn_below
        if limit is None:
            limit = 2 * self.needed + self._settings.margin
        free = self.free
        if free < limit and not self._low:
            self._low = True
            self._tell("disk_low", step, limit)
        elif free >= limit * _REARM:
            self._low = False
        return self._owed

    def _tell(self, event: str, step: int, needed: int) -> None:
        self._report(event, step=step, free=self.free, needed=needed)
