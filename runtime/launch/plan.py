"""What a resume or a branch would do, shown before anything starts: which checkpoint, and what differs
from then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.launch.choosing import Choice, Reading, choose
from runtime.launch.differences import Differ
from runtime.launch.plan_row import PlanRow
from runtime.launch.starting import workspace_root
from runtime.messages import N_, HeadnodeError, UsageError
from runtime.run.checkpoints import Checkpoint, Rejected
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord, read_record
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile


@dataclass(frozen=True)
class ResumePlan:
    """What a resume (or branch) would do. `checkpoint` is None for a job that keeps none, or a run that
    hasn't
    saved any yet: it begins again, and `step` is 0. `trusted`: when the checkpoint was verified, if that
    wasn't
    done for this plan but remembered (Unix seconds)."""

    run_id: str
    step: int
    checkpoint: Checkpoint | None
    rejected: tuple[Rejected, ...]
    rows: tuple[PlanRow, ...]
    world_size: int
    profile: Profile = field(repr=False)
    trusted: float | None = None

    @property
    def refusals(self) -> list[PlanRow]:
        """What makes it impossible."""
        return [row for row in self.rows if row.severity == "refuse"]

    def unacknowledged(self, acknowledged: Collection[str]) -> list[PlanRow]:
        """What has to be acknowledged and isn't. A name stands for the rows below it too: `versions` for
        `versions.torch`."""
        return [
            row for row in self.rows if row.severity == "acknowledge" and not accepts(acknowledged, row.key)
        ]

    def require(self, acknowledged: Collection[str]) -> None:
        """Raises PlanRefused where something is impossible or not acknowledged, with one sentence for
        each."""
        rows = self.refusals or self.unacknowledged(acknowledged)
        if rows:
            raise PlanRefused(self.run_id, rows)


class PlanRefused(UsageError):
    """A resume that can't be, or that changes results without having been told that this is meant. `rows`
    says why."""

    def __init__(self, run_id: str, rows: Sequence[PlanRow]) -> None:
        self.rows = tuple(rows)
        reasons = "; ".join(
            f"{row.key}: {row.message}" if row.message is not None else row.key for row in rows
        )
        if rows[0].severity == "refuse":
            super().__init__(N_("{run} can't go on like this: {reasons}"), run=run_id, reasons=reasons)
        else:
            keys = ",".join(row.key for row in rows)
            super().__init__(
                N_("{run} would not go on as before: {reasons} (accept it with --acknowledge {keys})"),
                run=run_id,
                reasons=reasons,
                keys=keys,
            )


def accepts(acknowledged: Collection[str], key: str) -> bool:
    """Whether one of the names is that of the row, or of what it belongs to."""
    return any(key == name or key.startswith(f"{name}.") for name in acknowledged if name)


def resume_plan(
    run: RunDirectory,
    step: int | None = None,
    overrides: Sequence[str] = (),
    *,
    branch: bool = False,
    progress: Reading | None = None,
) -> ResumePlan:
    """What `resume` (or `branch`) with the same arguments would do. Changes nothing.

    Checkpoints that were verified before, and haven't changed since, aren't read again for this; `resume`
    itself reads every byte. Raises UsageError (no such checkpoint, nothing to go on from) and ProfileError
    (overrides).
    """
    return make_plan(run, step, overrides, branch=branch, thorough=False, progress=progress)


def make_plan(
    run: RunDirectory,
    step: int | None,
    overrides: Sequence[str],
    *,
    branch: bool,
    thorough: bool,
    progress: Reading | None = None,
) -> ResumePlan:
    """The plan; with `thorough` every byte of the checkpoint is verified, whatever is remembered of it, and
    `progress` hears of it."""
    from runtime.profile import apply_overrides, read_frozen

    record = readable_record(run)
    choice = _choice(run, record, step, branch=branch, thorough=thorough, progress=progress)
    base = run.attempt(record.attempt).profile
    before = read_frozen(base if base.exists() else run.profile)
    after = apply_overrides(before, overrides)
    then = read_frozen(profile_then(run, choice.checkpoint) or base)
    differ = Differ(run, record, choice.checkpoint, then, before, after, Workspace(workspace_root(run)))
    rows = tuple(differ.rows(branch=branch))
    return ResumePlan(
        run_id=run.run_id,
        step=choice.checkpoint.step if choice.checkpoint is not None else 0,
        checkpoint=choice.checkpoint,
        rejected=choice.rejected,
        rows=rows,
        world_size=after.launch.processes,
        profile=after,
        trusted=choice.trusted,
    )


def readable_record(run: RunDirectory) -> RunRecord:
    """The record of a run that may be gone on from here. Raises HeadnodeError otherwise."""
    record = read_record(run)
    if record is None:
        raise HeadnodeError(N_("{run} has no readable run.json: nothing can be asked of it"), run=run.run_id)
    if record.read_only:
        raise UsageError(
            N_("{run} is read-only here: it is a copy of {path}, or a newer version wrote it"),
            run=run.run_id,
            path=record.path,
        )
    return record


def _choice(
    run: RunDirectory,
    record: RunRecord,
    step: int | None,
    *,
    branch: bool,
    thorough: bool,
    progress: Reading | None,
) -> Choice:
    if record.job in ("command", "prepare"):
        if step is not None or branch:
            raise UsageError(
                N_(
                    "{run} is a job of kind {job}, which keeps no checkpoints; resume it without a step to"
                    " run it again"
                ),
                run=run.run_id,
                job=record.job,
            )
        return Choice(None, ())
    return choose(run, step, branch=branch, thorough=thorough, progress=progress)


def profile_then(run: RunDirectory, checkpoint: Checkpoint | None) -> Path | None:
    """The profile of the attempt that wrote the checkpoint, as a path; None where it isn't this run's own."""
    complete = checkpoint.complete if checkpoint is not None else None
    if complete is None:
        return None
    own = run.attempt(complete.attempt).profile
    if complete.run_id == run.run_id and own.exists():
        return own
    return run.profile
