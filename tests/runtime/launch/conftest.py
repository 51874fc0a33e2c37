"""A workspace of its own, runs in it as real processes, and nothing of them left after the test."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runtime.launch import command as launch_command
from runtime.launch import operations
from runtime.launch.processes import members, run_processes
from runtime.profile import loads
from runtime.run.checkpoints import list_checkpoints
from runtime.run.epochs import holder
from runtime.run.files import read_json
from runtime.run.identity import Identity, host_name
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord, read_record
from runtime.run.workspace import Workspace, init_workspace
from tests.conftest import ISOLATION

WORKER = Path(__file__).with_name("worker_script.py")
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    for name in [name for name in os.environ if name.startswith("HEADNODE_") or name == "RANK"]:
        if name not in ISOLATION:
            monkeypatch.delenv(name)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = init_workspace(tmp_path / "workspace")
    yield made
    for run in made.runs():
        held = holder(run)
        identity = held.identity if held is not None else None
        if identity is not None and identity.pid != os.getpid() and identity.status() == "alive":
            with suppress(ProcessLookupError):
                os.kill(identity.pid, signal.SIGKILL)
        end = time.monotonic() + 10
        while (left := members(run.run_id, [identity.pid for identity in run_processes(run.run_id)])) and (
            time.monotonic() < end
        ):
            for identity in left:
                with suppress(ProcessLookupError):
                    os.kill(identity.pid, signal.SIGKILL)
            time.sleep(0.02)


Launch = Callable[..., RunDirectory]


@pytest.fixture
def launch(workspace: Workspace) -> Launch:
    """Launches a program: `launch("sh", "-c", "…", max_restarts=1)`; keywords are of the launch section."""

    def run(*argv: str, **section: Any) -> RunDirectory:
        section = {"stop_grace": 1.0, "kill_grace": 1.0, "restart_delay": 0.1, **section}
        profile = {"name": "program", "job": "command", "command": {"argv": argv}, "launch": section}
        return operations.launch(workspace, loads(json.dumps(profile)), by="test")

    return run


@pytest.fixture
def launch_worker(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Launch:
    """Launches a worker that keeps all contracts of a training rank without torch: see worker_script.py."""
    monkeypatch.setattr(launch_command, "worker_command", lambda profile: [sys.executable, str(WORKER)])
    (workspace.root / "text.txt").write_text("text\n" * 100)

    def run(steps: int = 1000, env: dict[str, str] | None = None, **section: Any) -> RunDirectory:
        section = {"stop_grace": 5.0, "kill_grace": 1.0, "restart_delay": 0.1, "device": "cpu", **section}
        shape = {"architecture": "gpt2", "layers": 1, "width": 64, "heads": 1, "mlp_width": 128}
        profile = {
            "name": "worker",
            "job": "pretrain",
            "model": {**shape, "context_length": 32, "vocabulary_size": 512},
            "data": {"sources": [{"path": "text.txt"}], "tokenizer": {"train": {"vocabulary_size": 300}}},
            "train": {"steps": steps, "batch": 4, "threads": 1},
            "launch": {**section, "env": env or {}},
        }
        return operations.launch(workspace, loads(json.dumps(profile)), by="test")

    return run


def until(condition: Callable[[], Any], what: str = "") -> Any:
    """The value of `condition` as soon as it is true. Fails after some patience."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what or condition}"
        time.sleep(0.02)


def state(run: RunDirectory) -> str:
    record = read_record(run)
    return record.state if record is not None else ""


def await_state(run: RunDirectory, *states: str) -> RunRecord:
    until(lambda: state(run) in states, f"{run.run_id} to be {' or '.join(states)}, not {state(run)}")
    record = read_record(run)
    assert record is not None
    return record


def await_end(run: RunDirectory) -> RunRecord:
    return await_state(run, "completed", "stopped", "failed", "lost")


def supervisor_pid(run: RunDirectory) -> int:
    held = until(lambda: holder(run))
    assert held.identity is not None
    return int(held.identity.pid)


def events(run: RunDirectory) -> list[str]:
    from runtime.run.events import read_events

    return [event.event for event in read_events(run)]


@pytest.fixture
def stopped(launch_worker: Launch) -> RunDirectory:
    """A run of 60 steps that was stopped with checkpoints at hand; the last one was asked for by the stop."""
    run = launch_worker(steps=60)
    until(lambda: len([item for item in list_checkpoints(run) if item.state == "complete"]) >= 2)
    operations.stop(run)
    assert await_end(run).state == "stopped"
    return run


def flip(path: Path) -> None:
    """Damages one byte in the middle of a file, without changing its size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def steps(run: RunDirectory) -> list[int]:
    return [item.step for item in list_checkpoints(run) if item.state == "complete"]


def record_of(run: RunDirectory) -> object:
    record = read_record(run)
    assert record is not None
    return record


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


def agent_of(run: RunDirectory) -> Identity:
    value = until(lambda: read_json(run.attempt(1).agent(host_name())))
    identity = Identity.from_json(value["identity"])
    assert identity is not None
    return identity


def gone(pid: int) -> bool:
    return Identity.of(pid) is None
