"""From a profile to what is executed: argv, directory, threads, limits. Torch-free; needs pydantic for the
profile only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.launch.attempts import cores, environment_names
from runtime.launch.rank_environment import Command, python
from runtime.messages import UsageError
from runtime.run.files import SCHEMA
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile

PHASES = ("import", "load", "compile", "step", "evaluate", "checkpoint", "finish")


def worker_command(profile: Profile) -> list[str]:
    """The exact command line of each process; everything else it learns from its environment and the run
    directory."""
    if profile.job == "command":
        assert profile.command is not None, "the schema demands it for this job"
        return list(profile.command.argv)
    return [python(), "-m", "runtime.jobs"]


def working_directory(profile: Profile, workspace: Workspace) -> Path:
    """Where each process runs: the workspace, or for a program of somebody's what the profile says."""
    if profile.command is not None and profile.command.directory is not None:
        return workspace.root / Path(profile.command.directory).expanduser()
    return workspace.root


def threads(profile: Profile) -> int:
    """CPU threads for each process: the profile's, else the cores shared out evenly."""
    if profile.train is not None and profile.train.threads is not None:
        return profile.train.threads
    return max(1, cores() // profile.launch.processes)


def strategy(profile: Profile) -> str | None:
    """How the processes share the work, with `auto` decided; None for a job that doesn't train."""
    if profile.job != "pretrain":
        return None
    if profile.parallel.strategy != "auto":
        return profile.parallel.strategy
    return "ddp" if profile.launch.processes > 1 else "single"


def device_memory(profile: Profile) -> int | None:
    """Bytes that each process of a training job is reckoned to need on its device; None where that isn't
    known."""
    from runtime.profile import estimate

    if profile.job != "pretrain":
        return None
    try:
        return estimate(profile).memory_total
    except UsageError:
        return None  # the vocabulary comes with the data


def command_of(profile: Profile, workspace: Workspace, resume: Mapping[str, Any] | None = None) -> Command:
    """What an attempt with this profile executes."""
    from runtime.profile import total_steps

    launch = profile.launch
    return Command(
        job=profile.job,
        argv=tuple(worker_command(profile)),
        directory=str(working_directory(profile, workspace)),
        world_size=launch.processes,
        threads=threads(profile) if profile.job != "command" else None,
        device=launch.device,
        gpus=launch.gpus,
        slots=launch.slots,
        priority=launch.priority,
        gpu_memory=device_memory(profile),
        env=dict(launch.env),
        secrets=launch.secrets,
        total_steps=total_steps(profile),
        limits={
            "max_restarts": launch.max_restarts,
            "restart_delay": launch.restart_delay,
            "restart_backoff": launch.restart_backoff,
            "restart_delay_max": launch.restart_delay_max,
            "stop_grace": launch.stop_grace,
            "kill_grace": launch.kill_grace,
            "hang": {phase: launch.hang.limit(phase) for phase in PHASES},
        },
        resume=resume,
        notify=tuple(entry.model_dump(mode="json") for entry in profile.notify),
    )


def environment_names_of(profile: Profile, workspace: Workspace) -> list[str]:
    """The names of all environment variables of a process, for display; never their values."""
    command = command_of(profile, workspace)
    return environment_names(RunDirectory(workspace.logs / "run"), 1, command)


def command_json(command: Command, run: RunDirectory, attempt: int) -> dict[str, Any]:
    """command.json. Secrets are there by name only."""
    return {
        "schema": SCHEMA,
        "job": command.job,
        "argv": list(command.argv),
        "directory": command.directory,
        "world_size": command.world_size,
        "threads": command.threads,
        "device": command.device,
        "gpus": list(command.gpus) if isinstance(command.gpus, tuple) else command.gpus,
        "slots": command.slots,
        "priority": command.priority,
        "gpu_memory": command.gpu_memory,
        "env": dict(command.env),
        "secrets": list(command.secrets),
        "env_names": environment_names(run, attempt, command),
        "total_steps": command.total_steps,
        "limits": dict(command.limits),
        "resume": dict(command.resume) if command.resume is not None else None,
        "notify": [dict(entry) for entry in command.notify],
    }
