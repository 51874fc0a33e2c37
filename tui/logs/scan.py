"""Reading through a stretch of a file for the first or the last place that matches. Standard library only.

It is also a program of its own, for regular expressions: a pattern that takes for ever would hold the
interpreter's lock, and with it the panel, and nothing but the end of its process stops it. One line of JSON
a question on standard input, one an answer on standard output:

    {"path": …, "pattern": …, "fold": true, "start": 0, "stop": 4096, "forwards": true}
    {"at": 12}        a place that has been passed, now and then
    {"found": 3120, "stop": 3127}   or   {"found": null}   or   {"error": …}
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from typing import Protocol

BLOCK = 4 << 20
_LONGEST_LINE = 64 << 10


class Matcher(Protocol):
    """What is looked for in a block of bytes."""

    overlap: int | None
    """Bytes that a match may reach into the next block; None: blocks must end with a line."""

    def first(self, block: bytes, stop: int) -> int | None:
        """Where the first match begins in block[:stop]."""

    def last(self, block: bytes, stop: int) -> int | None:
        """Where the last match begins in block[:stop]."""


class Expression:
    """A regular expression, in a line at a time: `^` and `$` are a line's ends."""

    overlap: int | None = None

    def __init__(self, pattern: str, fold: bool) -> None:
        """Raises re.error where it is none."""
        flags = re.MULTILINE | (re.IGNORECASE if fold else 0)
        self._pattern = re.compile(pattern.encode("utf-8", "surrogateescape"), flags)
        self.length = 0
        """Bytes of the last match."""

    def first(self, block: bytes, stop: int) -> int | None:
        for match in self._pattern.finditer(block, 0, stop):
            if match.end() > match.start():  # an empty match is none to go to
                self.length = match.end() - match.start()
                return match.start()
        return None

    def last(self, block: bytes, stop: int) -> int | None:
        found = None
        for match in self._pattern.finditer(block, 0, stop):
            if match.end() > match.start():
                found, self.length = match.start(), match.end() - match.start()
        return found


def never() -> bool:
    """A search that nobody stops."""
    return False


def scan(
    descriptor: int,
    matcher: Matcher,
    start: int,
    stop: int,
    forwards: bool = True,
    stopped: Callable[[], bool] = never,
    passed: Callable[[int], object] = id,
) -> int | None:
    """The first match that begins in [start, stop) of the file, or the last one; None without one.

    `passed` is told up to where nothing was found. Raises OSError if the file can't be read.
    """
    stop = min(stop, os.fstat(descriptor).st_size)
    start = max(start, 0)
    return (_forwards if forwards else _backwards)(descriptor, matcher, start, stop, stopped, passed)


def _forwards(
    descriptor: int,
    matcher: Matcher,
    start: int,
    stop: int,
    stopped: Callable[[], bool],
    passed: Callable[[int], object],
) -> int | None:
    offset, overlap = start, matcher.overlap or 0
    while offset < stop and not stopped():
        wanted = min(BLOCK, stop - offset + _LONGEST_LINE) + overlap
        block = os.pread(descriptor, wanted, offset)
        whole = len(block) < BLOCK + overlap
        end = len(block)
        if matcher.overlap is None and not whole:
            end = block.rfind(b"\n") + 1 or len(block)
        found = matcher.first(block, end)
        if found is not None:
            return offset + found if offset + found < stop else None
        if whole:
            return None
        offset += end - overlap
        passed(min(offset, stop))
    return None


def _backwards(
    descriptor: int,
    matcher: Matcher,
    start: int,
    stop: int,
    stopped: Callable[[], bool],
    passed: Callable[[int], object],
) -> int | None:
    end = stop  # a match must begin before it
    while end > start and not stopped():
        begin = max(end - BLOCK, start)
        if matcher.overlap is None:
            block = os.pread(descriptor, end - begin, begin)
            if begin > start and (newline := block.find(b"\n")) >= 0 and newline + 1 < len(block):
                begin, block = begin + newline + 1, block[newline + 1 :]
        else:
            block = os.pread(descriptor, end - begin + matcher.overlap, begin)
        found = matcher.last(block, len(block))
        if found is not None:
            return begin + found
        end = begin
        passed(end)
    return None


# -- as a program


def answer(question: dict[str, object], say: Callable[[dict[str, object]], None]) -> dict[str, object]:
    """Looks for what is asked."""
    try:
        expression = Expression(str(question["pattern"]), bool(question["fold"]))
        descriptor = os.open(str(question["path"]), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (re.error, OSError, OverflowError) as error:
        return {"error": getattr(error, "strerror", None) or str(error)}
    try:
        start, stop = int(str(question["start"])), int(str(question["stop"]))
        forwards = bool(question["forwards"])
        found = scan(descriptor, expression, start, stop, forwards, never, lambda at: say({"at": at}))
    except OSError as error:
        return {"error": error.strerror or str(error)}
    finally:
        os.close(descriptor)
    return {"found": found, "stop": None if found is None else found + expression.length}


def main() -> None:
    """Answers until the questions end."""

    def say(value: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()

    for line in sys.stdin:
        say(answer(json.loads(line), say))


if __name__ == "__main__":
    main()
