"""Resuming a run that is over: attempt n+1 from its newest valid checkpoint."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from runtime.launch.attempts import resume_of
from runtime.launch.choosing import Reading
from runtime.launch.command import strategy
from runtime.launch.holding import hand_over, take_ended
from runtime.launch.new_run import attempt_files
from runtime.launch.plan import ResumePlan, accepts, make_plan, readable_record
from runtime.launch.preflight import require
from runtime.launch.processes import run_processes
from runtime.launch.starting import workspace_root
from runtime.launch.trash import empty_trash
from runtime.messages import N_, HeadnodeError, UsageError
from runtime.run.checkpoints import invalidate, remove_partial
from runtime.run.epochs import release_epoch
from runtime.run.events import EventWriter
from runtime.run.files import encode, fsync_directory, write_atomic
from runtime.run.layout import RunDirectory
from runtime.run.record import Resume, RunRecord, write_record
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile


def resume(
    run: RunDirectory,
    step: int | None = None,
    overrides: Sequence[str] = (),
    acknowledge: Collection[str] = (),
    *,
    by: str = "cli",
    progress: Reading | None = None,
) -> RunDirectory:
    """Starts attempt n+1 of a run that is over, from its newest checkpoint that verifies byte by byte (of
    which
    `progress` hears); returns the run. One that was ended before its first checkpoint begins again at step 0.

    Damaged ones on the way to it are set aside and told. `step` may name that checkpoint; an older one is
    refused (`branch`), and so is a damaged one. `acknowledge`: keys of plan rows that are accepted. Raises
    UsageError (PlanRefused, PreflightFailed, ProfileError among them), EpochHeld, SupervisorFailed. Before
    any of them nothing has been changed.
    """
    _require_over(run)
    workspace = Workspace(workspace_root(run))
    plan = make_plan(run, step, overrides, branch=False, thorough=True, progress=progress)
    plan.require(acknowledge)
    require(plan.profile, workspace, run)
    epoch = take_ended(run)
    try:
        _prepare(run, _require_over(run), plan, workspace, acknowledge, by)
    finally:
        release_epoch(run, epoch)
    hand_over(run)
    return run


def _require_over(run: RunDirectory) -> RunRecord:
    record = readable_record(run)
    if not record.ended_state:
        raise UsageError(
            N_("{run} is {state}: it can be resumed when it is over (headnode stop {run} --wait)"),
            run=run.run_id,
            state=record.state,
        )
    left = run_processes(run.run_id)
    if left:
        pids = ", ".join(str(identity.pid) for identity in left)
        raise HeadnodeError(
            N_("processes of {run} are still there: {pids}; end them first"), run=run.run_id, pids=pids
        )
    return record


def _prepare(
    run: RunDirectory,
    record: RunRecord,
    plan: ResumePlan,
    workspace: Workspace,
    acknowledge: Collection[str],
    by: str,
) -> None:
    attempt = max([record.attempt, *run.attempt_numbers()]) + 1
    resumed = resume_of(plan.checkpoint)
    _write_attempt(run, attempt, plan.profile, workspace, resumed)
    remove_partial(run)
    empty_trash(run)
    events = EventWriter(run)
    for item in plan.rejected:
        problems = [str(problem) for problem in item.problems]
        renamed = (
            invalidate(item.checkpoint, item.problems).name if item.checkpoint.state != "foreign" else None
        )
        events.write(
            "checkpoint_invalid",
            record.attempt,
            step=item.checkpoint.step,
            problems=problems,
            renamed=renamed,
        )
    accepted = [
        row.key for row in plan.rows if row.severity == "acknowledge" and accepts(acknowledge, row.key)
    ]
    changed = {row.key: [row.then, row.now] for row in plan.rows if not row.same}
    events.write("resumed", attempt, resume=resumed, by=by, changed=changed, acknowledged=accepted)
    events.close()
    write_record(run, _record(record, plan, attempt, resumed))


def _record(record: RunRecord, plan: ResumePlan, attempt: int, resumed: Resume | None) -> RunRecord:
    from runtime.profile import total_steps

    profile = plan.profile
    total = total_steps(profile) or record.summary.total_steps
    before = record.summary
    if resumed is None:  # what it had reached before counts for nothing any more
        before = replace(before, step=None, tokens=None, progress=None, metrics={}, sparkline=())
    step = before.step
    summary = replace(
        before,
        updated=time.time(),
        total_steps=total,
        progress=min(1.0, step / total) if step is not None and total else before.progress,
        eta_seconds=None,
        tokens_per_second=None,
    )
    return replace(
        record,
        state="starting",
        reason=None,
        evidence={},
        attempt=attempt,
        restarts=0,
        ended=None,
        resume=resumed,
        world_size=plan.world_size,
        strategy=strategy(profile),
        summary=summary,
    )


def _write_attempt(
    run: RunDirectory, attempt: int, profile: Profile, workspace: Workspace, resumed: Resume | None
) -> None:
    from runtime.profile import dump

    files = run.attempt(attempt)
    files.path.mkdir(parents=True)
    for name, content in attempt_files(run, attempt, profile, workspace, dump(profile), resumed).items():
        data = content.encode() if isinstance(content, str) else encode(content, indent=2) + b"\n"
        write_atomic(files.path / name, data)
    fsync_directory(files.path.parent)
