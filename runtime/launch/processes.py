"""The processes of a run, found by scan and never by memory alone, and signals that can't hit a stranger.

A process belongs to a run if `HEADNODE_RUN=<run_id>` stands in the environment that it was started with, or
if it descends from the run's agent. The agent is a child subreaper, so a process stays its descendant however
it daemonised, and also one that has cleared or overwritten its environment is found.
"""

from __future__ import annotations

import os
import signal as signals
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.process_environment import environment_bytes
from runtime.run.identity import Identity

RUN_VARIABLE = "HEADNODE_RUN"
SUPERVISOR_VARIABLE = "HEADNODE_SUPERVISOR"
"""In the environment of a supervisor and of its telemetry child, which are no processes of the run."""

_ZOMBIE = ("Z", "X", "x")


@dataclass(frozen=True)
class ProcessStat:
    """What /proc/<pid>/stat says: the parent, the state's letter, the start in clock ticks since boot."""

    pid: int
    parent: int
    state: str
    start_ticks: int

    @property
    def zombie(self) -> bool:
        """Whether only the exit status is left of it."""
        return self.state in _ZOMBIE


def stat_of(pid: int) -> ProcessStat | None:
    """The state of a process, None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rfind(")") + 2 :].split()
    return ProcessStat(pid, int(fields[1]), fields[0], int(fields[19])) if len(fields) > 19 else None


def all_pids() -> list[int]:
    """Every process of this pid namespace."""
    return [int(name) for name in os.listdir("/proc") if name.isascii() and name.isdigit()]  # noqa: PTH208


def run_processes(run_id: str) -> list[Identity]:
    """Every living process of this machine with `HEADNODE_RUN=<run_id>` in its environment, but for the
    caller."""
    found = (Identity.of(pid) for pid in all_pids() if pid != os.getpid() and _belongs(pid, run_id))
    return [identity for identity in found if identity is not None]


def verify_gone(run_id: str) -> bool:
    """Whether no process of the run is left. Two scans, since a child can be born behind the back of a
    single one."""
    return not run_processes(run_id) and not run_processes(run_id)


def members(run_id: str, roots: Iterable[int], exclude: Collection[int] = ()) -> list[Identity]:
    """Every living process of the run: by environment, and the descendants of `roots` (the roots
    themselves only by environment). `exclude` and what descends from it are left out, and so is what
    belongs to another run."""
    stats = {stat.pid: stat for stat in map(stat_of, all_pids()) if stat is not None}
    spared = {*descendants(exclude, stats), *exclude, os.getpid()}
    below = descendants(roots, stats)
    found = []
    for pid, stat in stats.items():
        if pid in spared or stat.zombie:
            continue
        if (pid in below and not belongs_elsewhere(pid, run_id)) or _belongs(pid, run_id):
            identity = Identity.of(pid)
            if identity is not None:
                found.append(identity)
    return found


def descendants(roots: Iterable[int], stats: Mapping[int, ProcessStat]) -> set[int]:
    """The pids below `roots` in the tree of parents."""
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    found: set[int] = set()
    pending = list(roots)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in found:
                found.add(child)
                pending.append(child)
    return found


def environment_of(pid: int) -> dict[str, str] | None:
    """The environment that a process was started with; None where it is gone or not ours to read."""
    data = environment_bytes(pid)
    if not data:
        return None
    pairs = (entry.partition(b"=") for entry in data.split(b"\0") if b"=" in entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def send(identity: Identity, number: int) -> bool:
    """Sends a signal to exactly this process; False where it is gone already (or its pid is another's by
    now).

    Raises PermissionError where it isn't ours.
    """
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel before 5.3: all that can be done is to look directly before
        return _send_by_number(identity, number)
    try:
        # The descriptor holds on to one process; that it is the right one is checked after it was opened.
        if Identity.of(identity.pid) != identity:
            return False
        signals.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _send_by_number(identity: Identity, number: int) -> bool:
    if Identity.of(identity.pid) != identity:
        return False
    try:
        os.kill(identity.pid, number)
    except ProcessLookupError:
        return False
    return True


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for the signal (sending it one that it doesn't know could end it)."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return False
    for line in text.splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def children_of(pid: int) -> list[int]:
    """The direct children of a single-threaded process, cheaply; [] where the kernel doesn't tell."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _belongs(pid: int, run_id: str) -> bool:
    return f"\0{RUN_VARIABLE}={run_id}\0".encode() in b"\0" + environment_bytes(pid) + b"\0"


def belongs_elsewhere(pid: int, run_id: str) -> bool:
    """Whether a process says of itself that it is another run's: one that was launched from within this."""
    environ = b"\0" + environment_bytes(pid)
    if f"\0{SUPERVISOR_VARIABLE}=".encode() in environ:
        return True
    return f"\0{RUN_VARIABLE}=".encode() in environ and not _belongs(pid, run_id)
