"""Going to a place of a log: a line, a share of it, a time of day, its start or its end."""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.messages import N_, Message
from tui.logs.file import LogFile, TextFile
from tui.logs.merge import MergedLog
from tui.logs.scan import never
from tui.logs.search import SearchError
from tui.logs.times import noted, own_times

_BLOCK = 4 << 20
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_DAY = 86_400.0


@dataclass(frozen=True)
class Target:
    """Where to go: a line's `number` from 1, a `share` of 0 to 1, `seconds` since midnight, or an end."""

    kind: Literal["line", "share", "clock", "start", "end"]
    value: float = 0.0


def target(text: str) -> Target:
    """What a person typed: `1200`, `50%`, `14:32`, `14:32:05`, `start`, `end`. Raises SearchError else."""
    words = text.strip().lower().replace(",", "").replace("：", ":").replace("％", "%")
    if words in ("start", "home", "top"):
        return Target("start")
    if words in ("end", "bottom"):
        return Target("end")
    if re.fullmatch(r"\d{1,15}", words) and int(words) > 0:
        return Target("line", int(words))
    if match := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", words):
        return Target("share", min(float(match[1]) / 100, 1.0))
    if (match := _CLOCK.fullmatch(words)) and int(match[1]) < 24 and int(match[2]) < 60:
        return Target("clock", int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0))
    raise SearchError(Message(N_("no place in a log: {text}"), {"text": repr(text)}))


def locate(
    file: TextFile,
    where: Target,
    stopped: Callable[[], bool] = never,
    passed: Callable[[int], object] = id,
) -> int:
    """The offset to go to. Reads as much as it takes: for a thread. Raises SearchError, and OSError."""
    if where.kind == "start":
        return 0
    if where.kind == "end":
        return file.size
    if where.kind == "share":
        return int(file.size * where.value)
    if where.kind == "clock":
        return _at_clock(file, where.value)
    if not isinstance(file, LogFile):
        raise SearchError(Message(N_("lines are numbered in one log, not in several merged")))
    return line_offset(file.path, int(where.value), stopped, passed)


def line_offset(
    path: Path, number: int, stopped: Callable[[], bool] = never, passed: Callable[[int], object] = id
) -> int:
    """Where line `number` (from 1) begins; the file's size where it has fewer lines. Raises OSError."""
    left, offset = number - 1, 0
    with path.open("rb", buffering=0) as file:
        while left > 0 and not stopped():
            block = file.read(_BLOCK)
            if not block:
                break
            count = block.count(b"\n")
            if count >= left:
                at = -1
                for _newline in range(left):
                    at = block.find(b"\n", at + 1)
                return offset + at + 1
            left -= count
            offset += len(block)
            passed(offset)
    return offset


def _at_clock(file: TextFile, seconds: float) -> int:
    """The last time that it was so late, before the end of the log."""
    if isinstance(file, MergedLog):
        last = file.time_at(max(file.size - 1, 0))
        return file.place_of(_moment(last or time.time(), seconds))
    if not isinstance(file, LogFile):
        raise SearchError(Message(N_("nothing tells when the lines of this log came")))
    entries = entries_of(file.path, file.times, file.size)
    if not entries:
        raise SearchError(Message(N_("nothing tells when the lines of this log came")))
    return offset_at(entries, _moment(entries[-1][0], seconds))


def entries_of(path: Path, times: Path | None, size: int) -> list[tuple[float, int]]:
    """(time, bytes that the log had then), as noted or as its lines say; none where nothing tells."""
    entries = noted(times) if times is not None else []
    if entries:
        return entries
    found, told = own_times(path, size, None)
    return found if told else []


def offset_at(entries: list[tuple[float, int]], moment: float) -> int:
    """Where what came at or after a moment begins."""
    index = bisect_left(entries, (moment, 0))
    return entries[index - 1][1] if index else 0


def _moment(last: float, seconds: float) -> float:
    day = time.localtime(last)
    midnight = time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1))
    found = midnight + seconds
    return found if found <= last else found - _DAY


def after_report(file: TextFile, start: int, most: int = 200) -> int:
    """Where what belongs to the error at `start` is over: its traceback, and errors one after another."""
    from tui.logs.text import read_line

    piece = file.piece_at(start)
    label = piece.label if piece is not None else ""
    while piece is not None and most > 0:
        most -= 1
        piece = file.piece_at(piece.stop)
        if piece is None or piece.label != label:
            break
        line = read_line(piece.raw)
        text = line.text[line.timestamp :]
        if line.level != "error" and text[:1].strip() and not text.startswith(_REPORT):
            break
    return piece.start if piece is not None else file.size


_REPORT = ("During handling of", "The above exception", "[rank", "Traceback")
# What torch puts before the lines of a rank's traceback is followed by their own indentation.
