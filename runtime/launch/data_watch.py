"""Whether training waits for its data: a share of each step that stays high, not one slow batch."""

from __future__ import annotations

from runtime.run.record import Summary

METRIC = "throughput/data_wait"
_WEIGHT = 0.1  # of a new value in the average
_ENOUGH = 20  # values before anything is said
_BEGIN, _END = 0.5, 0.3
"""Share of the time from which on it is said, and below which it is taken back."""


class DataWatch:
    """`look` at each summary; `share` is the average while it is high, else None."""

    def __init__(self) -> None:
        self._average: float | None = None
        self._values = 0
        self._step: int | None = None
        self.share: float | None = None

    def look(self, summary: Summary) -> float | None:
        """The share of the time that is spent waiting for data, where that is worth a word."""
        value = summary.metrics.get(METRIC)
        if value is None or summary.step == self._step or not 0.0 <= value <= 1.0:
            return self.share
        if summary.step is not None and self._step is not None and summary.step < self._step:
            self._average, self._values = None, 0
        self._step = summary.step
        self._values += 1
        before = value if self._average is None else self._average
        self._average = before + _WEIGHT * (value - before)
        if self._average < _END:
            self.share = None
        elif self._average >= _BEGIN and self._values >= _ENOUGH:
            self.share = round(self._average, 1)
        return self.share
