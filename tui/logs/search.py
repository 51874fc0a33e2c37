"""What is looked for in logs, literally, as a regular expression, or as an error; in a thread, faster than a
disk.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime.messages import N_, Message
from tui.clean import clean
from tui.logs import scan as log_scan
from tui.logs.file import Stretch, TextFile
from tui.logs.scan import Expression, Matcher, never, scan
from tui.logs.text import ERROR_WORDS, read_line

__all__ = [
    "Errors",
    "Finder",
    "Needle",
    "Pattern",
    "SearchError",
    "needle_of",
    "never",
    "next_error",
    "search",
]

EXPRESSION = ("re:", "re：")
"""What a regular expression begins with in the search line; the second is an input method's."""
_LONGEST_LINE = 64 << 10
_LOOK_SECONDS = 0.1


class SearchError(Exception):
    """Why nothing can be searched for; `message` is for people."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class Needle:
    """Text to be found literally. Without capitals it matches both cases (of ASCII letters)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fold = text == text.lower()
        self.bytes = text.encode("utf-8", "surrogateescape")
        self.overlap: int | None = max(len(self.bytes) - 1, 0)

    def first(self, block: bytes, stop: int) -> int | None:
        found = self._folded(block).find(self.bytes) if self.bytes else -1
        return found if found >= 0 else None

    def last(self, block: bytes, stop: int) -> int | None:
        found = self._folded(block).rfind(self.bytes) if self.bytes else -1
        return found if found >= 0 else None

    def _folded(self, block: bytes) -> bytes:
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


class Pattern:
    """A regular expression, searched in a process of its own that is ended when nobody waits any more.

    What is highlighted is the text of the last match, wherever it is on screen: the expression itself is
    never run in the panel, where one that takes for ever would stop everything.
    """

    def __init__(self, text: str) -> None:
        """Raises SearchError where it is no regular expression."""
        self.text = text
        self.fold = text == text.lower()
        self.matched = ""
        try:
            Expression(text, self.fold)
        except (re.error, OverflowError) as error:
            raise SearchError(
                Message(N_("not a regular expression: {error}"), {"error": str(error)})
            ) from error

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the text of the last match stands."""
        start = text.find(self.matched) if self.matched else -1
        while start >= 0:
            yield start, start + len(self.matched)
            start = text.find(self.matched, start + len(self.matched))


class Errors:
    """Lines that look like errors."""

    overlap: int | None = None

    def first(self, block: bytes, stop: int) -> int | None:
        return next(_errors(block, stop), None)

    def last(self, block: bytes, stop: int) -> int | None:
        found = None
        for found in _errors(block, stop):  # noqa: B007 (the last one)
            pass
        return found


def needle_of(text: str) -> Needle | Pattern:
    """What a person typed. Raises SearchError where it says that it is a regular expression and isn't one."""
    return Pattern(text[len(EXPRESSION[0]) :].lstrip()) if text.startswith(EXPRESSION) else Needle(text)


class Finder:
    """`with Finder(needle, stopped) as find: find(path, start, stop, forwards, passed)`.

    Returns where the first (or last) match begins in [start, stop), or None. Raises OSError if the file
    can't be read.
    """

    def __init__(self, needle: Needle | Pattern | Errors, stopped: Callable[[], bool] = never) -> None:
        self._needle, self._stopped = needle, stopped
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Finder:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()

    def __call__(
        self, path: Path, start: int, stop: int, forwards: bool, passed: Callable[[int], object] = id
    ) -> int | None:
        if isinstance(self._needle, Pattern):
            return self._ask(self._needle, path, start, stop, forwards, passed)
        matcher: Matcher = self._needle
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return scan(descriptor, matcher, start, stop, forwards, self._stopped, passed)
        finally:
            os.close(descriptor)

    def _ask(
        self,
        pattern: Pattern,
        path: Path,
        start: int,
        stop: int,
        forwards: bool,
        passed: Callable[[int], object],
    ) -> int | None:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-S", "-E", log_scan.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        assert self._child.stdin is not None
        question = {
            "path": str(path), "pattern": pattern.text, "fold": pattern.fold, "start": start, "stop": stop,
            "forwards": forwards,
        }  # fmt: skip
        self._child.stdin.write(json.dumps(question).encode() + b"\n")
        for said in self._answers(self._child):
            if "at" in said:
                passed(said["at"])
            elif "error" in said:
                raise OSError(0, said["error"])
            elif said["found"] is None:
                return None
            else:
                pattern.matched = _matched(path, said["found"], said["stop"])
                return int(said["found"])
        return None

    def _answers(self, child: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
        """What the child says, until it is through or nobody waits any more. Raises OSError when it died."""
        assert child.stdout is not None
        pending = b""
        while not self._stopped():
            if not select.select([child.stdout], [], [], _LOOK_SECONDS)[0]:
                continue
            data = os.read(child.stdout.fileno(), 1 << 16)
            if not data:
                raise OSError(0, f"the search ended with code {child.wait()}")
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                yield json.loads(line)


def _matched(path: Path, start: int, stop: int) -> str:
    with suppress(OSError), path.open("rb") as file:
        file.seek(start)
        return clean(file.read(min(stop - start, 1000)).decode("utf-8", "replace"))
    return ""


def find_place(
    file: TextFile,
    needle: Needle | Pattern | Errors,
    start: int,
    forwards: bool,
    stopped: Callable[[], bool] = never,
    passed: Callable[[int], object] = id,
) -> int | None:
    """The place of the next match in what a view shows, at or after `start`, or the last one before it.

    Raises OSError if a file can't be read; one that has gone meanwhile has no match.
    """
    with Finder(needle, stopped) as find:
        for window in file.windows(start, forwards):
            places = []
            for stretch in window:

                def told(at: int, stretch: Stretch = stretch) -> None:
                    passed(stretch.place(at))

                try:
                    found = find(stretch.path, stretch.start, stretch.stop, forwards, told)
                except FileNotFoundError:
                    continue
                if found is not None:
                    places.append(stretch.place(found))
            if places or stopped():
                return min(places) if forwards and places else max(places, default=None)
    return None


def search(
    path: Path,
    needle: Needle | Pattern,
    start: int,
    forwards: bool = True,
    stopped: Callable[[], bool] = never,
) -> int | None:
    """The offset of the next match at or after `start`, or the last one that begins before it; None without
    one.

    Raises OSError if the file can't be read.
    """
    with Finder(needle, stopped) as find:
        return find(path, start, 1 << 62, True) if forwards else find(path, 0, start, False)


def next_error(path: Path, start: int, stopped: Callable[[], bool] = never) -> int | None:
    """The offset of the next line at or after `start` (the beginning of a line) that looks like an error.

    Raises OSError if the file can't be read.
    """
    with Finder(Errors(), stopped) as find:
        return find(path, start, 1 << 62, True)


def _errors(block: bytes, end: int) -> Iterator[int]:
    """The beginnings of the lines of block[:end] that look like errors, in order."""
    folded = block.lower()
    nearest = {word: folded.find(word, 0, end) for word in ERROR_WORDS}
    while hits := [at for at in nearest.values() if at >= 0]:
        at = min(hits)
        start = block.rfind(b"\n", max(at - _LONGEST_LINE, 0), at) + 1
        stop = block.find(b"\n", at, at + _LONGEST_LINE)
        if stop < 0:
            stop = min(at + _LONGEST_LINE, len(block))
        if read_line(block[start:stop]).level == "error":
            yield start
        for word, position in nearest.items():
            if 0 <= position < stop:
                nearest[word] = folded.find(word, stop, end)
