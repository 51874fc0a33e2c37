"""The checkpoints of a run as the panel shows them. Reads the disk: not for the panel's thread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.launch.trash import Trashed
    from runtime.run.checkpoints import Checkpoint
    from runtime.run.layout import RunDirectory


@dataclass(frozen=True)
class Shelf:
    """All checkpoints of one run, newest first. `best` is the step with the lowest `metric`, where the
    profile keeps one."""

    run_id: str
    checkpoints: tuple[Checkpoint, ...]
    metric: str | None = None
    best: int | None = None
    trashed: tuple[Trashed, ...] = ()
    """Deleted a moment ago, and still to be brought back."""

    @property
    def complete(self) -> list[Checkpoint]:
        """Those that can be gone on from, as far as is known without reading them, newest first."""
        return [checkpoint for checkpoint in self.checkpoints if checkpoint.state == "complete"]

    @property
    def bytes(self) -> int:
        """What all of them take on disk."""
        return sum(checkpoint.bytes for checkpoint in self.checkpoints)


def read_shelf(run: RunDirectory, metric: str | None) -> Shelf:
    """What is there now; `metric` as `kept_metric` gives it."""
    from runtime.launch.trash import trashed
    from runtime.run.checkpoints import list_checkpoints

    found = tuple(reversed(list_checkpoints(run)))
    scored = [
        (value, checkpoint.step)
        for checkpoint in found
        if metric is not None
        and checkpoint.state == "complete"
        and checkpoint.complete is not None
        and math.isfinite(value := checkpoint.complete.metrics.get(metric, math.nan))
    ]
    best = min(scored)[1] if scored else None
    return Shelf(run.run_id, found, metric, best, tuple(trashed(run)))


def kept_metric(run: RunDirectory) -> str | None:
    """The metric by which the run keeps its best checkpoint; None where it keeps none or nobody can say."""
    from runtime.profile import ProfileError, read_frozen

    try:
        return read_frozen(run.profile).checkpoint.keep_best
    except ProfileError:
        return None
