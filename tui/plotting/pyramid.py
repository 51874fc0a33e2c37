"""Minimum and maximum over any stretch of a long array, fast enough to redraw at every key.

A pyramid holds, above the values themselves, the minimum and maximum of every block of 64 values, of every
block of 64 blocks, and so on. It is built once and extended when values are appended. A query over a few
hundred stretches reads the ragged ends of each stretch from the level below and only whole blocks from the
level above, so that its cost depends on the number of stretches and hardly on the number of values. The
result is exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

BLOCK = 64
DIRECT = 1 << 15
"""Up to this many values are reduced in place; above, going up a level is cheaper."""


class Pyramid:
    """Minima and maxima of a growing array of finite numbers."""

    def __init__(self, values: Floats | None = None) -> None:
        self.values: Floats = np.empty(0)
        self._lows: list[Floats] = []
        self._highs: list[Floats] = []
        if values is not None:
            self.extend(values)

    def extend(self, values: Floats) -> None:
        """Takes over the whole array `values`, whose beginning must equal what was there before.

        The array is kept by reference: it must not be changed afterwards except beyond its end.
        """
        known = len(self.values)
        if len(values) < known:
            raise ValueError(f"{len(values)} values can't extend {known}; build a new pyramid")
        self.values = values
        lows = highs = values
        level = 0
        while len(lows) > BLOCK:
            known //= BLOCK  # whole blocks stay, a last partial block is computed again
            starts = np.arange(known * BLOCK, len(lows), BLOCK)
            new_lows = np.minimum.reduceat(lows, starts)
            new_highs = np.maximum.reduceat(highs, starts)
            if level == len(self._lows):
                self._lows.append(new_lows)
                self._highs.append(new_highs)
            else:
                self._lows[level] = np.concatenate([self._lows[level][:known], new_lows])
                self._highs[level] = np.concatenate([self._highs[level][:known], new_highs])
            lows, highs = self._lows[level], self._highs[level]
            level += 1

    def ranges(self, start: Indices, stop: Indices) -> tuple[Floats, Floats]:
        """The minimum and maximum of each stretch [start, stop); the stretches ascend and none is empty."""
        low = np.full(len(start), np.inf)
        high = np.full(len(start), -np.inf)
        lows = highs = self.values
        which = np.arange(len(start))
        level = 0
        while len(which):
            if stop[-1] - start[0] <= DIRECT or level == len(self._lows):
                low[which] = np.minimum(low[which], _reduce(np.minimum, lows, start, stop))
                high[which] = np.maximum(high[which], _reduce(np.maximum, highs, start, stop))
                break
            head_stop = np.minimum(stop, -(-start // BLOCK) * BLOCK)
            tail_start = np.maximum(head_stop, stop // BLOCK * BLOCK)
            for first, last in ((start, head_stop), (tail_start, stop)):
                index = np.minimum(first[:, None] + np.arange(BLOCK), np.maximum(last - 1, first)[:, None])
                index = np.where(
                    (last > first)[:, None], index, start[:, None]
                )  # start is inside its stretch
                low[which] = np.minimum(low[which], lows[index].min(axis=1))
                high[which] = np.maximum(high[which], highs[index].max(axis=1))
            start, stop = head_stop // BLOCK, tail_start // BLOCK
            whole = stop > start
            which, start, stop = which[whole], start[whole], stop[whole]
            lows, highs = self._lows[level], self._highs[level]
            level += 1
        return low, high


def _reduce(operation: np.ufunc, values: Floats, start: Indices, stop: Indices) -> Floats:
    bounds = np.empty(2 * len(start), dtype=np.intp)
    bounds[0::2] = start
    bounds[1::2] = stop
    if bounds[-1] == len(values):  # reduceat takes the end as given, not as an index
        bounds = bounds[:-1]
    else:
        values = values[: bounds[-1] + 1]
    result: Floats = operation.reduceat(values, bounds)[0::2]
    return result
