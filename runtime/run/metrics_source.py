"""Reading stretches of a metrics file: whole lines from an offset on, and a sample of lines from all over
it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.run.jsontext import LONGEST_LINE
from runtime.run.metrics_columns import MemoryBlock, parse

CHUNK = 1 << 18
"""Bytes parsed at a time: it stays in the processor's cache, and the interpreter is held for about a
millisecond."""
_TAIL = 64
_HEAD = 4096
_WINDOW = 4096
_LARGE_WINDOW = 1 << 17


@dataclass(frozen=True)
class Mark:
    """What is known of the file up to `offset`: its inode, a digest of its first bytes, and the last bytes
    before `offset`.
    """

    inode: int
    offset: int
    head: str
    tail: str

    @classmethod
    def at(cls, descriptor: int, offset: int) -> Mark:
        """The mark of an open file at `offset`."""
        start = max(0, offset - _TAIL)
        head = os.pread(descriptor, min(_HEAD, offset), 0)
        tail = os.pread(descriptor, offset - start, start)
        return cls(os.fstat(descriptor).st_ino, offset, hashlib.sha256(head).hexdigest(), tail.hex())

    def holds(self, descriptor: int) -> bool:
        """Whether the open file still begins with what was read up to here."""
        if os.fstat(descriptor).st_size < self.offset:
            return False
        return Mark.at(descriptor, self.offset) == self


def open_source(path: Path) -> int | None:
    """A descriptor for reading, None where the file is missing or can't be reached for now."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def whole_lines(descriptor: int, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Pieces of whole lines between the offsets, about CHUNK each, with the offset behind them.

    The half line at the end is left for later. A line of more than LONGEST_LINE bytes is passed over (an
    empty piece).
    """
    size = CHUNK
    while start < end:
        data = os.pread(descriptor, min(size, end - start), start)
        cut = data.rfind(b"\n") + 1
        if cut:
            start += cut
            size = CHUNK
            yield data[:cut], start
        elif len(data) >= LONGEST_LINE:
            start += len(data)
            yield b"", start
        elif start + len(data) >= end or not data:
            return
        else:
            size *= 4


def line_start(descriptor: int, position: int, end: int) -> int:
    """Where the first line behind `position` begins, `end` where there is none before."""
    while position < end:
        data = os.pread(descriptor, min(CHUNK, end - position), position)
        cut = data.find(b"\n") + 1
        if cut or not data:
            return position + cut if data else end
        position += len(data)
    return end


def sample_rows(descriptor: int, size: int, points: int) -> MemoryBlock:
    """About `points` rows evenly spread over the first `size` bytes, the first and the last among them."""
    lines: list[bytes] = []
    last_start = -1
    window = _WINDOW
    for position in np.linspace(-1, size - 1, points + 1, dtype=np.int64)[:-1].tolist():
        found = _line_after(descriptor, position, size, window)
        if found is not None and found[0] > last_start:
            last_start = found[0]
            lines.append(found[1])
    end = _last_line(descriptor, size)
    if end is not None and end[0] > last_start:
        lines.append(end[1])
    return parse(b"\n".join(lines))


def _line_after(descriptor: int, position: int, size: int, window: int) -> tuple[int, bytes] | None:
    """The first whole line behind `position` and where it begins; -1 stands before the first."""
    start = max(position, 0)
    data = os.pread(descriptor, min(window, size - start), start)
    begin = 0 if position < 0 else data.find(b"\n") + 1
    end = data.find(b"\n", begin) if begin or position < 0 else -1
    if end >= 0:
        return start + begin, data[begin:end]
    if window < _LARGE_WINDOW and len(data) == window:
        return _line_after(descriptor, position, size, _LARGE_WINDOW)
    return None


def _last_line(descriptor: int, size: int) -> tuple[int, bytes] | None:
    start = max(0, size - _LARGE_WINDOW)
    data = os.pread(descriptor, size - start, start)
    end = data.rfind(b"\n")
    begin = data.rfind(b"\n", 0, max(end, 0)) + 1
    return (start + begin, data[begin:end]) if end > 0 and (begin or not start) else None
