"""What a person can do to runs: the public face of this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runtime.launch.adoption import adopt, adopt_run
from runtime.launch.branching import branch
from runtime.launch.holding import hand_over
from runtime.launch.plan import ResumePlan, resume_plan
from runtime.launch.plan_row import PlanRow
from runtime.launch.rebuilding import rebuilt_record
from runtime.launch.removing import remove_checkpoint, remove_run
from runtime.launch.resuming import resume
from runtime.messages import N_, HeadnodeError, UsageError
from runtime.run.control import request
from runtime.run.layout import RunDirectory, new_run_id
from runtime.run.record import RunRecord, read_record
from runtime.run.verification import Progress
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile

__all__ = [
    "PlanRow",
    "ResumePlan",
    "adopt",
    "branch",
    "launch",
    "prioritize",
    "remove_checkpoint",
    "remove_run",
    "resume",
    "resume_plan",
    "save",
    "stop",
    "wait",
]

_ADOPT_EVERY = 2.0


def launch(
    workspace: Workspace, profile: Profile, *, by: str = "cli", progress: Progress | None = None
) -> RunDirectory:
    """Creates a run and starts its supervisor, detached; returns when the supervisor holds the run.

    With `model.weights` it is a new run from weights: they are brought along and verified, of which
    `progress`
    hears. Raises PreflightFailed and UsageError (nothing has been created), or SupervisorFailed.
    """
    from runtime.launch.new_run import create_run, event_lines, first_attempt, first_record
    from runtime.launch.preflight import require
    from runtime.profile import dump

    require(profile, workspace)
    weights = None
    if profile.model is not None and profile.model.weights is not None:
        from runtime.launch.weights import bring_weights, find_weights

        weights = find_weights(profile.model.weights, workspace)
        model = profile.model.model_copy(update={"weights": weights.address})
        profile = profile.model_copy(update={"model": model})
    now = time.time()
    run = RunDirectory(workspace.logs / new_run_id(profile.name, now))
    text = dump(profile)
    parent = weights.parent if weights is not None else None
    detail = {"by": by, **({"parent": parent} if parent is not None else {})}
    create_run(
        workspace,
        run,
        {
            "profile.yaml": text,
            "run.json": first_record(run, profile, now, by, parent).to_json(),
            "events.jsonl": event_lines(now, created=detail),
            **first_attempt(run, profile, workspace, text),
        },
        None if weights is None else lambda hidden: bring_weights(profile, weights, hidden, progress),
    )
    hand_over(run)
    return run


def stop(run: RunDirectory, save: bool = True, kill: bool = False, *, by: str = "cli") -> str:
    """Asks a run to stop, after a checkpoint if `save`; `kill` ends its processes at once. Returns the
    request's id.

    Raises UsageError for a run that is over.
    """
    record = _require_active(run)
    adopt_run(run)
    wish = {"save": save and not kill, "kill": kill}
    return request(run, "stop", wish, by=by, attempt=record.attempt)


def save(run: RunDirectory, *, by: str = "cli") -> str:
    """Asks a run for a checkpoint at the next step boundary; returns the request's id. Raises UsageError
    for a run that is over."""
    record = _require_active(run)
    if record.job in ("command", "prepare"):
        raise UsageError(
            N_("{run} is a job of kind {job}: it keeps no checkpoints that could be asked for"),
            run=run.run_id,
            job=record.job,
        )
    adopt_run(run)
    return request(run, "save", {}, by=by)


def prioritize(run: RunDirectory, priority: int, *, by: str = "cli") -> str:
    """Asks a run that waits for devices to take its place in the queue by `priority`, larger first; returns
    the request's id. Raises UsageError for a run that isn't waiting."""
    record = _require_active(run)
    if record.state != "queued":
        raise UsageError(
            N_("{run} isn't waiting in the queue: it is {state}"), run=run.run_id, state=record.state
        )
    adopt_run(run)
    return request(run, "priority", {"priority": priority}, by=by)


def _require_active(run: RunDirectory) -> RunRecord:
    record = read_record(run) or rebuilt_record(run)
    if record is None:
        raise HeadnodeError(N_("{run} has no readable run.json: nothing can be asked of it"), run=run.run_id)
    if record.ended_state:
        raise UsageError(N_("{run} is over already: {state}"), run=run.run_id, state=record.state)
    return record


def wait(
    run: RunDirectory, *, poll: float = 0.2, until: Callable[[RunRecord], bool] | None = None
) -> Iterator[RunRecord]:
    """The record at first and whenever it has changed, until `until` holds (by default: the run is over);
    `poll` in seconds.

    A supervisor that dies meanwhile gets a successor. Raises HeadnodeError where the run is removed
    meanwhile.
    """
    done = until if until is not None else (lambda record: not record.active)
    last: RunRecord | None = None
    next_adoption = 0.0
    while True:
        record = read_record(run)
        if record is None and not run.path.exists():
            raise HeadnodeError(N_("{run} was removed"), run=run.run_id)
        if record is not None and record != last:
            last = record
            yield record
        if record is not None and (done(record) or not record.active):
            return
        if time.monotonic() >= next_adoption:
            next_adoption = time.monotonic() + _ADOPT_EVERY
            adopt_run(run)
        time.sleep(poll)
