"""The curves of a branch before those of the run that it came from: the parent's are drawn behind, dimmed, up
to
the branching step and beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tui import describe
from tui.plotting.model import Drawn, SeriesLike
from tui.widgets.chart_source import MetricsSource

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.record import RunRecord

_SELDOM = 10
"""Of so many looks at the branch one is at the parent too: it has ended, most often."""


class BranchSource:
    """A `LinesSource`. `step` is the one that was branched from; a parent that has been deleted shows
    nothing."""

    def __init__(self, own: MetricsSource, parent: MetricsSource, label: str, step: int) -> None:
        self._own, self._parent = own, parent
        self._label, self._step = label, step
        self._looks = 0

    def poll(self) -> bool:
        """Reads what is new of both."""
        changed = self._own.poll()
        if self._looks % _SELDOM == 0 or not self._parent.exact:
            changed = self._parent.poll() or changed
        self._looks += 1
        return changed

    @property
    def exact(self) -> bool:
        """Whether all points of both are there."""
        return self._own.exact and self._parent.exact

    def names(self) -> list[str]:
        """The branch's metrics, and the parent's before it has logged any."""
        return self._own.names() or self._parent.names()

    def series(self, name: str) -> SeriesLike:
        """The live line of the branch."""
        return self._own.series(name)

    def replaced(self, name: str) -> Sequence[SeriesLike]:
        """What later attempts of the branch replaced."""
        return self._own.replaced(name)

    def drawn(self, name: str) -> list[Drawn]:
        """The branch's line, its past, and the parent's line."""
        lines = [Drawn(self.series(name)), *(Drawn(past, "past") for past in self.replaced(name))]
        parent = self._parent.series(name)
        if not len(parent.step):
            return lines
        at = min(int(np.searchsorted(parent.step, self._step)), len(parent.step) - 1)
        return [*lines, Drawn(parent, "parent", self._label, origin=float(parent.time[at]))]

    def close(self) -> None:
        """Nothing more is asked."""
        self._own.close()
        self._parent.close()


def source_of(run: RunDirectory, record: RunRecord) -> MetricsSource:
    """What the charts of a run read: its metrics, before those of its parent if it is a branch."""
    from runtime.run.layout import RunDirectory as Directory
    from runtime.run.metrics_reader import MetricsReader

    own = MetricsReader(run.metrics)
    parent = record.parent
    if parent is None or parent.get("kind", "branch") != "branch":
        return own
    theirs = Directory(run.path.with_name(parent["run_id"]))
    if not theirs.metrics.exists():
        return own
    label = f"{describe.short_id(parent['run_id'])}@{parent['step']}"
    return BranchSource(own, MetricsReader(theirs.metrics), label, parent["step"])
