"""The lines of a chart: a series, and what is prepared of it to draw it fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from tui.plotting.curve import Curve, Positions, SmoothedCurve


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
    """A series and the part that it plays: a live `line` (the n-th has the n-th colour) or the `past` of a
    run.
    """

    series: SeriesLike
    role: Literal["line", "past"] = "line"
    label: str = ""


@dataclass(frozen=True)
class Reading:
    """One line's point at the cursor. `value` is what was logged, `smoothed` None without smoothing."""

    label: str
    step: int
    value: float
    smoothed: float | None
    time: float
    attempt: int


class Trace:
    """A series made ready to be drawn along one axis; costs only the new points when it is updated."""

    def __init__(self, role: str, label: str) -> None:
        self.role, self.label = role, label
        self.curve = Curve()
        self.smoothed: SmoothedCurve | None = None
        self.series: SeriesLike | None = None

    def update(self, series: SeriesLike, x: Positions, weight: float) -> bool:
        self.series = series
        changed = self.curve.update(x, series.value)
        return self.smooth(weight) or changed

    def smooth(self, weight: float) -> bool:
        """Brings the smoothed line up to date; True if it is another one than before."""
        if weight == 0 or self.role == "past":
            had, self.smoothed = self.smoothed is not None, None
            return had
        fresh = self.smoothed is None or self.smoothed.weight != weight
        if self.smoothed is None or fresh:
            self.smoothed = SmoothedCurve(weight)
        self.smoothed.update(self.curve)
        return fresh

    @property
    def shown(self) -> Curve:
        """The line in front: smoothed if there is smoothing."""
        return self.curve if self.smoothed is None else self.smoothed.line
