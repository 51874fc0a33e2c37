"""A dry run: the job's set-up and its first steps, with time and memory, in a directory that is thrown away.

`python -m runtime.launch.dry_run` reads `{"workspace", "profile"}` (YAML) as one line of JSON and writes JSON
lines: `{"phase": …}` as it gets on, at last `{"outcome": …}`. When its input closes, it ends what it started.
The ranks are the real ones, started as a supervisor starts them, in a workspace of the cache directory that
shows the files of the real one by links; nothing is written to `logs/`, and the devices are leased for as
long as it takes."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal as signals
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.launch import devices, leases, queueing_line
from runtime.launch.lease_files import LeaseError
from runtime.launch.leases import Lease, LeaseHeld
from runtime.launch.local import LocalEngine
from runtime.launch.queueing import choose
from runtime.launch.queueing_view import wants_of_profile
from runtime.launch.rank_environment import supervisor_environment
from runtime.launch.tails import log_end
from runtime.run.exits import read_exit
from runtime.run.heartbeat import read_heartbeat
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory, new_run_id
from runtime.run.workspace import Workspace, user_cache_directory

if TYPE_CHECKING:
    from runtime.profile import Profile

STEPS = 2
"""Steps that are waited for; the order to stop takes effect one or two later."""
LIMIT = 900.0
"""Seconds after which it is broken off."""
GRACE = 30.0
_POLL = 0.05
_LINES = 12


@dataclass(frozen=True)
class DryRun:
    """How a dry run went. `outcome`: passed | failed | busy | stopped | too_long.

    `setup_seconds`: from the start to the first step, `step_seconds` of one step after the first (None where
    it took too few). `memory`: bytes that a process held at most, `gpu`: on its GPU, else in main memory."""

    outcome: str
    steps: int = 0
    setup_seconds: float | None = None
    step_seconds: float | None = None
    memory: int | None = None
    gpu: bool = False
    processes: int = 1
    error: str | None = None
    log: tuple[str, ...] = ()


class _Pace:
    """When each step began, by rank 0's heartbeat."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.first: float | None = None
        self.last: tuple[int, float] = (0, 0.0)
        self._begin = 0

    def look(self, step: int | None) -> None:
        now = time.monotonic()
        if step is None or step == self.last[0]:
            return
        if self.first is None:
            self.first, self._begin = now, step
        self.last = step, now

    @property
    def step_seconds(self) -> float | None:
        if self.first is None or self.last[0] <= self._begin:
            return None
        return (self.last[1] - self.first) / (self.last[0] - self._begin)


def dry_run(
    profile: Profile, workspace: Workspace, tell: Callable[[str], None], broken_off: Callable[[], bool]
) -> DryRun:
    """Makes the dry run here. `tell` gets each phase, `broken_off` says when to stop. Raises OSError as the
    disk does."""
    with _Shadow(workspace) as shadow:
        run = RunDirectory(shadow.logs / new_run_id("dry-run", time.time()))
        found = _lease(profile, run)
        if found is None:
            return DryRun("busy")
        try:
            return _attempt(profile, shadow, run, found, tell, broken_off)
        finally:
            for lease in found:
                with suppress(OSError):
                    leases.release(lease)


class _Shadow:
    """A workspace in the cache directory with the files and runs of another by links, but its own `logs/`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __enter__(self) -> Workspace:
        parent = user_cache_directory() / "dry-runs"
        parent.mkdir(parents=True, exist_ok=True)
        self._root = Path(tempfile.mkdtemp(prefix="dry-", dir=parent))
        logs = self._root / "logs"
        logs.mkdir()
        for source, target in ((self._workspace.root, self._root), (self._workspace.logs, logs)):
            for entry in source.iterdir() if source.is_dir() else ():
                if not (target / entry.name).exists() and not entry.name.startswith(".headnode"):
                    (target / entry.name).symlink_to(entry)
        return Workspace(self._root)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._root, ignore_errors=True)  # links are removed, never followed


def _lease(profile: Profile, run: RunDirectory) -> tuple[Lease, ...] | None:
    """Devices for a moment; none that somebody waits for."""
    wants = wants_of_profile(profile)
    if wants is None:
        return ()
    if any(ticket.wants.kind == wants.kind for ticket in queueing_line.waiting()):
        return None
    choice = choose(wants, devices.look().devices)
    try:
        return leases.take_all(choice, run.run_id, run.path) if choice is not None else None
    except (LeaseHeld, LeaseError):
        return None


def _attempt(
    profile: Profile,
    shadow: Workspace,
    run: RunDirectory,
    found: tuple[Lease, ...],
    tell: Callable[[str], None],
    broken_off: Callable[[], bool],
) -> DryRun:
    from runtime.launch.new_run import first_attempt
    from runtime.profile import dump
    from runtime.run.files import encode

    for name, content in first_attempt(run, profile, shadow, dump(profile)).items():
        path = run.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else encode(content) + b"\n")
    keys = [lease.key for lease in found]
    engine = LocalEngine(run, supervisor_environment(os.environ, run.run_id))
    agent = engine.start_agent(1, keys)
    if agent is not None:
        for lease in found:
            leases.note_processes(lease, [agent])
    try:
        return _watch(
            profile, run, engine, bool(keys) and not keys[0].startswith(leases.CPU), tell, broken_off
        )
    finally:
        _end(engine, agent)


def _watch(
    profile: Profile,
    run: RunDirectory,
    engine: LocalEngine,
    gpu: bool,
    tell: Callable[[str], None],
    broken_off: Callable[[], bool],
) -> DryRun:
    files, pace, memory, phase = run.attempt(1), _Pace(), 0, ""
    deadline, ordered, why = time.monotonic() + LIMIT, None, None
    while engine.agent().status != "gone":
        beat = read_heartbeat(files.heartbeat(0))
        if beat is not None:
            if beat.phase != phase:
                phase = beat.phase
                tell(phase)
            if phase in ("step", "finish") and ordered is None:
                pace.look(beat.step)
        if ordered is None:
            memory = max(memory, *(_resident(identity.pid) for identity in engine.members()), 0)
            why = "stopped" if broken_off() else "too_long" if time.monotonic() > deadline else None
            if why is not None or pace.last[0] > STEPS:
                ordered = time.monotonic()
                memory = _on_gpus(engine) if gpu else memory
                files.order.write_text('{"seq": 1, "stop": true, "save": false}\n')
        elif why is not None or time.monotonic() - ordered > GRACE:
            break
        time.sleep(_POLL)
    end = read_exit(files.exit(0))
    passed = end is not None and end.outcome in ("finished", "stopped")
    found = DryRun(
        why or ("passed" if passed else "failed"),
        steps=max(0, (end.step if passed and end is not None and end.step else pace.last[0]) or 0),
        setup_seconds=pace.first - pace.began if pace.first is not None else None,
        step_seconds=pace.step_seconds,
        memory=memory or None,
        gpu=gpu,
        processes=profile.launch.processes,
    )
    if found.outcome != "failed":
        return found
    error = next(
        (record.error for rank in range(found.processes) if (record := read_exit(files.exit(rank)))), None
    )
    return replace(found, error=error, log=tuple(log_end(files.log(0))[-_LINES:]))


def _resident(pid: int) -> int:
    """The most that the process has held in main memory, in bytes."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def _on_gpus(engine: LocalEngine) -> int:
    pids = {identity.pid for identity in engine.members()}
    found = devices.read_gpus().devices
    return max((p.memory_used or 0 for d in found for p in d.processes or () if p.pid in pids), default=0)


def _end(engine: LocalEngine, agent: Identity | None) -> None:
    """Nothing of it stays, whatever state it is in."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end:
        left = engine.members()
        if left:
            engine.signal(signals.SIGKILL, left)
        elif agent is None or engine.agent().status == "gone":
            return
        time.sleep(_POLL)
    engine.kill_agent()


def _input_closed(reader: int) -> bool:
    ready, _, _ = select.select([reader], [], [], 0)
    return bool(ready) and not os.read(reader, 4096)


def main() -> int:
    """The one-shot child."""
    from runtime.launch.agent import become_subreaper
    from runtime.profile import loads

    become_subreaper()
    request: dict[str, Any] = json.loads(next(_lines(0)))

    def say(value: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):
            print(json.dumps(value), flush=True)

    profile, workspace = loads(request["profile"]), Workspace(Path(request["workspace"]))
    found = dry_run(profile, workspace, lambda phase: say({"phase": phase}), lambda: _input_closed(0))
    say(asdict(found))
    return 0


def _lines(reader: int) -> Iterator[str]:
    """Lines of a descriptor, read without a buffer that would hide its end from select."""
    data = b""
    while b"\n" not in data:
        more = os.read(reader, 65536)
        if not more:
            break
        data += more
    yield data.partition(b"\n")[0].decode()


if __name__ == "__main__":
    sys.exit(main())
