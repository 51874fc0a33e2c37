"""The state of a chart: its series, what part of them is looked at, and how. Pure: no widget, no clock, no
language.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Literal

import numpy as np

from tui.plotting.curve import Positions
from tui.plotting.figure import (
    LINE_WEIGHT,
    PAST_WEIGHT,
    RAW_WEIGHT,
    Ink,
    Line,
    Marker,
    Picture,
    Unit,
    View,
    draw,
)
from tui.plotting.inspection import Inspection
from tui.plotting.labels import nice
from tui.plotting.trace import Drawn, Reading, SeriesLike, Trace

__all__ = ["SMOOTHING", "Axis", "ChartModel", "Drawn", "Reading", "SeriesLike", "Trace"]

Axis = Literal["step", "elapsed", "clock", "tokens"]
SMOOTHING = (0.0, 0.6, 0.9, 0.99)
_UNITS: dict[Axis, Unit] = {"step": "count", "tokens": "count", "elapsed": "elapsed", "clock": "clock"}
LINES = 10
"""So many lines have a colour of their own."""
_DASHES = (None, (6, 2), (3, 3), (2, 4), (1, 2), (8, 4), (5, 1), (4, 4), (2, 2), (1, 5))
_PARENT_DASH = (1, 2)
_NARROWEST = 4.0


class ChartModel(Inspection):
    """What a chart shows. Methods that a key calls return True if they changed something."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []
        self.axis: Axis = "step"
        self.weight = 0.0
        self.log = False
        self.follow = True
        self.window: tuple[float, float] | None = None
        """The part looked at; None for everything."""
        self.cursor: float | None = None
        self.tokens_per_step: float | None = None
        self.zone: tzinfo | None = None
        self.origin: float | None = None
        """The instant from which elapsed time counts; None for the first point's."""
        self._starts: list[tuple[float, int]] = []
        self._looked_at: tuple[int, int] | None = None
        self._looked_until = 0

    # -- data

    def set_series(self, drawn: Sequence[Drawn]) -> bool:
        """Takes the series over; True if the picture may differ from before."""
        changed = len(drawn) != len(self.traces)
        if [(d.role, d.label, d.mark) for d in drawn] != [(t.role, t.label, t.mark) for t in self.traces]:
            self.traces = [Trace(d.role, d.label, d.mark) for d in drawn]
            changed = True
        start = self._start([d.series for d in drawn if d.role != "parent"])
        for trace, each in zip(self.traces, drawn, strict=True):
            trace.tokens_per_step, trace.origin = each.tokens_per_step, each.origin
            x = self._positions(each.series, start, trace)
            changed = trace.update(each.series, x, self.weight) or changed
        if changed:
            self._keep_up()
        return changed

    def _start(self, series: Sequence[SeriesLike]) -> float:
        if self.origin is not None:
            return self.origin
        return min((float(each.time[0]) for each in series if len(each.time)), default=0.0)

    def elapsed(self, time: float) -> float:
        """Seconds from the start of the series to an instant."""
        return time - self._start(self._own)

    def _positions(self, series: SeriesLike, start: float, trace: Trace) -> Positions:
        if self.axis == "clock":
            return series.time
        if self.axis == "elapsed":
            return series.time - (start if trace.origin is None else trace.origin)
        if self.axis == "tokens":
            tokens = trace.tokens_per_step or self.tokens_per_step
            if tokens:
                return series.step * tokens
            if any(other.tokens_per_step for other in self.traces):  # a run without tokens has no place here
                return np.full(len(series.step), np.nan)
        return series.step

    def _reposition(self) -> None:
        """Gives all traces new positions after the axis has changed."""
        start = self._start(self._own)
        for trace in self.traces:
            if trace.series is not None:
                trace.move(self._positions(trace.series, start, trace), self.weight)
        self._keep_up()

    def _keep_up(self) -> None:
        """After new points: the attempts' starts, and the window at the end if it follows."""
        self._find_starts()
        if self.follow and self.window is not None:
            self._move(self.extent[1] - self.window[1])

    def _find_starts(self) -> None:
        """Where attempts begin on the line, if there is but one; only its new points are looked at."""
        trace = next(iter(self.live), None)
        if trace is None or trace.series is None or len(self.live) > 1:
            self._starts, self._looked_at = [], None
            return
        attempts = trace.series.attempt
        looked_at = (id(trace.curve), trace.curve.rebuilt)
        if self._looked_at != looked_at or len(attempts) < self._looked_until:
            self._starts, self._looked_until = [], 0
        first = max(self._looked_until - 1, 0)
        changes = np.flatnonzero(attempts[first + 1 :] != attempts[first:-1]) + first + 1
        if len(changes):
            start = self._start(self._own)
            x = self._positions(trace.series, start, trace)
            self._starts += [(float(x[index]), int(attempts[index])) for index in changes]
        self._looked_at, self._looked_until = looked_at, len(attempts)

    @property
    def _own(self) -> list[SeriesLike]:
        """What time is counted by: a parent's time is another."""
        return [t.series for t in self.traces if t.series is not None and t.role != "parent"]

    @property
    def parent(self) -> Trace | None:
        """The line of the run that this one branched from."""
        return next((trace for trace in self.traces if trace.role == "parent"), None)

    @property
    def live(self) -> list[Trace]:
        return [trace for trace in self.traces if trace.role == "line"]

    @property
    def empty(self) -> bool:
        """Whether there is no finite point at all."""
        return not any(len(trace.curve.x) for trace in self.traces)

    @property
    def points(self) -> int:
        """How many points the live lines have."""
        return sum(trace.curve.count for trace in self.live)

    @property
    def newest(self) -> float | None:
        """The last value of the first line, as it was logged; None if there is none."""
        for trace in self.live:
            if trace.series is not None and len(trace.series.value):
                return float(trace.series.value[-1])
        return None

    # -- what is looked at

    @property
    def extent(self) -> tuple[float, float]:
        """From the first to behind the last point; the end is rounded up, so that it seldom moves."""
        traces = [trace for trace in self.traces if len(trace.curve.x)]
        if self.axis in (
            "clock",
            "elapsed",
        ):  # the parent's time lies elsewhere: what of it falls in here is shown
            traces = [trace for trace in traces if trace.role != "parent"] or traces
        firsts = [float(trace.curve.x[0]) for trace in traces]
        lasts = [float(trace.curve.x[-1]) for trace in traces]
        for trace in self.live:
            if len(trace.curve.bad.x):
                firsts.append(float(trace.curve.bad.x[0]))
                lasts.append(float(trace.curve.bad.x[-1]))
        if not firsts:
            return 0.0, 1.0
        first, last = min(firsts), max(lasts)
        if self.axis != "clock" and 0 < first <= (last - first) * 0.05:
            first = 0.0
        if last <= first:
            return first, first + 1.0
        grain = nice((last - first) / 100)
        if self.axis == "step":
            grain = max(grain, 1.0)
        return first, first + math.ceil((last - first) / grain - 1e-9) * grain

    def view(self) -> View:
        left, right = self.window or self.extent
        return View(left, right, self.log, _UNITS[self.axis], self.zone)

    def _move(self, distance: float) -> bool:
        """Moves the window, within the data."""
        if self.window is None:
            return False
        first, last = self.extent
        left, right = self.window
        distance = max(min(distance, last - right), first - left)
        self.window = (left + distance, right + distance)
        return distance != 0

    def zoom(self, factor: float, at: float | None = None) -> bool:
        """Shows `factor` times as much, keeping `at` (default: the cursor, the followed end or the middle)
        in place.
        """
        first, last = self.extent
        left, right = self.window or (first, last)
        width = (right - left) * factor
        if factor < 1 and width < min(self._narrowest(), right - left):
            return False
        if factor > 1 and self.window is None:
            return False
        if width >= last - first:
            self.window = None
            return True
        if at is None:
            at = self.cursor
        if at is None or not left <= at <= right:
            at = right if self.follow else (left + right) / 2
        left = at - (at - left) * factor
        self.window = (left, left + width)
        self._move(0.0)
        return True

    def _narrowest(self) -> float:
        if self.axis == "tokens":
            each = [trace.tokens_per_step for trace in self.traces if trace.tokens_per_step]
            return _NARROWEST * (self.tokens_per_step or min(each, default=1.0))
        return _NARROWEST if self.axis == "step" else 1.0

    def pan(self, share: float) -> bool:
        """Moves the window by a share of its width; to the right end and it follows again."""
        if self.window is None:
            return False
        moved = self._move(share * (self.window[1] - self.window[0]))
        self.follow = share > 0 and self.window[1] >= self.extent[1]
        return moved

    def go(self, end: bool) -> bool:
        """Moves the window to the start or the end of the data (the end is followed)."""
        self.follow = end
        return self.pan(1e9 if end else -1e9)

    def toggle_follow(self) -> bool:
        """Follows the newest points, or holds the picture where it is."""
        if self.follow:
            self.window = self.window or self.extent
            self.follow = False
        else:
            self.follow = True
            whole = self.extent
            if self.window is not None and self.window[1] - self.window[0] >= (whole[1] - whole[0]) * 0.999:
                self.window = None
            self._keep_up()
        return True

    def cycle_smoothing(self) -> bool:
        self.set_smoothing(SMOOTHING[(SMOOTHING.index(self.weight) + 1) % len(SMOOTHING)])
        return True

    def set_smoothing(self, weight: float) -> None:
        self.weight = weight
        for trace in self.traces:
            trace.smooth(weight)

    @property
    def axes(self) -> list[Axis]:
        tokens = self.tokens_per_step or any(trace.tokens_per_step for trace in self.traces)
        return ["step", "elapsed", "clock", *(["tokens"] if tokens else [])]  # type: ignore[list-item]

    def cycle_axis(self) -> bool:
        """The next axis, looking at the same points."""
        axes = self.axes
        self.set_axis(axes[(axes.index(self.axis) + 1) % len(axes)])
        return True

    def set_axis(self, axis: Axis) -> None:
        guide = self._guide
        kept = [
            self._point(guide, x)
            for x in (*(self.window or ()), *([] if self.cursor is None else [self.cursor]))
        ]
        self.axis = axis
        self._reposition()
        moved = [self._position(guide, point) for point in kept]
        if self.cursor is not None:
            self.cursor = moved.pop() if moved else None
        if self.window is not None:
            ends = [x for x in moved if x is not None]
            self.window = (ends[0], ends[1]) if len(ends) == 2 and ends[1] > ends[0] else None
            if self.follow:
                self._move(self.extent[1] - ends[-1])

    @property
    def _guide(self) -> Trace | None:
        """The line whose points the cursor goes along: of several the one that reaches furthest."""
        filled = [trace for trace in self.live if len(trace.curve.x)]
        return max(filled, key=lambda trace: float(trace.curve.x[-1]), default=None)

    @staticmethod
    def _point(guide: Trace | None, x: float) -> int | None:
        """The number of the line's point nearest to x."""
        return guide.curve.nearest(x) if guide is not None else None

    @staticmethod
    def _position(guide: Trace | None, point: int | None) -> float | None:
        if guide is None or point is None or not len(guide.curve.x):
            return None
        return float(guide.curve.x[min(point, len(guide.curve.x) - 1)])

    def smooths_like(self, other: ChartModel) -> bool:
        """Whether both have the same axis and smoothing: to look alike is a matter of microseconds then."""
        return (self.axis, self.weight) == (other.axis, other.weight)

    def look_like(self, other: ChartModel) -> bool:
        """Looks at what another chart looks at: axis, window, cursor, smoothing. True if that was
        different.
        """
        before = (self.axis, self.weight, self.window, self.cursor, self.follow)
        if self.axis != other.axis:
            self.axis, self.window, self.cursor = other.axis, None, None
            self._reposition()
        if self.weight != other.weight:
            self.set_smoothing(other.weight)
        self.window, self.cursor, self.follow = other.window, other.cursor, other.follow
        return before != (self.axis, self.weight, self.window, self.cursor, self.follow)

    # -- the picture

    def picture(
        self, width: int, height: int, attempt_label: Callable[[int], str] = str, colourless: bool = False
    ) -> Picture:
        """The chart without its title, `width` × `height` cells. Without colours, lines differ by their
        dashes.
        """
        lines: list[Line] = []
        for number, trace in enumerate(self.live):
            ink = Ink(Ink.LINE_1 + number % LINES)
            dash = _DASHES[number % LINES] if colourless else None
            if trace.smoothed is not None:
                lines.append(Line(trace.curve, Ink.RAW, RAW_WEIGHT, (1, 1) if colourless else None))
            lines.append(Line(trace.shown, ink, LINE_WEIGHT, dash, trace.mark))
        past = [trace for trace in self.traces if trace.role == "past"]
        lines.extend(
            Line(trace.curve, Ink.PAST, PAST_WEIGHT, (2, 2) if colourless else None) for trace in past
        )
        if self.parent is not None:
            lines.append(Line(self.parent.curve, Ink.PAST, PAST_WEIGHT, _PARENT_DASH))
        markers = [Marker(x, attempt_label(attempt)) for x, attempt in self._starts]
        cursor = None
        if self.cursor is not None:
            readings = self.readings()
            reading = readings[0] if readings else None
            value = (
                None if reading is None else reading.value if reading.smoothed is None else reading.smoothed
            )
            cursor = (self.cursor, value)
        return draw(lines, self.view(), width, height, markers, cursor)
