"""The files that a new run begins with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runtime.launch.attempts import environment_json
from runtime.launch.command import command_json, command_of, strategy
from runtime.launch.memory_options import memory_options
from runtime.run.events import Event
from runtime.run.files import encode, fsync_directory
from runtime.run.identity import host_name
from runtime.run.layout import RunDirectory, create_run_directory
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
    memory = memory_options(profile)
    return {
        **({"memory.json": memory} if memory is not None else {}),
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


def event_lines(now: float, **events: dict[str, Any]) -> bytes:
    """The first lines of events.jsonl: name and detail of what happened `now`, before there is a
    supervisor."""
    return b"".join(
        encode(Event(now, 1, name, None, detail).to_json()) + b"\n" for name, detail in events.items()
    )


def create_run(
    workspace: Workspace,
    run: RunDirectory,
    files: Mapping[str, bytes | str | Mapping[str, Any]],
    bring_along: Callable[[RunDirectory], None] | None = None,
) -> None:
    """Creates the directory of a run with these files and whatever `bring_along` puts into it. It appears as
    a
    whole, or not at all. Raises what `bring_along` does, and OSError."""
    if bring_along is None:
        create_run_directory(workspace, run.run_id, files)
        return
    hidden = create_run_directory(workspace, f".{run.run_id}.creating", files)
    try:
        bring_along(hidden)
        hidden.path.rename(run.path)
    except BaseException:
        shutil.rmtree(hidden.path, ignore_errors=True)
        raise
    fsync_directory(workspace.logs)
