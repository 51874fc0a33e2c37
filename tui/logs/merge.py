"""Several logs as one, in the order in which their lines came.

What a log grew by between two moments is a *stretch*; the stretches of all logs, sorted by time and then by
log, lie one after the other in a file that exists nowhere. A line belongs to the stretch in which it begins,
so that no line is cut, and the lines of one log always stay in their order. An offset here is the sum of the
bytes before it; offsets stay what they are while the logs grow, since stretches are only ever added at the
end.

How exact the order is depends on what tells of time: to the second where the agent noted the lengths of the
logs (see `runtime.run.arrivals`) or the lines say themselves when they were written, else it is an estimate
(`estimated`). Within a second lines stand log by log, so that a traceback stays whole.
"""

from __future__ import annotations

import time as clock
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.run.arrivals import RECORD
from tui.logs.file import BLOCK, Change, LogFile, Piece, Stretch
from tui.logs.times import Entry, noted, own_times

WINDOW = 64 << 20
"""A search goes through so many bytes of all logs at a time, in order."""
_PATIENCE = 3.0
"""Seconds that the agent's note of new bytes is waited for."""


@dataclass(frozen=True)
class Part:
    """One log of several: `label` stands before its lines; `times` is what the agent notes, if it does."""

    label: str
    path: Path
    times: Path | None = None
    begun: float | None = None


class _Source:
    """One log and where its stretches lie."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.file = LogFile(part.path)
        self.starts = array("q")  # of each stretch in the log
        self.places = array("q")  # the same in the whole
        self.times = array("d")
        self.covered = 0
        self.records = 0
        """How many of the agent's records were read."""
        self.exact = True
        self.grown_at = 0.0

    def place(self, offset: int) -> int:
        """An offset of the log in the whole."""
        index = max(bisect_right(self.starts, offset) - 1, 0)
        return self.places[index] + offset - self.starts[index] if self.starts else 0

    def offset(self, place: int) -> int:
        """How many bytes of the log lie before a place of the whole."""
        index = min(bisect_right(self.places, place), len(self.starts)) - 1
        if index < 0:
            return 0
        stop = self.starts[index + 1] if index + 1 < len(self.starts) else self.covered
        return min(self.starts[index] + place - self.places[index], stop)

    def moment(self, offset: int) -> float | None:
        """When the byte at `offset` came."""
        index = bisect_right(self.starts, offset) - 1
        return self.times[index] if index >= 0 else None


class MergedLog:
    """Like a `LogFile`, of several. `load` reads what tells of time: in a thread, before anything else."""

    def __init__(self, parts: Sequence[Part], now: Callable[[], float] = clock.time) -> None:
        self.parts = list(parts)
        self._now = now
        self._sources: list[_Source] = []
        self._places = array("q")
        self._owners = array("i")
        self._numbers = array("q")  # the stretch's number in its source
        self._polled = 0.0
        self.size = 0
        self.exists = False

    # -- stretches

    def load(self) -> None:
        """Reads the logs' times from the beginning."""
        self._sources = [_Source(part) for part in self.parts]
        for column in (self._places, self._owners, self._numbers):
            del column[:]
        self.size = 0
        entries = []
        for number, source in enumerate(self._sources):
            source.file.poll()
            entries += [(moment, number, size) for moment, size in self._first(source)]
        self._add(sorted(entries))
        self.exists = any(source.file.exists for source in self._sources)

    def _first(self, source: _Source) -> list[Entry]:
        size, part = source.file.size, source.part
        found = noted(part.times) if part.times is not None else []
        source.records = _records(part.times)
        if not found:
            found, source.exact = own_times(part.path, size, part.begun)
        elif found[-1][1] < size and self._now() - found[-1][0] > _PATIENCE:
            found.append((max(found[-1][0], _written(part.path)), size))  # nobody notes any more
        return [(moment, min(end, size)) for moment, end in found]

    def _add(self, entries: Sequence[tuple[float, int, int]]) -> bool:
        """Adds stretches up to (time, source, bytes), in this order; whether there was anything new."""
        before = self.size
        for moment, number, end in entries:
            source = self._sources[number]
            if end <= source.covered:
                continue
            self._places.append(self.size)
            self._owners.append(number)
            self._numbers.append(len(source.starts))
            # In this order: a search in a thread finds a stretch by its start once all of it is there.
            source.places.append(self.size)
            source.times.append(moment)
            source.starts.append(source.covered)
            self.size += end - source.covered
            source.covered = end
        return self.size > before

    @property
    def estimated(self) -> bool:
        """Whether of any log nothing tells when its lines came."""
        return any(not source.exact and source.covered for source in self._sources)

    def poll(self, at_once: bool = False) -> Change:
        """What has happened since: at most once in half a second, for times are noted once a second.

        `at_once`: all that is there counts now, whether it was noted or not.
        """
        now = self._now()
        if abs(now - self._polled) < 0.5 and not at_once:
            return "same"
        self._polled = now
        existed, entries = self.exists, []
        for number, source in enumerate(self._sources):
            change = source.file.poll()
            if change == "missing" or (change == "replaced" and source.covered):
                self.load()
                return "replaced"
            entries += [(moment, number, end) for moment, end in self._news(source, now, at_once)]
        self.exists = any(source.file.exists for source in self._sources)
        grown = self._add(sorted(entries))
        return "replaced" if self.exists and not existed else "grown" if grown else "same"

    def _news(self, source: _Source, now: float, at_once: bool) -> list[Entry]:
        """What was noted since; what nobody notes came now."""
        size, times = source.file.size, source.part.times
        if size <= source.covered:
            source.grown_at = 0.0
            return []
        found = noted(times, source.records) if times is not None else []
        if found:
            source.records = _records(times)
            source.grown_at = 0.0
            return [
                *((moment, min(end, size)) for moment, end in found),
                *([(max(now, found[-1][0]), size)] if at_once else []),
            ]
        source.grown_at = source.grown_at or now
        if times is not None and now - source.grown_at < _PATIENCE and not at_once:
            return []
        source.grown_at = 0.0
        return [(now, size)]

    def close(self) -> None:
        for source in self._sources:
            source.file.close()

    # -- lines

    def _line_in(self, index: int, offset: int) -> tuple[int, int] | None:
        """The first line that begins at or after `offset` of the log, as (stretch, offset), from stretch
        `index` on: of other logs where this stretch has no more.
        """
        while index < len(self._places):
            source = self._sources[self._owners[index]]
            _start, stop = self._bounds(index)
            begin = source.file.start_of(offset) if offset < source.file.size else stop
            if begin < offset:
                begin = source.file.stop_after(begin)
            if begin < stop:
                return index, begin
            index += 1
            offset = self._bounds(index)[0] if index < len(self._places) else 0
        return None

    def _bounds(self, index: int) -> tuple[int, int]:
        """Where the stretch begins and ends in its log."""
        source, number = self._sources[self._owners[index]], self._numbers[index]
        stop = source.starts[number + 1] if number + 1 < len(source.starts) else source.covered
        return source.starts[number], stop

    def _find(self, place: int) -> tuple[int, int]:
        """The stretch that holds a place, and the offset in its log."""
        index = max(bisect_right(self._places, place) - 1, 0)
        return index, self._bounds(index)[0] + place - self._places[index]

    def _place(self, index: int, offset: int) -> int:
        return self._places[index] + offset - self._bounds(index)[0]

    def start_before(self, offset: int) -> int:
        """Where the line begins that holds the byte before `offset`, or the last one before it."""
        offset = min(offset, self.size)
        if offset <= 0:
            return 0
        index, inside = self._find(offset - 1)
        while index >= 0:
            source = self._sources[self._owners[index]]
            start, stop = self._bounds(index)
            begin = source.file.start_of(min(inside, stop - 1))
            if begin >= start:
                return self._place(index, begin)
            index -= 1
            if index >= 0:
                inside = self._bounds(index)[1] - 1
        return 0

    def start_of(self, offset: int) -> int:
        """Where the line begins that holds the byte at `offset`: maybe in an earlier stretch of its log."""
        if not self._places:
            return 0
        index, inside = self._find(min(offset, self.size - 1))
        source = self._sources[self._owners[index]]
        return source.place(source.file.start_of(inside))

    def stop_after(self, start: int) -> int:
        """Where the next line begins after the one at `start`."""
        if start >= self.size:
            return self.size
        index, inside = self._find(start)
        found = self._line_in(index, self._sources[self._owners[index]].file.stop_after(inside))
        return self.size if found is None else self._place(*found)

    def piece_at(self, start: int) -> Piece | None:
        """The line that begins at `start` or next after it; None at the end."""
        if start >= self.size:
            return None
        found = self._line_in(*self._find(start))
        if found is None:
            return None
        index, inside = found
        source = self._sources[self._owners[index]]
        piece = source.file.piece_at(inside)
        if piece is None:
            return None
        place = self._place(index, inside)
        return Piece(
            place, self.stop_after(place), piece.raw, piece.continued, piece.complete,
            label=source.part.label, source=self._owners[index], time=source.moment(piece.stop - 1),
        )  # fmt: skip

    def piece_before(self, offset: int) -> Piece | None:
        """The line before `offset`; None at the beginning."""
        return self.piece_at(self.start_before(offset)) if min(offset, self.size) > 0 else None

    @property
    def tells_time(self) -> bool:
        """Whether `moment` has something to say."""
        return True

    def moment(self, piece: Piece) -> float | None:
        """When the line came."""
        return piece.time

    def time_at(self, offset: int) -> float | None:
        """When the line at `offset` came."""
        index, inside = self._find(offset)
        return self._sources[self._owners[index]].moment(inside) if self._places else None

    def place_of(self, moment: float) -> int:
        """The first place that came at or after a moment."""
        low, high = 0, len(self._places)
        while low < high:
            middle = (low + high) // 2
            before = (self.time_at(self._places[middle]) or 0.0) < moment
            low, high = (middle + 1, high) if before else (low, middle)
        return self._places[low] if low < len(self._places) else self.size

    # -- searching

    def windows(self, start: int, forwards: bool) -> Iterator[list[Stretch]]:
        """All bytes from `start` on (or before it, from the end), some of all logs at a time."""
        sources, size, place = self._sources, self.size, max(min(start, self.size), 0)
        while place < size if forwards else place > 0:
            other = min(place + WINDOW, size) if forwards else max(place - WINDOW, 0)
            low, high = min(place, other), max(place, other)
            bounds = [(source.offset(low), source.offset(high)) for source in sources]
            if forwards and place == start:  # a line that has begun before is not to be found again
                bounds = [
                    (_line_from(source.part.path, first), last)
                    for source, (first, last) in zip(sources, bounds, strict=True)
                ]
            yield [
                Stretch(source.part.path, first, last, source.place)
                for source, (first, last) in zip(sources, bounds, strict=True)
                if last > first
            ]
            place = other


def _line_from(path: Path, offset: int) -> int:
    """The first place from `offset` on at which a line begins."""
    if offset == 0:
        return 0
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset - 1)
            found = file.read(BLOCK).find(b"\n")
    except OSError:
        return offset
    return offset + found if found >= 0 else offset


def _records(times: Path | None) -> int:
    try:
        return times.stat().st_size // RECORD if times is not None else 0
    except OSError:
        return 0


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
