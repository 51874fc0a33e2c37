"""Which steps stand out: loss and gradient norm against those of the last steps.

After OLMo-core's skip-step optimizer (allenai/OLMo-core, `optim/skip_step_optimizer.py`): a window of the
last 128 values of both, and six standard deviations. Three things are otherwise, for reasons:

- The middle and the width of the window are its median and 1.4826 · the median absolute deviation (equal to
  mean and standard deviation for normal noise) instead of mean and standard deviation. A spike that is in
  the window widens the latter by so much that the one after it passes; the former hardly notice until half
  of the window is spikes, and then they are the new level.
- Only what lies *above* is a spike: a loss that falls fast is no fault.
- Gradient norms are compared by their logarithm: they are spread like a log-normal variable, whose ordinary
  large values six deviations of a normal one would cut off.

Everything here is plain Python on 64-bit floats that are equal on all ranks, so every rank finds the same,
and a window that went through JSON goes on bit for bit.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MINIMUM = 20
"""Values that a window must hold, and half of what it can hold, before it judges."""
NORMAL = 1.4826
"""Standard deviation of normal noise, in median absolute deviations."""
NARROWEST = 1e-3
"""A width below this (absolute, of a loss in nats or of a logarithm) is none: rounding is no spike."""


@dataclass(frozen=True)
class Spike:
    """A value that stands out. `quantity`: "loss" (nats a token) or "grad_norm"; `limit`: what would have
    passed."""

    quantity: str
    value: float
    limit: float


class Window:
    """The last values of one quantity. With `logarithmic`, spread is measured in logarithms."""

    def __init__(self, size: int, sigma: float, *, logarithmic: bool = False) -> None:
        self._values: deque[float] = deque(maxlen=size)
        self._needed = min(size, max(MINIMUM, size // 2))
        self._sigma, self._logarithmic = sigma, logarithmic

    def limit(self) -> float:
        """The largest value that doesn't stand out; infinite while there is too little to compare with."""
        if len(self._values) < self._needed:
            return math.inf
        values = [self._scaled(value) for value in self._values]
        middle = statistics.median(values)
        width = NORMAL * statistics.median(abs(value - middle) for value in values)
        limit = middle + self._sigma * max(width, NARROWEST)
        if not self._logarithmic:
            return limit
        return math.exp(limit) if limit < 700 else math.inf  # the largest power that a float holds

    def add(self, value: float) -> None:
        """Take a finite value in."""
        self._values.append(value)

    def _scaled(self, value: float) -> float:
        return math.log(max(value, 1e-300)) if self._logarithmic else value

    def values(self) -> list[float]:
        return list(self._values)

    def restore(self, values: Sequence[float]) -> None:
        self._values.clear()
        self._values.extend(float(value) for value in values)


class SpikeWatch:
    """The windows of loss and gradient norm."""

    def __init__(self, window: int, sigma: float) -> None:
        self._windows = {
            "loss": Window(window, sigma),
            "grad_norm": Window(window, sigma, logarithmic=True),
        }

    def look(self, loss: float, grad_norm: float) -> Spike | None:
        """Judge a step with finite values, and take it into the windows."""
        spike = None
        for (quantity, window), value in zip(self._windows.items(), (loss, grad_norm), strict=True):
            limit = window.limit()
            if spike is None and value > limit:
                spike = Spike(quantity, value, limit)
            window.add(value)
        return spike

    def to_json(self) -> dict[str, list[float]]:
        return {quantity: window.values() for quantity, window in self._windows.items()}

    def restore(self, value: Mapping[str, Any]) -> None:
        """Go on with the windows of `to_json`; what isn't there is empty."""
        for quantity, window in self._windows.items():
            window.restore(value.get(quantity) or ())
