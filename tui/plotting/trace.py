"""The lines of a chart: a series, and what is prepared of it to draw it fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from tui.plotting.curve import Curve, Positions
from tui.plotting.smoothing import Smoother


class SeriesLike(Protocol):
    """A metric's points; arrays of one length. `runtime.run.metrics_reader.Series` is one."""

    @property
    def step(self) -> npt.NDArray[np.int64]: ...
    @property
    def value(self) -> npt.NDArray[np.float64]: ...
    @property
    def time(self) -> npt.NDArray[np.float64]: ...
    @property
    def attempt(self) -> npt.NDArray[np.int32]: ...


@dataclass(frozen=True)
class Drawn:
    """A series and the part that it plays: a live `line` (the n-th has the n-th colour), the `past` of a run
    that later attempts replaced, or the `parent` of a branch, which goes on beyond it; both are drawn dimmed,
    and the parent dotted.

    Lines of several runs: `mark` is written on the line, `tokens_per_step` and `origin` (the instant from
    which elapsed time counts) are this run's own and stand for the chart's.
    """

    series: SeriesLike
    role: Literal["line", "past", "parent"] = "line"
    label: str = ""
    mark: str = ""
    tokens_per_step: float | None = None
    origin: float | None = None


@dataclass(frozen=True)
class Reading:
    """One line's point at the cursor. `value` is what was logged, `smoothed` None without smoothing; `line`
    is the line's number among the live ones.
    """

    label: str
    step: int
    value: float
    smoothed: float | None
    time: float
    attempt: int
    line: int = 0


class Trace:
    """A series made ready to be drawn along one axis; costs only the new points when it is updated.

    Smoothing goes by the steps whatever the axis, so that a curve doesn't change when only its axis does.
    """

    def __init__(self, role: str, label: str, mark: str = "") -> None:
        self.role, self.label, self.mark = role, label, mark
        self.tokens_per_step: float | None = None
        self.origin: float | None = None
        self.series: SeriesLike | None = None
        self.curve = Curve()
        self._steps = self.curve
        self._smoother: Smoother | None = None
        self._smoothed_until = (-1, 0)
        self._smooth_line = Curve()

    def update(self, series: SeriesLike, x: Positions, weight: float) -> bool:
        """Takes the whole series, with its positions along the axis; True if the picture may differ."""
        self.series = series
        if (x is series.step) != (self.curve is self._steps):
            self.move(x, weight)
            return True
        changed = self._steps.update(series.step, series.value)
        if self.curve is not self._steps:
            changed = self.curve.update(x, series.value) or changed
        return self.smooth(weight) or changed

    def move(self, x: Positions, weight: float) -> None:
        """Gives the points other positions: the axis is another one."""
        assert self.series is not None
        self._steps.update(self.series.step, self.series.value)
        self.curve = self._steps if x is self.series.step else Curve(x, self.series.value)
        self._smooth_line = Curve()
        self.smooth(weight)

    def smooth(self, weight: float) -> bool:
        """Brings the smoothed line up to date; True if it is another one than before."""
        if weight == 0 or self.role != "line":
            had, self._smoother = self._smoother is not None, None
            return had
        fresh = self._smoother is None or self._smoother.weight != weight
        if self._smoother is None or fresh:
            self._smoother, self._smoothed_until = Smoother(weight), (-1, 0)
        rebuilt, kept = self._smoothed_until
        self._smoother.update(self._steps.x, self._steps.y, kept if rebuilt == self._steps.rebuilt else 0)
        self._smoothed_until = (self._steps.rebuilt, len(self._steps.x))
        self._smooth_line.update(self.curve.x, self._smoother.values)
        return fresh

    @property
    def smoothed(self) -> Curve | None:
        """The smoothed line, whose points are those of `curve`; None without smoothing."""
        return None if self._smoother is None else self._smooth_line

    @property
    def shown(self) -> Curve:
        """The line in front: smoothed if there is smoothing."""
        return self.smoothed or self.curve
