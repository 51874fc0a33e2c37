"""When the lines of a log came, as far as anything tells: what the agent noted, or the lines' own times."""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from pathlib import Path

from runtime.run.arrivals import read_arrivals

Entry = tuple[float, int]
"""At this time (Unix seconds) the log had so many bytes."""

MOST_ENTRIES = 20_000
"""Of more, earlier ones are left out: what came lately stays as exact as it was noted."""
_WHOLE = 4 << 20
_SAMPLES = 2000
_BLOCK = 4096
_OWN = re.compile(
    rb'^[\s\[]{0,8}(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)|^\{"time": ?(\d{9,11}(?:\.\d+)?)', re.MULTILINE
)


def noted(times: Path, start: int = 0) -> list[Entry]:
    """What the agent noted from record number `start` on, thinned to what is worth keeping."""
    return thinned(read_arrivals(times, start))


def thinned(entries: list[Entry]) -> list[Entry]:
    """At most `MOST_ENTRIES`: the newest half as it is, of the rest every n-th."""
    if len(entries) <= MOST_ENTRIES:
        return entries
    recent = MOST_ENTRIES // 2
    early = entries[:-recent]
    apart = -(-len(early) // recent)
    return [*early[apart - 1 :: apart], *entries[-recent:]]


def own_times(log: Path, size: int, begun: float | None) -> tuple[list[Entry], bool]:
    """The times with which lines begin (local, with their date), and whether there are any.

    Of a long log a sample of places is read. A log that says nothing is spread evenly from `begun` to when
    it was last written.
    """
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return [], False
    try:
        size = min(size, os.fstat(descriptor).st_size)
        written = os.fstat(descriptor).st_mtime
        if size <= _WHOLE:
            found = _in_block(os.pread(descriptor, size, 0), 0, every=True)
        else:
            found = []
            for number in range(_SAMPLES):
                at = size * number // _SAMPLES
                found += _in_block(os.pread(descriptor, _BLOCK, at), at, every=False)
    except OSError:
        return [], False
    finally:
        os.close(descriptor)
    if found:
        return _ascending(found, size, written), True
    pieces = max(1, min(256, size // _BLOCK))
    begun = written if begun is None else min(begun, written)
    return [
        (begun + (written - begun) * (number + 1) / pieces, size * (number + 1) // pieces)
        for number in range(pieces)
    ], False


def _in_block(block: bytes, base: int, *, every: bool) -> list[Entry]:
    """(time, where the line begins) of the lines that say when they were written; else only of the first."""
    found = []
    # A block from the middle of a file begins with a part of a line.
    start = block.find(b"\n") + 1 if base else 0
    for match in _OWN.finditer(block, start):
        moment = float(match[3]) if match[3] else _moment(match[1], match[2])
        if moment is not None:
            found.append((moment, base + match.start()))
            if not every:
                break
    return found


def _moment(date: bytes, clock: bytes) -> float | None:
    try:
        return datetime.strptime(f"{date.decode()} {clock.decode()}", "%Y-%m-%d %H:%M:%S").timestamp()
    except (ValueError, OverflowError):
        return None


def _ascending(found: list[Entry], size: int, written: float) -> list[Entry]:
    """From the times at which lines begin to the lengths that the log had then: what stands up to the next
    such line belongs to it. A clock that was set back doesn't count.
    """
    entries: list[Entry] = []
    for number, (moment, _start) in enumerate(found):
        stop = found[number + 1][1] if number + 1 < len(found) else size
        moment = max(moment, entries[-1][0]) if entries else moment
        if entries and entries[-1][0] == moment:
            entries.pop()
        entries.append((min(moment, max(written, moment)), stop))
    return thinned(entries)


def clock(moment: float | None) -> str:
    """`14:32:05`, eight spaces for an unknown moment."""
    return " " * 8 if moment is None else time.strftime("%H:%M:%S", time.localtime(moment))
