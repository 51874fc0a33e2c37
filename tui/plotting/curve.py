"""A metric's points made ready to be drawn, and their reduction to the dot columns of a chart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tui.plotting.pyramid import Pyramid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Positions = npt.NDArray[np.float64] | npt.NDArray[np.int64]

_PROBES = 64
_NOTHING: Ints = np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class Columns:
    """What of a curve is visible, at most one entry for a dot column; all arrays have shape [entries].

    The entries before the first and after the last visible column, if there are any, lie outside of the
    chart (the neighbours that the line comes from and goes to) at a column that needn't be whole.
    """

    column: Floats
    low: Floats
    high: Floats
    first: Floats
    last: Floats
    joined: npt.NDArray[np.bool_]
    """Whether a line leads here from the entry before: no if a non-finite value lies between."""

    def map(self, function: Callable[[Floats], Floats]) -> Columns:
        """The same with every value replaced."""
        low, high, first, last = map(function, (self.low, self.high, self.first, self.last))
        return Columns(self.column, low, high, first, last, self.joined)


@dataclass(frozen=True)
class Bad:
    """Non-finite points: their positions and values (nan, inf or -inf), shape [points]."""

    x: Floats
    y: Floats


def _locate(x: Positions, values: Floats, side: Literal["left", "right"] = "left") -> Ints:
    """`np.searchsorted` that doesn't first turn a million whole numbers into floats."""
    if x.dtype.kind == "i":
        values = (np.ceil(values) if side == "left" else np.floor(values)).astype(np.int64)
    return np.searchsorted(x, values, side)


class Curve:
    """Points of one line in the order of x. `update` recognises appended points and then costs only these."""

    def __init__(self, x: npt.ArrayLike = (), y: npt.ArrayLike = ()) -> None:
        self.rebuilt = -1
        """How often the points turned out to be other ones; a smoothed line starts again then."""
        self._probe_at = _NOTHING
        self._probes: Floats = np.empty((2, 0))
        self._ascends = True
        self._restart()
        self.update(x, y)

    def _restart(self) -> None:
        self.rebuilt += 1
        self.count = 0
        self.x: Positions = np.empty(0, dtype=np.int64)
        self.y: Floats = np.empty(0)
        self.bad = Bad(np.empty(0), np.empty(0))
        self._breaks = _NOTHING
        self._pyramid = Pyramid()

    def update(self, x: npt.ArrayLike, y: npt.ArrayLike) -> bool:
        """Takes the whole new arrays [points] of any numbers; True if something changed.

        Points are drawn in the order of x: arrays that don't ascend (a clock set back) are sorted. The
        arrays are kept by reference where possible and must not be changed in place.
        """
        xs: Positions = np.asarray(x)
        if xs.dtype.kind != "i" or not len(xs):
            xs = xs.astype(np.float64, copy=False)
        ys = np.asarray(y, dtype=np.float64)
        if len(xs) != len(ys):
            raise ValueError(f"{len(xs)} positions for {len(ys)} values")
        extends = len(xs) >= self.count and self._as_before(xs, ys)
        if extends and len(xs) == self.count:
            return False
        self._probe_at = np.linspace(0, len(xs) - 1, _PROBES).astype(np.intp) if len(xs) else _NOTHING
        self._probes = np.stack([xs[self._probe_at], ys[self._probe_at]])
        start = max(self.count - 1, 0) if extends and self._ascends else 0
        ascends = not np.any(xs[start + 1 :] < xs[start:-1])
        if not ascends:
            order = np.argsort(xs, kind="stable")
            xs, ys = xs[order], ys[order]
        if not (extends and ascends and self._ascends):
            self._restart()
        self._ascends = ascends
        self._append(xs, ys)
        return True

    def _as_before(self, x: Positions, y: Floats) -> bool:
        probes = np.stack([x[self._probe_at], y[self._probe_at]])
        return bool(np.array_equal(probes, self._probes, equal_nan=True))

    def _append(self, x: Positions, y: Floats) -> None:
        known, self.count = self.count, len(x)
        good = len(self.x)
        finite = np.isfinite(y[known:]) & np.isfinite(x[known:])
        if finite.all() and known == good:
            self.x, self.y = x, y
        else:
            new_x, new_y = x[known:], y[known:]
            bad = ~finite & np.isfinite(new_x)
            self.bad = Bad(np.concatenate([self.bad.x, new_x[bad]]), np.concatenate([self.bad.y, new_y[bad]]))
            before = good + np.cumsum(finite) - finite  # how many finite points precede each new one
            self._breaks = np.unique(np.concatenate([self._breaks, before[~finite]]))
            self.x = np.concatenate([self.x, new_x[finite]])
            self.y = np.concatenate([self.y, new_y[finite]])
        self._pyramid.extend(self.y)

    def columns(self, left: float, right: float, columns: int) -> Columns:
        """The points from `left` to `right` (left < right), reduced to `columns` dot columns; x = left +
        column · pitch.
        """
        pitch = (right - left) / max(columns - 1, 1)
        edges = left + (np.arange(columns + 1) - 0.5) * pitch
        bounds = _locate(self.x, edges)
        filled = np.flatnonzero(bounds[1:] > bounds[:-1])
        start, stop = bounds[:-1][filled], bounds[1:][filled]
        low, high = self._pyramid.ranges(start, stop)
        column = filled.astype(np.float64)
        before, after = int(bounds[0]) - 1, int(bounds[-1])
        head = np.array([before] if before >= 0 else [], dtype=np.intp)
        tail = np.array([after] if after < len(self.x) else [], dtype=np.intp)
        column = np.concatenate([(self.x[head] - left) / pitch, column, (self.x[tail] - left) / pitch])
        start, stop = np.concatenate([head, start, tail]), np.concatenate([head + 1, stop, tail + 1])
        low = np.concatenate([self.y[head], low, self.y[tail]])
        high = np.concatenate([self.y[head], high, self.y[tail]])
        joined = np.ones(len(column), dtype=bool)
        if len(column):
            joined[0] = False
        if len(self._breaks) and len(column):
            # A break b lies before finite point b: entry k is cut off if stop[k-1] <= b <= start[k].
            joined[1:] = np.searchsorted(self._breaks, stop[:-1], "left") == np.searchsorted(
                self._breaks, start[1:], "right"
            )
        return Columns(column, low, high, self.y[start], self.y[stop - 1], joined)

    def limits(self, left: float, right: float, positive: bool = False) -> tuple[float, float] | None:
        """The least (of the positive ones, if asked for) and the greatest value from `left` to `right`.

        Where no point lies between them, those on both sides count; None if there is none at all.
        """
        start = int(_locate(self.x, np.array(left)))
        stop = int(_locate(self.x, np.array(right), "right"))
        if start >= stop:
            start, stop = max(start - 1, 0), min(start + 1, len(self.x))
        if start == stop:
            return None
        edges = np.linspace(start, stop, min(stop - start, _PROBES if positive else 1) + 1).astype(np.intp)
        low, high = self._pyramid.ranges(edges[:-1], edges[1:])
        if positive:
            low, high = np.concatenate([low[low > 0], high[high > 0]]), high[high > 0]
        return (float(low.min()), float(high.max())) if len(high) else None

    def nearest(self, x: float) -> int | None:
        """The index (among the finite points) of the point nearest to `x`, or None if there is none."""
        if not len(self.x):
            return None
        right = int(_locate(self.x, np.array(x)))
        if right == len(self.x) or (right > 0 and x - self.x[right - 1] <= self.x[right] - x):
            right -= 1
        return right
