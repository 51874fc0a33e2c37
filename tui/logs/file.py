"""A window on a text file of any size that somebody else writes.

Nothing is indexed: a line is found by reading blocks of 64 KiB around a place in the file, so a file of 1
GB opens at once. Reading is by `pread`, never by a memory map, for a map of a file that is truncated kills
the process that touches it.

A line without end is cut into pieces: a piece ends at a newline, and at each multiple of 64 KiB before
which a whole block holds no newline. The same pieces come out whether one reads forwards or backwards.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from runtime.run.arrivals import arrival

BLOCK = 64 << 10
_KEPT_BLOCKS = 16
_SIGNATURE = 64

Change = Literal["same", "grown", "replaced", "missing"]


@dataclass(frozen=True)
class Piece:
    """A line, or a part of a very long one: bytes `start` to `stop` of the file, newline included."""

    start: int
    stop: int
    raw: bytes
    continued: bool
    """Whether it goes on where the piece before has ended."""
    complete: bool
    """Whether it ends in a newline or goes on in the next piece: what isn't may still grow."""
    label: str = ""
    """Which log it is of, where several are shown as one."""
    source: int = 0
    time: float | None = None
    """When it came, in Unix seconds, where that is known."""


@dataclass(frozen=True)
class Stretch:
    """Bytes `start` to `stop` of a log; `place` turns an offset in it into one of what is shown."""

    path: Path
    start: int
    stop: int
    place: Callable[[int], int]


class TextFile(Protocol):
    """What a log view shows: one file, or several as one (`tui.logs.merge`)."""

    size: int
    exists: bool

    def poll(self) -> Change: ...
    def close(self) -> None: ...
    def start_before(self, offset: int) -> int: ...
    def start_of(self, offset: int) -> int: ...
    def stop_after(self, start: int) -> int: ...
    def piece_at(self, start: int) -> Piece | None: ...
    def piece_before(self, offset: int) -> Piece | None: ...
    def moment(self, piece: Piece) -> float | None: ...
    def windows(self, start: int, forwards: bool) -> Iterator[list[Stretch]]: ...
    @property
    def tells_time(self) -> bool: ...


class LogFile:
    """One file. `poll` looks what has happened to it; offsets are good until it says `replaced` or
    `missing`.
    """

    def __init__(self, path: Path, times: Path | None = None) -> None:
        self.path, self.times = path, times
        self.size = 0
        self.exists = False
        self._identity: tuple[int, int] | None = None
        self._head = b""
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._descriptor: int | None = None

    def poll(self) -> Change:
        """What has happened since the last poll. The file is opened anew each time, as NFS asks for."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return self._missing()
        self.close()
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return self._missing()
        self._descriptor = descriptor
        identity = (status.st_dev, status.st_ino)
        head = self._pread(0, min(status.st_size, _SIGNATURE))
        replaced = self.exists and (
            identity != self._identity or status.st_size < self.size or head[: len(self._head)] != self._head
        )
        grown = status.st_size > self.size
        if replaced:
            self._forget()
        appeared = not self.exists
        self._identity, self._head, self.size, self.exists = identity, head, status.st_size, True
        return "replaced" if replaced or appeared else "grown" if grown else "same"

    def _missing(self) -> Change:
        existed, self.exists = self.exists, False
        self._forget()
        return "missing" if existed else "same"

    def _forget(self) -> None:
        self.size = 0
        self._head = b""
        self._blocks.clear()

    def close(self) -> None:
        """Closes the file; the next poll opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    # -- bytes

    def _pread(self, offset: int, length: int) -> bytes:
        if self._descriptor is None or length <= 0:
            return b""
        try:
            return os.pread(self._descriptor, length, offset)
        except (
            OSError
        ):  # a stale NFS handle, a failing disk: nothing to show now, the next poll opens it anew
            return b""

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`; fewer if the file has become shorter."""
        return self._pread(start, min(stop, self.size) - start)

    def _block(self, number: int) -> bytes:
        """The block with this number; only whole blocks are kept, for the last one grows."""
        block = self._blocks.get(number)
        if block is None:
            block = self.read(number * BLOCK, (number + 1) * BLOCK)
            if len(block) == BLOCK:
                self._blocks[number] = block
                if len(self._blocks) > _KEPT_BLOCKS:
                    self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return block

    # -- lines

    def start_before(self, offset: int) -> int:
        """Where the piece begins that holds the byte before `offset`; 0 at the beginning of the file."""
        offset = min(offset, self.size)
        if offset <= 0:
            return 0
        number = (offset - 1) // BLOCK
        base = number * BLOCK
        found = self._block(number).rfind(b"\n", 0, offset - 1 - base)
        if found >= 0:
            return base + found + 1
        if number == 0:
            return 0
        found = self._block(number - 1).rfind(b"\n")
        return base if found < 0 else base - BLOCK + found + 1

    def stop_after(self, start: int) -> int:
        """Where the piece ends that begins at `start`."""
        limit = -(-start // BLOCK) * BLOCK + BLOCK
        for number in range(start // BLOCK, limit // BLOCK):
            found = self._block(number).find(b"\n", max(start - number * BLOCK, 0))
            if found >= 0:
                return min(number * BLOCK + found + 1, self.size)
        return min(limit, self.size)

    def piece_at(self, start: int) -> Piece | None:
        """The piece that begins at `start`, which must be the beginning of one; None at the end of the
        file.
        """
        if start >= self.size:
            return None
        stop = self.stop_after(start)
        raw = b"".join(
            self._block(number)[max(start - number * BLOCK, 0) : stop - number * BLOCK]
            for number in range(start // BLOCK, -(-stop // BLOCK))
        )
        continued = (
            start > 0
            and self._block((start - 1) // BLOCK)[(start - 1) % BLOCK : (start - 1) % BLOCK + 1] != b"\n"
        )
        return Piece(start, stop, raw, continued, raw.endswith(b"\n") or stop < self.size)

    def piece_before(self, offset: int) -> Piece | None:
        """The piece that ends at `offset`; None at the beginning of the file."""
        return self.piece_at(self.start_before(offset)) if min(offset, self.size) > 0 else None

    def start_of(self, offset: int) -> int:
        """Where the piece begins that holds the byte at `offset`."""
        return self.start_before(offset + 1)

    # -- what a view asks besides

    @property
    def tells_time(self) -> bool:
        """Whether it was noted when lines came."""
        return self.times is not None and self.times.exists()

    def moment(self, piece: Piece) -> float | None:
        """When the line came, where that was noted."""
        return arrival(self.times, piece.stop - 1) if self.times is not None else None

    def windows(self, start: int, forwards: bool) -> Iterator[list[Stretch]]:
        """What a search goes through: all from `start` on, or all before it."""
        end = self.size
        low, high = (max(start, 0), end) if forwards else (0, min(start, end))
        if high > low:
            yield [Stretch(self.path, low, high, _same)]


def _same(offset: int) -> int:
    return offset
