"""`logs --all`: ranks, agent and supervisor of an attempt as one, in the order in which their lines came."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from tui.cli.following import POLL_SECONDS, detaching
from tui.cli.log_source import readable
from tui.logs.listing import LogEntry, find_logs
from tui.logs.merge import MergedLog
from tui.logs.times import clock

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context
    from tui.cli.output import Output
    from tui.logs.file import Piece

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_CLOCKS = ("%H:%M", "%H:%M:%S")
_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def moment_of(text: str, now: float) -> float:
    """The instant (Unix seconds) of `30m`, `2h`, `14:32`, `2026-11-24` or `2026-11-24 14:32`, in local time.

    A time of day is the last one before now. Raises UsageError for anything else.
    """
    words = text.strip()
    if match := _AGO.fullmatch(words):
        return now - float(match[1]) * _SECONDS[match[2]]
    for form in _CLOCKS:
        try:
            time_of_day = datetime.strptime(words, form)
        except ValueError:
            continue
        today = datetime.fromtimestamp(now).replace(
            hour=time_of_day.hour, minute=time_of_day.minute, second=time_of_day.second, microsecond=0
        )
        return today.timestamp() if today.timestamp() <= now else today.timestamp() - 86_400
    for form in _DATES:
        try:
            return datetime.strptime(words, form).timestamp()
        except (ValueError, OverflowError):
            continue
    raise UsageError(N_("{text} is no moment; such as 30m, 2h, 14:32 or '2026-11-24 14:32'"), text=repr(text))


class MergedLines:
    """The lines of a merged log in their order, each once it is whole; `over`: those that aren't, too."""

    def __init__(self, merged: MergedLog, since: float | None, last: int | None) -> None:
        self._log = merged
        self._place = merged.place_of(since) if since is not None else 0
        self._held: list[int] = []
        """Lines that weren't whole: others have come after them since."""
        if last is not None:
            place = merged.size
            for _line in range(last):
                if place <= self._place:
                    break
                place = merged.start_before(place)
            self._place = max(place, self._place)

    def read(self, over: bool) -> Iterator[Piece]:
        """What has come since the last call."""
        held, self._held = self._held, []
        for place in held:
            yield from self._whole(place, over)
        while (piece := self._log.piece_at(self._place)) is not None:
            yield from self._whole(piece.start, over)
            self._place = piece.stop

    def _whole(self, place: int, over: bool) -> Iterator[Piece]:
        piece = self._log.piece_at(place)
        if piece is not None and (piece.complete or over):
            yield piece
        elif piece is not None:
            self._held.append(place)


def print_piece(out: Output, piece: Piece, text: str, attempt: int | None, *, as_json: bool) -> None:
    """One line with when it came and whose it is."""
    label = piece.label.strip()
    if not as_json:
        out.line((f"{clock(piece.time)} ", "dim"), (f"{piece.label} ", "accent"), text)
        return
    rank = int(label[1:-1]) if label[1:-1].isdecimal() else None
    value: dict[str, Any] = {"time": piece.time, "attempt": attempt, "rank": rank, "line": text}
    if rank is None:
        value["source"] = "supervisor" if label == "[sup]" else "agent"
    out.json_line(value)


def print_all(context: Context, run: RunDirectory, attempt: int | None, followed_lines: int) -> None:
    """The logs of the attempt as one; with -f, until the run is over."""
    options = context.options
    entry = _entry(context, run, attempt)
    if entry is None:
        return
    merged = MergedLog(entry.parts)
    merged.load()
    unsaid = options.follow and options.lines is None and options.moment is None
    lines = MergedLines(merged, options.moment, followed_lines if unsaid else options.lines)

    def show(over: bool) -> None:
        for piece in lines.read(over):
            text = readable(piece.raw)
            if options.wanted is None or options.wanted.search(text):
                print_piece(context.out, piece, text, entry.attempt, as_json=options.json)
        context.out.flush()

    if not options.follow:
        show(over=True)
        return
    with detaching(context.err, run, lambda: context.record(run).active):
        over = False
        while not over:
            over = not context.record(run).active
            merged.poll(at_once=over)
            show(over)
            time.sleep(0 if over else POLL_SECONDS)


def _entry(context: Context, run: RunDirectory, attempt: int | None) -> LogEntry | None:
    """The merged log of the attempt, or of the newest; with -f it is waited for. None where there is none."""
    while True:
        found = [entry for entry in find_logs(run) if entry.kind == "merged"]
        entry = next((each for each in found if attempt in (None, each.attempt)), None)
        if entry is not None or not context.options.follow or not context.record(run).active:
            return entry
        time.sleep(POLL_SECONDS)
