"""Which checkpoint a resume or a branch goes on from."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Choice:
    """The checkpoint (None for a job without any), and those that were passed over on the way to it."""

    checkpoint: Checkpoint | None
    rejected: tuple[Rejected, ...]


def choose(run: RunDirectory, step: int | None, *, branch: bool, thorough: bool) -> Choice:
    """The newest checkpoint that is whole, or the one of `step`.

    One that a person named is refused where it is damaged, and for a resume also where a newer one is good,
    since a run has one line of history: that is what a branch is for. Raises UsageError.
    """
    named = find_checkpoint(run, step) if step is not None else None
    if named is not None:
        result = _verify(named, thorough)
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
            return Choice(named, ())
    rejected: list[Rejected] = []
    for checkpoint in reversed(list_checkpoints(run)):
        if checkpoint.state not in ("complete", "foreign") and not _named_like_one(run, checkpoint):
            continue
        if named is not None and checkpoint.step <= named.step:
            return Choice(named, tuple(rejected))
        result = _verify(checkpoint, thorough)
        if result.ok:
            return Choice(_newest(run, named, checkpoint), tuple(rejected))
        rejected.append(Rejected(checkpoint, result.problems))
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


def _verify(checkpoint: Checkpoint, thorough: bool) -> Verification:
    if checkpoint.verified is not None and not thorough:
        return Verification(True, ())
    return verify(checkpoint)


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
