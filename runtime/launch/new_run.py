"""The files that a new run begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runtime.launch.attempts import environment_json
from runtime.launch.command import command_json, command_of, strategy
from runtime.run.identity import host_name
from runtime.run.layout import RunDirectory
from runtime.run.record import Parent, Resume, RunRecord, Summary
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile


def first_record(
    run: RunDirectory,
    profile: Profile,
    now: float,
    by: str,
    parent: Parent | None = None,
    resume: Resume | None = None,
    summary: Summary | None = None,
) -> RunRecord:
    """run.json of a run that has been asked for and not been started yet."""
    from runtime.profile import total_steps

    return RunRecord(
        run_id=run.run_id,
        path=str(run.path),
        name=profile.name,
        job=profile.job,
        state="starting",
        attempt=1,
        created=now,
        by=by,
        parent=parent,
        resume=resume,
        nodes=(host_name(),),
        world_size=profile.launch.processes,
        strategy=strategy(profile),
        summary=summary or Summary(updated=now, total_steps=total_steps(profile)),
    )


def attempt_files(
    run: RunDirectory,
    attempt: int,
    profile: Profile,
    workspace: Workspace,
    text: str,
    resume: Mapping[str, Any] | None,
) -> dict[str, str | dict[str, Any]]:
    """The files of an attempt by their path in it."""
    command = command_of(profile, workspace, resume)
    return {
        "profile.yaml": text,
        "command.json": command_json(command, run, attempt),
        "environment.json": environment_json(workspace.root),
    }


def first_attempt(
    run: RunDirectory,
    profile: Profile,
    workspace: Workspace,
    text: str,
    resume: Mapping[str, Any] | None = None,
) -> dict[str, str | dict[str, Any]]:
    """The files of attempt 1 by their path in the run directory."""
    files = attempt_files(run, 1, profile, workspace, text, resume)
    return {f"attempts/1/{name}": content for name, content in files.items()}
