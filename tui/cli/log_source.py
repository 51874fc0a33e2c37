"""One log file as `logs` reads it: its last lines, what came since a moment, and each line made readable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runtime.messages import N_, UsageError
from tui.clean import clean

BLOCK = 1 << 16


class Source:
    """One log file: where it lies, and whose it is."""

    def __init__(
        self,
        path: Path,
        attempt: int | None,
        rank: int | None,
        prefix: str = "",
        times: Path | None = None,
    ) -> None:
        from runtime.run.tail import LineTail

        self.path = path
        self.times = times
        self.attempt = attempt
        self.rank = rank
        self.prefix = prefix
        self.tail = LineTail(path)

    def start(self, last: int | None, since: float | None) -> None:
        """Begins `last` lines before the end, or with what came `since`. Raises UsageError where nothing
        tells when it came.
        """
        if last is not None:
            self.tail.offset = last_lines_offset(self.path, last)
        if since is not None:
            self.tail.offset = max(self.tail.offset, since_offset(self.path, self.times, since))

    def read(self, last: int | None, since: float | None) -> Iterator[bytes]:
        """What is there now, a half line at the end included; `last`: only so many lines."""
        self.start(last, since)
        while lines := self.tail.poll(BLOCK * 16):
            yield from lines
        if self.tail.partial:
            yield self.tail.partial


def readable(line: bytes) -> str:
    """A log line as a terminal would have left it, without what it would have acted on.

    Carriage returns overwrite the line (progress bars), so the last state counts.
    """
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return clean(next((part for part in reversed(text.split("\r")) if part.strip()), ""))


def since_offset(path: Path, times: Path | None, since: float) -> int:
    """Where what came since a moment begins. Raises UsageError where nothing tells when lines came."""
    from tui.logs.jump import entries_of, offset_at

    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    entries = entries_of(path, times, size)
    if not entries and size:
        raise UsageError(
            N_("nothing tells when the lines of {log} came: they have no times and none were noted"),
            log=path.name,
        )
    return offset_at(entries, since)


def last_lines_offset(path: Path, lines: int) -> int:
    """Where the last `lines` lines of a file begin, in bytes; read backwards, so that size doesn't matter."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            if lines == 0 or end == 0:
                return end
            position, missing = end, lines
            while position > 0:
                start = max(0, position - BLOCK)
                file.seek(start)
                block = file.read(position - start)
                search_to = len(block) - 1 if position == end and block.endswith(b"\n") else len(block)
                while (found := block.rfind(b"\n", 0, search_to)) >= 0:
                    missing -= 1
                    if missing == 0:
                        return start + found + 1
                    search_to = found
                position = start
            return 0
    except FileNotFoundError:
        return 0
