"""The cursor of a chart: where it stands, where it goes, and what the lines are there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tui.plotting.curve import Positions
from tui.plotting.figure import View
from tui.plotting.trace import Reading, SeriesLike, Trace

_REACH = 100
"""A line that ends less than this part of the view before the cursor is still read there."""


class Inspection:
    """The part of `ChartModel` that points at values."""

    cursor: float | None
    window: tuple[float, float] | None
    follow: bool

    @property
    def live(self) -> list[Trace]:
        raise NotImplementedError

    @property
    def parent(self) -> Trace | None:
        raise NotImplementedError

    @property
    def _own(self) -> list[SeriesLike]:
        raise NotImplementedError

    def view(self) -> View:
        raise NotImplementedError

    def _point(self, x: float) -> int | None:
        raise NotImplementedError

    def _position(self, point: int | None) -> float | None:
        raise NotImplementedError

    def _move(self, distance: float) -> bool:
        raise NotImplementedError

    def _start(self, series: Sequence[SeriesLike]) -> float:
        raise NotImplementedError

    def _positions(self, series: SeriesLike, start: float, trace: Trace) -> Positions:
        raise NotImplementedError

    def toggle_inspect(self) -> bool:
        """Puts the cursor on the last visible point, or takes it away."""
        if self.cursor is not None:
            self.cursor = None
            return True
        guide = self._guide
        self.cursor = self._position(guide, self._point(guide, self.view().right))
        return self.cursor is not None

    def move_cursor(self, cells: float, columns: int) -> bool:
        """Moves the cursor by about so many cells of a plot that is `columns` wide, at least to the next
        point.
        """
        guide = self._guide
        if self.cursor is None or guide is None:
            return False
        view, curve = self.view(), guide.curve
        before = curve.nearest(self.cursor)
        target = curve.nearest(self.cursor + cells * (view.right - view.left) / max(columns, 1))
        if before is None or target is None:
            return False
        if target == before:
            target = min(max(before + (1 if cells > 0 else -1), 0), len(curve.x) - 1)
        self.cursor = float(curve.x[target])
        if self.window is not None and not view.left <= self.cursor <= view.right:
            self._move(self.cursor - (view.left if self.cursor < view.left else view.right))
            self.follow = False
        return target != before

    def readings(self) -> list[Reading]:
        """The points at the cursor, one a live line; of several lines those that reach it."""
        found: list[Reading] = []
        if self.cursor is None:
            return found
        view, live = self.view(), self.live
        reach = (view.right - view.left) / _REACH if len(live) > 1 else math.inf
        for line, trace in enumerate(live):
            point = trace.curve.nearest(self.cursor)
            if point is None or trace.series is None:
                continue
            if not trace.curve.x[0] - reach <= self.cursor <= trace.curve.x[-1] + reach:
                continue
            start = self._start(self._own)
            x = self._positions(trace.series, start, trace)
            index = min(int(np.searchsorted(x, trace.curve.x[point])), len(x) - 1)
            smoothed = None if trace.smoothed is None else float(trace.smoothed.y[point])
            series = trace.series
            found.append(
                Reading(
                    trace.label, int(series.step[index]), float(trace.curve.y[point]), smoothed,
                    float(series.time[index]), int(series.attempt[index]), line,
                )
            )  # fmt: skip
        return found

    def parent_value(self) -> float | None:
        """What the parent logged at the step of the cursor; None where it has nothing there."""
        trace, live = self.parent, self.live
        if self.cursor is None or trace is None or trace.series is None or not live:
            return None
        step = next((reading.step for reading in self.readings()), None)
        steps = trace.series.step
        if step is None or not len(steps) or not steps[0] <= step <= steps[-1]:
            return None
        return float(trace.series.value[min(int(np.searchsorted(steps, step)), len(steps) - 1)])
