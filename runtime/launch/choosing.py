"""Which checkpoint a resume or a branch goes on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime.messages import N_, UsageError, joined
from runtime.run.checkpoints import (
    Checkpoint,
    Rejected,
    Verification,
    find_checkpoint,
    list_checkpoints,
    verify,
)
from runtime.run.layout import RunDirectory

Reading = Callable[[int, int, int], None]
"""Called with (step, bytes done, bytes in all) while a checkpoint is verified."""


@dataclass(frozen=True)
class Choice:
    """The checkpoint (None where there is none: the run begins again), and those that were passed over on the
    way to it. `trusted`: when it was verified, where that was believed and not done anew."""

    checkpoint: Checkpoint | None
    rejected: tuple[Rejected, ...]
    remembered: bool = False

    @property
    def trusted(self) -> float | None:
        """See the class."""
        return self.checkpoint.verified if self.checkpoint is not None and self.remembered else None


def choose(
    run: RunDirectory,
    step: int | None,
    *,
    branch: bool,
    thorough: bool,
    progress: Reading | None = None,
) -> Choice:
    """The newest checkpoint that is whole, or the one of `step`. A run that hasn't saved any yet begins
    again.

    One that a person named is refused where it is damaged, and for a resume also where a newer one is good,
    since a run has one line of history: that is what a branch is for. Raises UsageError.
    """
    named = find_checkpoint(run, step) if step is not None else None
    known = False
    if named is not None:
        result, known = _verify(named, thorough, progress)
        if not result.ok:
            raise UsageError(
                N_(
                    "checkpoint {step} of {run} is damaged: {problems}. Leave the step out to take the newest"
                    " good one"
                ),
                step=named.step,
                run=run.run_id,
                problems=joined(result.problems),
            )
        if branch:
            return Choice(named, (), known)
    rejected: list[Rejected] = []
    for checkpoint in reversed(list_checkpoints(run)):
        if checkpoint.state not in ("complete", "foreign") and not _named_like_one(run, checkpoint):
            continue
        if named is not None and checkpoint.step <= named.step:
            return Choice(named, tuple(rejected), known)
        result, known = _verify(checkpoint, thorough, progress)
        if result.ok:
            return Choice(_newest(run, named, checkpoint), tuple(rejected), known)
        rejected.append(Rejected(checkpoint, result.problems))
    if not rejected and named is None and not branch:
        return Choice(None, ())
    raise _nothing(run, rejected)


def _named_like_one(run: RunDirectory, checkpoint: Checkpoint) -> bool:
    """Whether a directory that isn't complete carries the name of a checkpoint: then it is one that was
    damaged."""
    return checkpoint.path == run.checkpoint(checkpoint.step)


def _newest(run: RunDirectory, named: Checkpoint | None, newest: Checkpoint) -> Checkpoint:
    if named is None:
        return newest
    raise UsageError(
        N_(
            "{run} has gone on to step {newest}; a run has one line of history, so it resumes from there. To"
            " go on from {step}: headnode branch {run}@{step}"
        ),
        run=run.run_id,
        newest=newest.step,
        step=named.step,
    )


def _verify(checkpoint: Checkpoint, thorough: bool, progress: Reading | None) -> tuple[Verification, bool]:
    """What verifying finds, and whether that was remembered instead of done."""
    if checkpoint.verified is not None and not thorough:
        return Verification(True, ()), True
    if progress is None:
        return verify(checkpoint), False
    return verify(checkpoint, lambda done, total: progress(checkpoint.step, done, total)), False


def _nothing(run: RunDirectory, rejected: list[Rejected]) -> UsageError:
    if not rejected:
        return UsageError(
            N_("{run} has no complete checkpoint to go on from; headnode launch starts it anew"),
            run=run.run_id,
        )
    problems = "; ".join(f"{item.checkpoint.step}: {item.problems[0]}" for item in rejected)
    return UsageError(
        N_("{run} has no checkpoint that is whole ({problems}); headnode launch starts it anew"),
        run=run.run_id,
        problems=problems,
    )
