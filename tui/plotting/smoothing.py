"""Exponential smoothing of a metric, by distance along the steps and without bias at the start.

With weight w (0 ≤ w < 1), points at positions x_0 < x_1 < … and a distance h::

    s_i = Σ_{j ≤ i} w^((x_i − x_j) / h) · y_j   /   Σ_{j ≤ i} w^((x_i − x_j) / h)

For evenly spaced points and h = their spacing this is TensorBoard's debiased moving average: with n_i =
w·n_{i−1} + (1 − w)·y_i it shows n_i / (1 − w^(i+1)), in which the factor (1 − w) cancels. The weight decays
with distance and not with the number of points, so that a log interval changed in the middle doesn't change
the look of the curve.

h is the usual distance between points, but never less than 1/1024 of the whole length rounded up to a power
of two: otherwise a weight of 0.9 would be ten points wide, which nobody sees among a million. The rounding
keeps h, and with it the curve, as it is while a run grows; it doubles only when the length does.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.float64] | npt.NDArray[np.int64]

RESOLUTION = 1024
_ROW = 256


def smoothing_distance(x: Positions) -> float:
    """h for the ascending positions `x`: the median distance, or 1/1024 of the length if that is more."""
    if len(x) < 2:
        return 1.0
    span = float(x[-1] - x[0])
    if span <= 0:
        return 1.0
    # The first points decide what is usual, so that it stays the same while the run grows.
    distances = np.diff(x[: RESOLUTION + 1])
    usual = float(np.median(distances[distances > 0]))
    return max(usual, 2.0 ** math.ceil(math.log2(span)) / RESOLUTION)


class Smoother:
    """A smoothed curve that goes on where it stopped when points are appended."""

    def __init__(self, weight: float) -> None:
        if not 0 <= weight < 1:
            raise ValueError(f"a smoothing weight is at least 0 and below 1, not {weight}")
        self.weight = weight
        self._restart(1.0)

    def _restart(self, distance: float) -> None:
        self.distance = distance
        self.values: Floats = np.empty(0)
        self._room: Floats = np.empty(0)
        self._last = 0.0
        self._numerator = self._denominator = 0.0

    def update(self, x: Positions, y: Floats, kept: int) -> int:
        """Smooths the finite points (`x` ascending); the first `kept` are as they were at the last call.

        Returns how many leading values of `self.values` are as before: `kept`, or 0 if all had to be made
        again.
        """
        distance = smoothing_distance(x)
        if distance != self.distance or kept != len(self.values):
            self._restart(distance)
            kept = 0
        if self.weight == 0:
            self.values = y
            return kept
        if len(x) == kept:
            return kept
        decay = np.empty(len(x) - kept)
        decay[0] = self.weight ** ((x[kept] - self._last) / distance) if kept else 0.0
        decay[1:] = self.weight ** (np.diff(x[kept:]) / distance)
        numerator, denominator = _recur(decay, y[kept:], self._numerator, self._denominator)
        self._last = float(x[-1])
        self._numerator, self._denominator = float(numerator[-1]), float(denominator[-1])
        if len(self._room) < len(x):  # twice as much as needed, so that one more point copies nothing
            self._room = np.concatenate([self.values, np.empty(2 * len(x) - kept)])
        np.divide(numerator, denominator, out=self._room[kept : len(x)])
        self.values = self._room[: len(x)]
        return kept


def smooth(x: Floats, y: Floats, weight: float) -> Floats:
    """The whole smoothed curve at once; `x` ascending, both finite, shape [points]."""
    smoother = Smoother(weight)
    smoother.update(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), 0)
    return smoother.values


def _recur(decay: Floats, y: Floats, numerator: float, denominator: float) -> tuple[Floats, Floats]:
    """n_i = decay_i · n_{i−1} + y_i and d_i = decay_i · d_{i−1} + 1, started from the given values.

    The points are cut into rows of 256. All rows advance together, one column at a time, as if each began
    with nothing; what a row takes over from the one before is a recurrence of the same kind over the rows
    and is added in the end. No exponential of a sum of logarithms is formed, so nothing over- or
    underflows.
    """
    count = len(y)
    if count <= _ROW:
        numerators, denominators = np.empty(count), np.empty(count)
        for index in range(count):
            numerator = decay[index] * numerator + y[index]
            denominator = decay[index] * denominator + 1.0
            numerators[index], denominators[index] = numerator, denominator
        return numerators, denominators
    rows = -(-count // _ROW)
    a, n, d = np.ones((_ROW, rows)), np.zeros((_ROW, rows)), np.zeros((_ROW, rows))
    padding = rows * _ROW - count
    a[:] = np.concatenate([decay, np.ones(padding)]).reshape(rows, _ROW).T
    n[:] = np.concatenate([y, np.zeros(padding)]).reshape(rows, _ROW).T
    d[:] = np.concatenate([np.ones(count), np.zeros(padding)]).reshape(rows, _ROW).T
    for column in range(1, _ROW):
        n[column] += a[column] * n[column - 1]
        d[column] += a[column] * d[column - 1]
        a[column] *= a[column - 1]
    carried_n, carried_d = _carry(a[-1], n[-1], d[-1], numerator, denominator)
    n += a * carried_n
    d += a * carried_d
    return n.T.reshape(-1)[:count], d.T.reshape(-1)[:count]


def _carry(a: Floats, n: Floats, d: Floats, numerator: float, denominator: float) -> tuple[Floats, Floats]:
    """What each row takes over: the state at the end of the row before it, shape [rows]."""
    carried_n, carried_d = np.empty(len(a)), np.empty(len(a))
    for row, (factor, own_n, own_d) in enumerate(zip(a.tolist(), n.tolist(), d.tolist(), strict=True)):
        carried_n[row], carried_d[row] = numerator, denominator
        numerator = factor * numerator + own_n
        denominator = factor * denominator + own_d
    return carried_n, carried_d
