"""What is compared of runs in numbers: last and best values, and those at the last step that all have.

Pure work on arrays: for a thread of the panel, and for the command line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.plotting.trace import SeriesLike

MOST_RUNS = 10
LETTERS = "ABCDEFGHIJ"
_PIECE = 1024
_LOWER = ("loss", "perplexity", "error", "bits_per_byte", "data_wait")
_HIGHER = (
    "accuracy", "mfu", "tokens_per_second", "samples_per_second", "bleu", "rouge", "f1", "exact_match",
    "reward", "margin",
)  # fmt: skip
SPEED = "throughput/tokens_per_second"

Direction = Literal["min", "max"]


class Source(Protocol):
    """The metrics of one run, as `runtime.run.metrics_reader.MetricsReader` gives them."""

    def names(self) -> list[str]: ...
    def series(self, name: str) -> SeriesLike: ...


@dataclass(frozen=True)
class Compared:
    """A run in a comparison, with the letter that stands for it."""

    letter: str
    run_id: str
    tokens_per_step: float | None
    origin: float | None
    """The instant from which its time counts, in Unix seconds."""


@dataclass(frozen=True)
class Values:
    """One metric of one run. A value that isn't there is None, one that isn't finite is as it was logged."""

    count: int = 0
    last: float | None = None
    last_step: int | None = None
    best: float | None = None
    best_step: int | None = None
    common: float | None = None
    """At the comparison's common step, or the last one before it where that isn't exact."""

    @property
    def missing(self) -> bool:
        """Whether the run has never logged the metric."""
        return self.count == 0


@dataclass(frozen=True)
class Metric:
    """One metric over all runs, in their order."""

    name: str
    values: tuple[Values, ...]
    common_step: int | None
    """The largest step for which all runs that have the metric have a value; None without any value."""
    direction: Direction | None
    exact: bool = True
    """False where no step is logged by all: then it is the largest one that all have reached."""


def compared(letter: str, record: RunRecord | None, run_id: str) -> Compared:
    """How a run takes part: its tokens a step and its start are its own."""
    if record is None:
        return Compared(letter, run_id, None, None)
    summary = record.summary
    tokens = summary.tokens / summary.step if summary.tokens and summary.step else None
    return Compared(letter, run_id, tokens, record.started or record.created)


def direction(name: str) -> Direction | None:
    """Which values of a metric are the better ones; None where neither is, as of a learning rate."""
    last = name.rpartition("/")[2].lower()
    if any(word in last for word in _LOWER):
        return "min"
    return "max" if any(word in last for word in _HIGHER) else None


def compare(sources: Sequence[Source], name: str) -> Metric:
    """One metric of all runs. Work on every point: not for the panel's own thread."""
    series = [source.series(name) for source in sources]
    steps = [each.step for each in series if len(each.step)]
    step, exact, way = common_step(steps), True, direction(name)
    if step is None and steps:
        step, exact = min(int(each[-1]) for each in steps), False
    return Metric(name, tuple(_values(each, way, step, exact) for each in series), step, way, exact)


def at_step(metric: Metric, step: int | None, found: Mapping[int, float]) -> Metric:
    """The same with the values `found` (by the run's number) at another step in place of the common one."""
    values = tuple(replace(each, common=found.get(number)) for number, each in enumerate(metric.values))
    return replace(metric, values=values, common_step=step, exact=True)


def _values(series: SeriesLike, way: Direction | None, common: int | None, exact: bool) -> Values:
    if not len(series.step):
        return Values()
    best: int | None = None
    if way is not None:
        finite = np.isfinite(series.value)
        if finite.any():
            worst = np.inf if way == "min" else -np.inf
            candidates = np.where(finite, series.value, worst)
            best = int(candidates.argmin() if way == "min" else candidates.argmax())
    at = _index(series.step, common, exact)
    return Values(
        count=len(series.step),
        last=float(series.value[-1]),
        last_step=int(series.step[-1]),
        best=None if best is None else float(series.value[best]),
        best_step=None if best is None else int(series.step[best]),
        common=None if at is None else float(series.value[at]),
    )


def _index(steps: npt.NDArray[np.int64], step: int | None, exact: bool) -> int | None:
    """Where the step is, or the last one before it if it needn't be exact; None where there is none."""
    if step is None:
        return None
    index = int(np.searchsorted(steps, step, "right")) - 1
    return index if index >= 0 and (not exact or int(steps[index]) == step) else None


def common_step(steps: Sequence[npt.NDArray[np.int64]]) -> int | None:
    """The largest step that is in all of these ascending arrays; empty ones don't count."""
    filled = [each for each in steps if len(each)]
    if not filled:
        return None
    limit = min(int(each[-1]) for each in filled)
    shortest = min(filled, key=len)
    end, size = int(np.searchsorted(shortest, limit, "right")), _PIECE
    while end > 0:  # from the end in growing pieces: as a rule the first one has it
        part = shortest[max(end - size, 0) : end]
        for each in filled:
            index = np.minimum(np.searchsorted(each, part), len(each) - 1)
            part = part[each[index] == part]
        if len(part):
            return int(part[-1])
        end, size = end - size, size * 4
    return None


def all_names(sources: Sequence[Source]) -> list[str]:
    """Every metric of any of the runs."""
    return list(dict.fromkeys(name for source in sources for name in source.names()))


def difference(value: float | None, base: float | None) -> float | None:
    """By how much a value lies above the baseline's; None where one of them isn't there or isn't finite."""
    if value is None or base is None or not (math.isfinite(value) and math.isfinite(base)):
        return None
    return value - base


def eval_names(names: Sequence[str]) -> list[str]:
    """The metrics of evaluations, losses first: what a table shows beside the training's own."""
    found = [name for name in names if name.startswith("eval/")]
    return sorted(found, key=lambda name: (not name.endswith("loss"), name))
