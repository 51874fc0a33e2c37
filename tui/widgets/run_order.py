"""In which order runs stand in a list, which of them it shows, and how they are grouped by profile."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui import describe
from tui.filtering import Filter
from tui.i18n import N_

if TYPE_CHECKING:
    from tui.store.runs import RunView

ORDERS = {
    "active": N_("active runs first"),
    "newest": N_("newest first"),
    "state": N_("by state"),
    "progress": N_("furthest first"),
    "loss": N_("lowest loss first"),
    "speed": N_("fastest first, in tokens a second"),
    "left": N_("soonest done first"),
    "name": N_("by name"),
}
"""Names of orders, as they are remembered; all are newest first within the same place."""

_STATES = (
    "running", "stopping", "starting", "queued", "unkillable", "failed", "lost", "stopped", "completed",
    "foreign", "unreadable",
)  # fmt: skip


def place(view: RunView, order: str) -> Any:
    """What a run is sorted by: the lowest first."""
    record = view.record
    summary = record.summary if record is not None else None
    match order:
        case "active":
            return not view.active
        case "state":
            return _STATES.index(view.state) if view.state in _STATES else len(_STATES)
        case "progress":
            return -_known(summary.progress if summary is not None else None, -1.0)
        case "loss":
            return _known(summary.metrics.get("train/loss") if summary is not None else None, math.inf)
        case "speed":
            speed = summary.tokens_per_second if summary is not None and view.active else None
            return -_known(speed, -1.0)
        case "left":
            return _known(summary.eta_seconds if summary is not None and view.active else None, math.inf)
        case "name":
            return describe.short_id(view.run_id)
    return 0


def _known(value: float | None, otherwise: float) -> float:
    return otherwise if value is None or math.isnan(value) else value


@dataclass
class Sequence:
    """The runs to be shown, in order; brought up to date by what changed, and sorted anew only if that moved
    something."""

    order: str = "active"
    wanted: Filter = field(default_factory=Filter)
    run_ids: list[str] = field(default_factory=list)
    _places: dict[str, Any] = field(default_factory=dict)

    def update(self, runs: Mapping[str, RunView], changed: Iterable[str] | None, now: float) -> bool:
        """Takes changes over (None: everything may be different); True if other runs are shown or they stand
        elsewhere."""
        before = len(self._places)
        if changed is None:
            self._places = {
                run_id: place(view, self.order)
                for run_id, view in runs.items()
                if self.wanted.matches(view, now)
            }
            moved = True
        else:
            moved = False
            for run_id in changed:
                moved |= self._take(run_id, runs.get(run_id), now)
        if moved or before != len(self._places):
            newest = sorted(self._places, reverse=True)
            found = sorted(newest, key=self._places.__getitem__)
            moved = found != self.run_ids
            self.run_ids = found
        return moved

    def _take(self, run_id: str, view: RunView | None, now: float) -> bool:
        if view is None or not self.wanted.matches(view, now):
            return self._places.pop(run_id, None) is not None
        there, now_there = self._places.get(run_id), place(view, self.order)
        new = run_id not in self._places
        self._places[run_id] = now_there
        return new or there != now_there


def group_name(view: RunView) -> str:
    """The profile that a run is of, as groups are called."""
    return view.record.name if view.record is not None else describe.short_id(view.run_id)


def grouped(run_ids: Iterable[str], runs: Mapping[str, RunView]) -> dict[str, list[str]]:
    """The runs by profile; groups stand in the order of their first runs."""
    groups: dict[str, list[str]] = {}
    for run_id in run_ids:
        groups.setdefault(group_name(runs[run_id]), []).append(run_id)
    return groups
