"""The environment that a rank runs in."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import runtime
from runtime.launch.devices import DEVICES_VARIABLE
from runtime.launch.leases import CPU
from runtime.launch.processes import RUN_VARIABLE, SUPERVISOR_VARIABLE
from runtime.run.layout import RunDirectory

_FOREIGN = ("TORCHELASTIC_",)
_OWN = frozenset(
    {
        RUN_VARIABLE,
        SUPERVISOR_VARIABLE,
        "HEADNODE_RUN_DIR",
        "HEADNODE_ATTEMPT",
        "HEADNODE_JOB",
        "HEADNODE_RENDEZVOUS",
        DEVICES_VARIABLE,
    }
)
"""What says which run and rank a process is of; other names that begin with HEADNODE_ are passed on."""

_STALE = frozenset(
    [
        "GROUP_RANK",
        "GROUP_WORLD_SIZE",
        "ROLE_RANK",
        "ROLE_NAME",
        "ROLE_WORLD_SIZE",
        "MASTER_PORT",
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "NODE_RANK",
        "MASTER_ADDR",
    ]
)
"""What another launcher may have left in the user's shell and would mislead a rank."""


@dataclass(frozen=True)
class Command:
    """command.json of an attempt, as far as processes are concerned."""

    job: str
    argv: tuple[str, ...]
    directory: str
    world_size: int
    threads: int | None = None
    device: str = "auto"
    gpus: int | str | tuple[int | str, ...] | None = None
    """As in the profile; which devices it has is known when the supervisor holds the leases."""
    slots: int | None = None
    priority: int = 0
    gpu_memory: int | None = None
    """Bytes that each process is reckoned to need on its device."""
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    total_steps: int | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    resume: Mapping[str, Any] | None = None
    notify: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Command:
        """Reads what command.json holds. Raises KeyError and ValueError where it isn't one."""
        gpus, memory = value.get("gpus"), value.get("gpu_memory")
        return cls(
            job=str(value["job"]),
            argv=tuple(str(word) for word in value["argv"]),
            directory=str(value["directory"]),
            world_size=int(value["world_size"]),
            threads=value.get("threads"),
            device=str(value.get("device", "auto")),
            gpus=tuple(gpus) if isinstance(gpus, list) else gpus,
            slots=value.get("slots"),
            priority=int(value.get("priority") or 0),
            gpu_memory=int(memory) if isinstance(memory, int | float) else None,
            env={str(name): str(text) for name, text in (value.get("env") or {}).items()},
            secrets=tuple(str(name) for name in value.get("secrets") or ()),
            total_steps=value.get("total_steps"),
            limits=value.get("limits") or {},
            resume=value.get("resume"),
            notify=tuple(entry for entry in value.get("notify") or () if isinstance(entry, dict)),
        )


def import_path() -> str | None:
    """The directory to add to PYTHONPATH so that a child finds this package as we did; None where it is
    installed."""
    root = Path(runtime.__file__).parents[1]
    return None if root.name in ("site-packages", "dist-packages") else str(root)


def headnode_environment(base: Mapping[str, str]) -> dict[str, str]:
    """An environment for our own modules (`python -m runtime…`): they are found wherever the working
    directory is, and a file there that is named like a module of ours or Python's isn't taken for it."""
    environment = dict(base) | {"PYTHONSAFEPATH": "1"}
    root = import_path()
    if root is not None:
        rest = [path for path in base.get("PYTHONPATH", "").split(os.pathsep) if path and path != root]
        environment["PYTHONPATH"] = os.pathsep.join([root, *rest])
    return environment


def supervisor_environment(base: Mapping[str, str], run_id: str) -> dict[str, str]:
    """The environment of a supervisor: the user's own, but it is no process of any run, also if started
    from within one."""
    cleaned = {name: value for name, value in base.items() if name not in _OWN}
    return headnode_environment(cleaned) | {SUPERVISOR_VARIABLE: run_id}


def agent_environment(
    base: Mapping[str, str], run: RunDirectory, attempt: int, devices: Sequence[str] = ()
) -> dict[str, str]:
    """The environment of the agent, which is a process of the run. `devices`: the keys of its leases."""
    environment = headnode_environment(base)
    environment.pop(SUPERVISOR_VARIABLE, None)
    return environment | {
        RUN_VARIABLE: run.run_id,
        "HEADNODE_RUN_DIR": str(run.path),
        "HEADNODE_ATTEMPT": str(attempt),
        DEVICES_VARIABLE: ",".join(devices),
    }


def rank_environment(
    base: Mapping[str, str],
    run: RunDirectory,
    attempt: int,
    command: Command,
    rank: int,
    port: int | None = None,
) -> dict[str, str]:
    """The environment of one rank; `base` is the agent's. A program of somebody's gets its own PYTHONPATH
    untouched."""
    environment = {
        name: value
        for name, value in base.items()
        if not name.startswith(_FOREIGN) and name not in _STALE | _OWN
    }
    world = command.world_size
    if command.job == "command":
        _restore_python(environment)
    elif command.threads is not None:
        environment["OMP_NUM_THREADS"] = str(command.threads)
    environment |= {
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        **command.env,
        RUN_VARIABLE: run.run_id,
        "HEADNODE_RUN_DIR": str(run.path),
        "HEADNODE_ATTEMPT": str(attempt),
        "HEADNODE_JOB": command.job,
        "HEADNODE_RENDEZVOUS": f"file://{run.attempt(attempt).rendezvous}",
        "RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(world),
        "NODE_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
    }
    if port is not None:
        environment["MASTER_PORT"] = str(port)
    leased = [key for key in base.get(DEVICES_VARIABLE, "").split(",") if key]
    gpus = [key for key in leased if not key.startswith(CPU)]
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    elif command.device == "cpu" or command.gpus == 0 or leased:
        environment["CUDA_VISIBLE_DEVICES"] = ""  # what it didn't ask for may be another run's
    return environment


def _restore_python(environment: dict[str, str]) -> None:
    environment.pop("PYTHONSAFEPATH", None)
    root = import_path()
    if root is None:
        return
    # `from runtime.run import log` has to work in a script that this interpreter runs; what it had itself
    # comes first.
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path and path != root]
    environment["PYTHONPATH"] = os.pathsep.join([*paths, root])


def free_port() -> int:
    """A free port of the loopback interface, for programs of somebody's that meet by MASTER_PORT."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python() -> str:
    """The interpreter for our own processes: the one that runs this."""
    return sys.executable
