"""Looks at what an attempt left behind when nothing of it runs any more: the ends of its logs, the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from runtime.launch.diagnosis.logs import LogLine, lines_of
from runtime.launch.diagnosis.remains import Remains
from runtime.run.layout import AttemptDirectory

_WINDOW = 512 << 10
_SMALL_WINDOW = 32 << 10
_MANY = 32  # ranks, from which on less is read of each
_COUNTED = 256 << 20
"""Bytes before the window in which lines are counted; the lines of a longer log have no numbers."""
_CHUNK = 1 << 20


def examine(files: AttemptDirectory, ranks: Iterable[int]) -> Remains:
    """The remains of an attempt. Reads some hundred KiB of each log and never fails: what can't be read
    isn't there."""
    numbers = list(ranks)
    window = _WINDOW if len(numbers) <= _MANY else _SMALL_WINDOW
    logs = {rank: log_lines(files.log(rank), rank, window) for rank in numbers}
    shared = _space(Path("/dev/shm"))
    disk = _space(files.path)
    return Remains(
        logs={rank: lines for rank, lines in logs.items() if lines},
        disk_free=disk[0] if disk is not None else None,
        shared_free=shared[0] if shared is not None else None,
        shared_total=shared[1] if shared is not None else None,
    )


def log_lines(path: Path, rank: int, window: int = _WINDOW) -> tuple[LogLine, ...]:
    """The last lines of a log, as far as they lie in `window` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ()
    try:
        start = max(0, os.fstat(descriptor).st_size - window)
        data = os.pread(descriptor, window, start)
        first = 1 + _lines_before(descriptor, start) if start <= _COUNTED else None
    except OSError:
        return ()
    finally:
        os.close(descriptor)
    lines = lines_of(rank, data, first, start)
    return lines[1:] if start and len(lines) > 1 else lines  # its beginning lies before the window


def _lines_before(descriptor: int, end: int) -> int:
    count = place = 0
    while place < end:
        chunk = os.pread(descriptor, min(_CHUNK, end - place), place)
        if not chunk:
            break
        count += chunk.count(b"\n")
        place += len(chunk)
    return count


def _space(path: Path) -> tuple[int, int] | None:
    try:
        space = os.statvfs(path)
    except OSError:
        return None
    return space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize
