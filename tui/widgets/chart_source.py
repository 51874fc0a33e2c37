"""Where the curves of a grid come from, and how they are made ready in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textual.message import Message

from tui.plotting.model import ChartModel, Drawn, SeriesLike

LARGE = 50_000
"""Work on more points than this is done in the reading thread and not in the panel's."""


class MetricsSource(Protocol):
    """What a grid reads; `runtime.run.metrics_reader.MetricsReader` is one.

    Called from one thread at a time, which isn't the panel's.
    """

    def poll(self) -> bool:
        """Reads what is new; whether anything changed."""

    @property
    def exact(self) -> bool:
        """Whether the series hold all points; if not, more comes with later polls."""

    def names(self) -> list[str]:
        """The metrics that there are."""

    def series(self, name: str) -> SeriesLike:
        """The live line of a metric."""

    def replaced(self, name: str) -> Sequence[SeriesLike]:
        """The branches that later attempts replaced."""

    def close(self) -> None:
        """Nothing more is asked."""


@runtime_checkable
class LinesSource(MetricsSource, Protocol):
    """A source that has several lines for each metric, such as those of several runs."""

    def drawn(self, name: str) -> list[Drawn]:
        """The lines of a metric, in an order that stays the same."""


@dataclass
class Arrival:
    """What the reading thread hands over for one metric: its series, and a model of them if they are many."""

    drawn: list[Drawn]
    model: ChartModel | None


class Read(Message, bubble=False):
    """The reading thread is done."""

    def __init__(
        self,
        source: MetricsSource,
        exact: bool,
        changed: bool,
        names: list[str],
        arrivals: dict[str, Arrival],
    ) -> None:
        super().__init__()
        self.source, self.exact, self.changed = source, exact, changed
        self.names, self.arrivals = names, arrivals


def fetch(
    source: MetricsSource,
    name: str,
    known: ChartModel | None,
    leader: ChartModel | None,
    tokens_per_step: float | None,
) -> Arrival:
    """The series of a metric; where much is to be prepared, in a model that looks like `leader`."""
    drawn = _drawn(source, name)
    points = sum(len(each.series.step) for each in drawn if each.role == "line")
    before = known.points if known is not None else 0
    differs = known is not None and leader is not None and not known.smooths_like(leader)
    if points - before <= LARGE and not (differs and points > LARGE):
        return Arrival(drawn, None)
    model = ChartModel()
    model.tokens_per_step = tokens_per_step
    if leader is not None:
        model.look_like(leader)
    model.set_series(drawn)
    return Arrival(drawn, model)


def _drawn(source: MetricsSource, name: str) -> list[Drawn]:
    """The lines of a metric: those that a source of several runs gives, or the one of a run and its past."""
    if isinstance(source, LinesSource):
        return source.drawn(name)
    return [Drawn(source.series(name)), *(Drawn(branch, "past") for branch in source.replaced(name))]
