"""Processes that runs left behind: of runs that are over, or whose directory is gone. They take memory, and a
GPU's too, from the next; ending them is for a person to decide."""

from __future__ import annotations

import os
import pwd
import signal as signals
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.launch.devices import read_gpus
from runtime.launch.processes import RUN_VARIABLE, all_pids, environment_of, send, stat_of
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record

GONE = "gone"
"""The state of a run whose directory isn't there any more."""

TERM_SECONDS = 5.0
KILL_SECONDS = 5.0
_POLL = 0.05


@dataclass(frozen=True)
class Leftover:
    """A process of ours that says it belongs to the run `run_id` (whose directory was `path`), which is over.

    `state` is the run's, or `gone`. `gpu`: the UUID of a GPU that it is on, `memory`: bytes that it has
    there."""

    identity: Identity
    run_id: str
    path: str
    state: str
    user: str
    name: str = ""
    gpu: str | None = None
    memory: int = 0


def find(*, gpus: bool = True) -> list[Leftover]:
    """All of them on this machine, whatever their workspace, by run and pid. `gpus`: look at the GPUs as
    well."""
    found = [leftover for pid in sorted(set(all_pids()) - _lineage()) if (leftover := _leftover(pid))]
    if found and gpus:
        found = _with_gpus(found)
    return sorted(found, key=lambda leftover: (leftover.run_id, leftover.identity.pid))


def _leftover(pid: int) -> Leftover | None:
    try:
        owner = Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None
    if owner != os.geteuid():
        return None
    environment = environment_of(pid) or {}
    run_id, path = environment.get(RUN_VARIABLE), environment.get("HEADNODE_RUN_DIR", "")
    state = _state(Path(path)) if run_id and Path(path).is_absolute() else None
    identity = Identity.of(pid) if state is not None else None
    if run_id is None or state is None or identity is None:
        return None
    return Leftover(identity, run_id, path, state, _user(owner), _name(pid))


def _state(path: Path) -> str | None:
    """The state of a run that is over, None for one that isn't, or of which that can't be said."""
    try:
        record = read_record(RunDirectory(path))
        if record is not None:
            return record.state if record.ended_state else None
        # Proof that it is gone is given by its parent; a file server that is away says nothing.
        return GONE if path.parent.is_dir() and not path.exists() else None
    except OSError:
        return None


def _lineage() -> set[int]:
    """This process and those above it: a person may work in a shell that a run once started."""
    found, pid = set[int](), os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        stat = stat_of(pid)
        pid = stat.parent if stat is not None else 0
    return found


def _with_gpus(found: Sequence[Leftover]) -> list[Leftover]:
    on = {
        process.pid: (device.uuid, process.memory_used or 0)
        for device in read_gpus().devices
        for process in device.processes or ()
    }
    return [
        replace(leftover, gpu=on[leftover.identity.pid][0], memory=on[leftover.identity.pid][1])
        if leftover.identity.pid in on
        else leftover
        for leftover in found
    ]


def clean(leftovers: Iterable[Leftover]) -> list[Leftover]:
    """Ends them, by SIGTERM and then by SIGKILL; returns what is still there. A process whose run has been
    begun again meanwhile is left alone, and so is a pid that has become another's."""
    wanted = [leftover for leftover in leftovers if _state(Path(leftover.path)) is not None]
    for number, seconds in ((signals.SIGTERM, TERM_SECONDS), (signals.SIGKILL, KILL_SECONDS)):
        wanted = [leftover for leftover in wanted if leftover.identity.status() != "gone"]
        for leftover in wanted:
            with suppress(PermissionError):
                send(leftover.identity, number)
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(leftover.identity.status() != "gone" for leftover in wanted):
            time.sleep(_POLL)
    return [leftover for leftover in wanted if leftover.identity.status() != "gone"]


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""
