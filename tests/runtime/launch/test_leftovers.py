"""Processes that ended runs left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.launch import leftovers
from runtime.run.layout import RunDirectory
from tests.runtime.launch.conftest import await_end, await_state, until

Launch = Callable[..., RunDirectory]
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(1, flush=True)
time.sleep(600)
"""


@pytest.fixture
def leave(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Makes a process that says it belongs to a run."""
    made: list[subprocess.Popen[bytes]] = []

    def make(run: RunDirectory, *argv: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "HEADNODE_RUN": run.run_id, "HEADNODE_RUN_DIR": str(run.path)}
        made.append(subprocess.Popen(argv or ("sleep", "600"), env=environment, stdout=subprocess.PIPE))
        until(lambda: any(pid == made[-1].pid for pid in _pids(run)) or argv)
        return made[-1]

    yield make
    for process in made:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _pids(run: RunDirectory) -> list[int]:
    from runtime.launch.processes import run_processes

    return [identity.pid for identity in run_processes(run.run_id)]


def found(run: RunDirectory) -> list[leftovers.Leftover]:
    return [leftover for leftover in leftovers.find() if leftover.run_id == run.run_id]


def test_of_a_run_that_is_over_or_gone_and_of_no_other(
    launch: Launch, leave: Callable[..., subprocess.Popen[bytes]]
) -> None:
    active = launch("sleep", "600")
    await_state(active, "running")
    over = launch("true")
    await_end(over)
    left = leave(over)
    assert found(active) == []
    assert [(one.identity.pid, one.state, one.name) for one in found(over)] == [
        (left.pid, "completed", "sleep")
    ]
    shutil.rmtree(over.path)
    assert [one.state for one in found(over)] == ["gone"]
    shutil.move(active.path.parent, active.path.parent.with_name("away"))  # a file server that is away
    assert found(over) == []
    shutil.move(active.path.parent.with_name("away"), active.path.parent)


def test_they_are_ended_also_those_that_do_not_listen(
    launch: Launch, leave: Callable[..., subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "TERM_SECONDS", 0.5)
    run = launch("true")
    await_end(run)
    gentle, stubborn = leave(run), leave(run, sys.executable, "-c", STUBBORN)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    assert len(found(run)) == 2
    assert leftovers.clean(found(run)) == []
    assert (gentle.wait(), stubborn.wait()) == (-signal.SIGTERM, -signal.SIGKILL)


def test_a_run_that_was_begun_again_keeps_its_processes(
    launch: Launch, leave: Callable[..., subprocess.Popen[bytes]]
) -> None:
    run = launch("true")
    await_end(run)
    left = leave(run)
    known = found(run)
    text = run.record.read_text()
    run.record.write_text(json.dumps({**json.loads(text), "state": "running"}))
    leftovers.clean(known)
    assert left.poll() is None
    run.record.write_text(text)


def test_their_gpu_memory_is_told(
    launch: Launch,
    leave: Callable[..., subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = launch("true")
    await_end(run)
    left = leave(run)
    processes = [{"pid": left.pid, "memory_used": 3 << 30}]
    script = tmp_path / "gpus.jsonl"
    script.write_text(json.dumps({"gpus": [{"index": 0, "uuid": "GPU-a", "processes": processes}]}) + "\n")
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", str(script))
    assert [(one.gpu, one.memory) for one in found(run)] == [("GPU-a", 3 << 30)]
