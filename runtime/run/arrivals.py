"""When the lines of a log came: ranks write their logs themselves and seldom say when.

The agent looks once a second how long each log of its ranks is, and notes it beside the log where it has
grown, in `rank-<r>.times`:

    1795530720.123 0000000000001824

At this time (Unix seconds) the log had so many bytes: what ends there came after the line before. Each line
has 32 bytes, so that a reader finds a place in a file of any length by halving. After a day's worth of lines
only every tenth second is noted; what a rank printed last is noted when it ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

RECORD = 32
FINE_RECORDS = 86_400
COARSE_SECONDS = 10.0


class ArrivalWriter:
    """Notes the length of one log. Whatever the disk says, nothing is raised: times are worth no trouble."""

    def __init__(self, log: Path, times: Path) -> None:
        self._log, self._times = log, times
        self._size = 0
        self._written = 0
        self._noted = 0.0

    def note(self, now: float, last: bool = False) -> None:
        """Notes the present length if it is another one; `last`: also if it is too early for that."""
        try:
            size = self._log.stat().st_size
        except OSError:
            return
        early = self._written >= FINE_RECORDS and now - self._noted < COARSE_SECONDS
        if size == self._size or (early and not last):
            return
        if self._append(f"{now:014.3f} {size:016d}\n".encode()):
            self._size, self._noted = size, now
            self._written += 1

    def _append(self, record: bytes) -> bool:
        """A full disk takes a part of a record: that is taken back, or all after it would be unreadable."""
        try:
            descriptor = os.open(self._times, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return False
        try:
            written = os.write(descriptor, record)
            if written < len(record):
                os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            return written == len(record)
        except OSError:
            return False
        finally:
            os.close(descriptor)


def read_arrivals(path: Path, start: int = 0, most: int | None = None) -> list[tuple[float, int]]:
    """(time, bytes) from record number `start` on, at most `most`; without those that can't be read.

    A missing file gives none. A log that was cut in between begins anew: what was noted before is left out.
    """
    try:
        with path.open("rb") as file:
            file.seek(start * RECORD)
            data = file.read() if most is None else file.read(most * RECORD)
    except OSError:
        return []
    found: list[tuple[float, int]] = []
    for time, size in _records(data):
        if found and size < found[-1][1]:
            found.clear()
        found.append((time, size))
    return found


def _records(data: bytes) -> Iterator[tuple[float, int]]:
    for offset in range(0, len(data) - RECORD + 1, RECORD):
        try:
            yield float(data[offset : offset + 14]), int(data[offset + 15 : offset + 31])
        except ValueError:  # written by a fault of the disk
            continue


def arrival(path: Path, offset: int) -> float | None:
    """When the byte at `offset` of the log had come; None where nothing was noted (yet)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        low, high = 0, os.fstat(descriptor).st_size // RECORD
        end = high
        while low < high:
            middle = (low + high) // 2
            record = next(_records(os.pread(descriptor, RECORD, middle * RECORD)), None)
            if record is None:
                return None
            low, high = (low, middle) if record[1] > offset else (middle + 1, high)
        if low == end:
            return None
        found = next(_records(os.pread(descriptor, RECORD, low * RECORD)), None)
        return found[0] if found is not None else None
    except OSError:
        return None
    finally:
        os.close(descriptor)
