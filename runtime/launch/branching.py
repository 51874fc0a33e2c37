"""Branching: a new run with the full state of another run's checkpoint."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from runtime.launch.attempts import resume_of
from runtime.launch.choosing import Reading
from runtime.launch.holding import hand_over
from runtime.launch.linking import link_tree
from runtime.launch.new_run import create_run, event_lines, first_attempt, first_record
from runtime.launch.plan import ResumePlan, make_plan
from runtime.launch.preflight import require
from runtime.launch.starting import workspace_root
from runtime.messages import N_, UsageError, joined
from runtime.run.checkpoints import list_checkpoints, verify
from runtime.run.layout import RunDirectory, new_run_id
from runtime.run.record import LastCheckpoint, Summary
from runtime.run.workspace import Workspace


def branch(
    run: RunDirectory,
    step: int,
    overrides: Sequence[str] = (),
    acknowledge: Collection[str] = (),
    *,
    by: str = "cli",
    progress: Reading | None = None,
) -> RunDirectory:
    """Starts a new run from the checkpoint of `step` and returns it; the run that it comes from is left as it
    is, and may be running.

    Checkpoint and prepared data are hard links where the file system can, else copies; what has been linked
    is then verified byte by byte, of which `progress` hears. Raises UsageError (PlanRefused, PreflightFailed,
    ProfileError among them),
    SupervisorFailed. Until the supervisor is started nothing of it is to be seen.
    """
    from runtime.profile import dump

    workspace = Workspace(workspace_root(run))
    plan = make_plan(run, step, overrides, branch=True, thorough=False)
    plan.require(acknowledge)
    require(plan.profile, workspace, run)
    now = time.time()
    new = RunDirectory(workspace.logs / new_run_id(plan.profile.name, now))
    resumed = resume_of(plan.checkpoint)
    record = first_record(
        new,
        plan.profile,
        now,
        by,
        {"run_id": run.run_id, "step": step, "kind": "branch"},
        resumed,
        _summary(plan, now),
    )
    text = dump(plan.profile)
    create_run(
        workspace,
        new,
        {
            "profile.yaml": text,
            "run.json": record.to_json(),
            "events.jsonl": event_lines(now, created={"by": by}, branched={"parent": record.parent}),
            **first_attempt(new, plan.profile, workspace, text, resumed),
        },
        lambda hidden: _bring_along(run, hidden, plan, progress),
    )
    hand_over(new)
    return new


def _summary(plan: ResumePlan, now: float) -> Summary:
    from runtime.profile import total_steps

    checkpoint = plan.checkpoint
    assert checkpoint is not None
    complete = checkpoint.complete
    last: LastCheckpoint = {"step": checkpoint.step, "time": checkpoint.time, "bytes": checkpoint.bytes}
    total = total_steps(plan.profile)
    return Summary(
        updated=now,
        step=checkpoint.step,
        total_steps=total,
        tokens=complete.tokens if complete is not None else None,
        progress=min(1.0, checkpoint.step / total) if total else None,
        metrics=dict(complete.metrics) if complete is not None else {},
        checkpoint=last,
    )


def _bring_along(run: RunDirectory, new: RunDirectory, plan: ResumePlan, progress: Reading | None) -> None:
    checkpoint = plan.checkpoint
    assert checkpoint is not None
    link_tree(checkpoint.path, new.checkpoints / checkpoint.name)
    brought = next(item for item in list_checkpoints(new) if item.step == checkpoint.step)
    step = checkpoint.step
    result = verify(brought, None if progress is None else lambda done, total: progress(step, done, total))
    if not result.ok:
        raise UsageError(
            N_("checkpoint {step} of {run} is damaged: {problems}"),
            step=checkpoint.step,
            run=run.run_id,
            problems=joined(result.problems),
        )
    data = run.artifacts / "data"
    if data.is_dir():
        link_tree(data, new.artifacts / "data")
