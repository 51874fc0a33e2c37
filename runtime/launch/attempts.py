"""The directory of an attempt: what is executed, on what it is executed, and from where it goes on. Free
of pydantic, since a supervisor makes the next attempt by itself."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from runtime.launch.rank_environment import Command, rank_environment
from runtime.run.checkpoints import Checkpoint, invalidate, newest_valid
from runtime.run.files import SCHEMA, fsync_directory, read_json, write_json_atomic
from runtime.run.identity import host_name
from runtime.run.layout import RunDirectory
from runtime.run.record import Resume

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "headnode")
_GIT_SECONDS = 5.0


def resume_of(checkpoint: Checkpoint | None) -> Resume | None:
    """What command.json and run.json say about the checkpoint that an attempt goes on from."""
    return {"step": checkpoint.step, "checkpoint": checkpoint.name} if checkpoint is not None else None


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, without importing any."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def environment_json(workspace: Path) -> dict[str, Any]:
    """environment.json: versions, machine, and the commit of the workspace where it is under git."""
    return {
        "schema": SCHEMA,
        "versions": versions(),
        "host": host_name(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": cores(),
        "git": git_state(workspace),
    }


def git_state(directory: Path) -> dict[str, Any] | None:
    """The commit that is checked out in `directory` and whether files differ from it; None where there is
    no git."""
    commit = _git(directory, "rev-parse", "HEAD")
    if not commit:
        return None
    status = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": None if status is None else bool(status)}


def _git(directory: Path, *arguments: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def environment_names(run: RunDirectory, attempt: int, command: Command) -> list[str]:
    """The names of the variables that a rank of this attempt gets; never their values."""
    return sorted(rank_environment(os.environ, run, attempt, command, 0))


def read_command(run: RunDirectory, attempt: int) -> Command:
    """command.json of an attempt. Raises ValueError where it is missing or damaged."""
    value = read_json(run.attempt(attempt).command)
    if value is None:
        raise ValueError(f"{run.attempt(attempt).command} is missing or damaged")
    try:
        return Command.from_json(value)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{run.attempt(attempt).command} lacks {error}") from error


def choose_checkpoint(run: RunDirectory) -> tuple[Checkpoint | None, list[dict[str, Any]]]:
    """The newest checkpoint that verifies byte by byte; those on the way to it that don't are set aside
    (`invalid-…`) and told.

    The caller holds the run's epoch.
    """
    checkpoint, rejected = newest_valid(run)
    told = []
    for item in rejected:
        facts = {"step": item.checkpoint.step, "problems": [str(problem) for problem in item.problems]}
        if item.checkpoint.state != "foreign":
            facts["renamed"] = invalidate(item.checkpoint, item.problems).name
        told.append(facts)
    return checkpoint, told


def repeat_attempt(run: RunDirectory, before: int, attempt: int, resume: Mapping[str, Any] | None) -> Command:
    """Makes the directory of `attempt` like that of `before`, going on from `resume` (None: from the
    beginning)."""
    command = read_json(run.attempt(before).command)
    if command is None:
        raise ValueError(f"{run.attempt(before).command} is missing or damaged")
    target = run.attempt(attempt)
    if target.path.exists():
        shutil.rmtree(target.path)  # of a supervisor that died just here; nothing has run in it
    target.path.mkdir(parents=True)
    shutil.copyfile(run.attempt(before).profile, target.profile)
    write_json_atomic(target.environment, environment_json(run.path.parent.parent))
    write_json_atomic(target.command, {**command, "resume": dict(resume) if resume is not None else None})
    fsync_directory(target.path.parent)
    return read_command(run, attempt)
