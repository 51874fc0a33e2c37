"""Which checkpoints are kept, and the removal of the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.run.checkpoints import Checkpoint, delete_checkpoint, invalidate, list_checkpoints, verify
from runtime.run.layout import RunDirectory


@dataclass(frozen=True)
class Retention:
    """The rules of a profile's `checkpoint` section.

    Kept: the newest `keep_last`; each at a multiple of `keep_every` steps; the one with the lowest
    `keep_best` metric; every protected one. Counted are complete checkpoints on disk, whichever attempt wrote
    them.
    """

    keep_last: int
    keep_every: int | None = None
    keep_best: str | None = None

    def doomed(self, complete: Sequence[Checkpoint]) -> list[Checkpoint]:
        """Those of the complete checkpoints that need not stay, oldest first."""
        ordered = sorted(complete, key=lambda checkpoint: checkpoint.step)
        kept = {checkpoint.step for checkpoint in ordered[-self.keep_last :]}
        kept |= {checkpoint.step for checkpoint in ordered if checkpoint.protected}
        if self.keep_every:
            kept |= {c.step for c in ordered if c.step % self.keep_every == 0}
        if self.keep_best:
            scored = [(_metric(c, self.keep_best), c.step) for c in ordered]
            finite = [(value, step) for value, step in scored if math.isfinite(value)]
            kept |= {min(finite)[1]} if finite else set()
        return [checkpoint for checkpoint in ordered if checkpoint.step not in kept]


def _metric(checkpoint: Checkpoint, name: str) -> float:
    value = checkpoint.complete.metrics.get(name) if checkpoint.complete else None
    return float(value) if value is not None else math.nan


def prune(run_dir: RunDirectory, rules: Retention, report: Callable[..., Any]) -> None:
    """Remove what `rules` no longer want, if the newest checkpoint proves good when read back.

    Reports `checkpoint_deleted` for each, or `checkpoint_invalid` if the newest is not what was written.
    """
    complete = [c for c in list_checkpoints(run_dir) if c.state == "complete"]
    doomed = rules.doomed(complete)
    if not doomed:
        return
    newest = max(complete, key=lambda checkpoint: checkpoint.step)
    verification = verify(newest)
    if not verification.ok:
        invalidate(newest, verification.problems)
        report("checkpoint_invalid", step=newest.step, problems=[str(p) for p in verification.problems])
        return
    for checkpoint in doomed:
        delete_checkpoint(checkpoint)
        report("checkpoint_deleted", step=checkpoint.step)
