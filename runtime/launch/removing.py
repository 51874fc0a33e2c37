"""Deleting runs that are over, and single checkpoints of them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from runtime.launch.holding import take_ended
from runtime.launch.processes import run_processes
from runtime.messages import N_, HeadnodeError, UsageError
from runtime.run.annotations import protected_steps
from runtime.run.checkpoints import Checkpoint, delete_checkpoint, list_checkpoints
from runtime.run.epochs import release_epoch
from runtime.run.events import EventWriter
from runtime.run.files import fsync_directory
from runtime.run.layout import RunDirectory
from runtime.run.record import LastCheckpoint, RunRecord, Summary, read_record, write_record
from runtime.run.workspace import Workspace

_PREPARED = re.compile(r"^\s+prepared:\s*[\"']?([^\"'#\n]+)", re.MULTILINE)


def remove_run(run: RunDirectory) -> None:
    """Deletes a run that is over, with everything that it wrote. It disappears at once, by a rename; its
    files follow.

    Raises UsageError for a run that is active or has protected checkpoints, HeadnodeError where processes of
    it are left, EpochHeld, OSError.
    """
    record = require_over(run)
    protected = sorted(protected_steps(run) & {checkpoint.step for checkpoint in list_checkpoints(run)})
    if protected:
        raise UsageError(
            N_(
                "{run} has protected checkpoints ({steps}); lift that first (headnode protect RUN@STEP --off)"
            ),
            run=run.run_id,
            steps=", ".join(str(step) for step in protected),
        )
    if not (record is not None and record.moved):
        take_ended(run)  # never released: nobody is to begin anything here
    hidden = run.path.with_name(f".{run.run_id}.{os.urandom(3).hex()}.removing")
    run.path.rename(hidden)
    fsync_directory(hidden.parent)
    shutil.rmtree(hidden)


def remove_checkpoint(run: RunDirectory, step: int) -> None:
    """Deletes what there is of the checkpoint of `step` in a run that is over: whole, damaged or cut short.

    Raises UsageError for an active run, a protected checkpoint and a step without any; EpochHeld; OSError.
    """
    record = require_over(run)
    found = [checkpoint for checkpoint in list_checkpoints(run) if checkpoint.step == step]
    if not found:
        raise UsageError(N_("{run} has no checkpoint of step {step}"), run=run.run_id, step=step)
    for checkpoint in found:
        require_unprotected(run, checkpoint)
    epoch = take_ended(run)
    try:
        _delete(run, record, found)
    finally:
        release_epoch(run, epoch)


def _delete(run: RunDirectory, record: RunRecord | None, found: list[Checkpoint]) -> None:
    events = EventWriter(run)
    for checkpoint in found:
        delete_checkpoint(checkpoint)
        attempt = record.attempt if record is not None else 0
        events.write("checkpoint_deleted", attempt, step=checkpoint.step, name=checkpoint.name, by="user")
    events.close()
    if record is None:
        return
    write_record(run, replace(record, summary=with_newest(record.summary, list_checkpoints(run))))


def with_newest(summary: Summary, checkpoints: list[Checkpoint]) -> Summary:
    """The summary with the newest complete one of these checkpoints, or none."""
    complete = [checkpoint for checkpoint in checkpoints if checkpoint.state == "complete"]
    last = complete[-1] if complete else None
    newest: LastCheckpoint | None = (
        {"step": last.step, "time": last.time, "bytes": last.bytes} if last is not None else None
    )
    return replace(summary, checkpoint=newest)


def require_unprotected(run: RunDirectory, checkpoint: Checkpoint) -> None:
    """Raises UsageError for a protected checkpoint."""
    if checkpoint.step in protected_steps(run) and not checkpoint.name.startswith("invalid-"):
        raise UsageError(
            N_(
                "checkpoint {step} of {run} is protected; lift that first"
                " (headnode protect {run}@{step} --off)"
            ),
            step=checkpoint.step,
            run=run.run_id,
        )


def readers_of_data(run: RunDirectory, workspace: Workspace) -> list[str]:
    """Runs and profiles of the workspace that read the data which this run has prepared: by `data.prepared`
    in
    their text, so that it is quick. What can't be read doesn't count."""
    if not (run.artifacts / "data").is_dir():
        return []
    places = {run.run_id, str(run.path), os.path.relpath(run.path, workspace.root)}
    places |= {f"{place}/artifacts/data" for place in places}
    found = []
    for other in workspace.runs():
        if other != run and _reads(other.profile, places):
            found.append(other.run_id)
    for path in sorted(workspace.profiles.rglob("*.y*ml")):
        if _reads(path, places):
            found.append(str(path.relative_to(workspace.root)))
    return found


def _reads(profile: Path, places: Collection[str]) -> bool:
    try:
        match = _PREPARED.search(profile.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return False
    return match is not None and match[1].strip().rstrip("/").removeprefix("./") in places


def require_over(run: RunDirectory) -> RunRecord | None:
    """The record of a run that may be deleted from (None where it can't be read). Raises UsageError for an
    active
    one, HeadnodeError where processes of it are left."""
    record = read_record(run)
    if record is not None and record.foreign:
        raise HeadnodeError(
            N_("{run} was written by a newer version of Headnode; update to change it"), run=run.run_id
        )
    if record is not None and record.active and not record.moved:
        raise UsageError(
            N_("{run} is {state}: it can be deleted when it is over (headnode stop {run} --wait)"),
            run=run.run_id,
            state=record.state,
        )
    left = run_processes(run.run_id)
    if left and not (record is not None and record.moved):
        pids = ", ".join(str(identity.pid) for identity in left)
        raise HeadnodeError(
            N_("processes of {run} are still there: {pids}; end them first"), run=run.run_id, pids=pids
        )
    return record
