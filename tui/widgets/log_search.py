"""Finding text in a log of any size: blocks of it are read and searched as bytes, in a thread, faster than
a disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tui.widgets.log_text import ERROR_WORDS, read_line

BLOCK = 4 << 20
_LONGEST_LINE = 64 << 10


def never() -> bool:
    """A search that nobody stops."""
    return False


class Needle:
    """Text to be found literally. Without capitals it matches both cases (of ASCII letters)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fold = text == text.lower()
        self.bytes = text.encode("utf-8", "surrogateescape")

    def folded(self, block: bytes) -> bytes:
        """The block as it is searched."""
        return block.lower() if self.fold else block

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the text matches, for highlighting."""
        if not self.text:
            return
        # str.lower() may change lengths beyond ASCII; the search folds ASCII only, and so does this.
        where = text.translate(_ASCII_LOWER) if self.fold else text
        start = where.find(self.text)
        while start >= 0:
            yield start, start + len(self.text)
            start = where.find(self.text, start + len(self.text))


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def search(
    path: Path, needle: Needle, start: int, forwards: bool = True, stopped: Callable[[], bool] = never
) -> int | None:
    """The offset of the next match at or after `start`, or the last one that begins before it; None without
    one.

    Raises OSError if the file can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        size = os.fstat(descriptor).st_size
        overlap = len(needle.bytes) - 1
        if not needle.bytes:
            return None
        if forwards:
            return _forwards(descriptor, needle, start, size, overlap, stopped)
        return _backwards(descriptor, needle, min(start, size), overlap, stopped)
    finally:
        os.close(descriptor)


def _forwards(
    descriptor: int, needle: Needle, start: int, size: int, overlap: int, stopped: Callable[[], bool]
) -> int | None:
    offset = max(start, 0)
    while offset < size and not stopped():
        block = os.pread(descriptor, BLOCK + overlap, offset)
        found = needle.folded(block).find(needle.bytes)
        if found >= 0:
            return offset + found
        if len(block) <= overlap:
            return None
        offset += len(block) - overlap
    return None


def _backwards(
    descriptor: int, needle: Needle, start: int, overlap: int, stopped: Callable[[], bool]
) -> int | None:
    end = start  # a match must begin before it
    while end > 0 and not stopped():
        begin = max(end - BLOCK, 0)
        block = os.pread(descriptor, end - begin + overlap, begin)
        found = needle.folded(block).rfind(needle.bytes)
        if found >= 0:
            return begin + found
        end = begin
    return None


def next_error(path: Path, start: int, stopped: Callable[[], bool] = never) -> int | None:
    """The offset of the next line at or after `start` (the beginning of a line) that looks like an error.

    Raises OSError if the file can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        offset = start
        while not stopped():
            block = os.pread(descriptor, BLOCK, offset)
            if not block:
                return None
            whole = len(block) < BLOCK
            end = len(block) if whole else block.rfind(b"\n") + 1 or len(block)
            found = _error_in(block[:end])
            if found is not None:
                return offset + found
            if whole:
                return None
            offset += end
        return None
    finally:
        os.close(descriptor)


def _error_in(block: bytes) -> int | None:
    """The beginning of the first line of the block that looks like an error."""
    folded = block.lower()
    nearest = {word: folded.find(word) for word in ERROR_WORDS}
    while True:
        hits = [at for at in nearest.values() if at >= 0]
        if not hits:
            return None
        at = min(hits)
        start = block.rfind(b"\n", max(at - _LONGEST_LINE, 0), at) + 1
        stop = block.find(b"\n", at, at + _LONGEST_LINE)
        stop = (
            len(block)
            if stop < 0 and len(block) - at < _LONGEST_LINE
            else stop
            if stop >= 0
            else at + _LONGEST_LINE
        )
        if read_line(block[start:stop]).level == "error":
            return start
        for word, position in nearest.items():
            if 0 <= position < stop:
                nearest[word] = folded.find(word, stop)
