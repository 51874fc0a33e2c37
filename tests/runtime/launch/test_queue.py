"""Runs that wait for devices, as real processes: order, survival, and never one device for two."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from runtime.launch import leases, operations, queueing_line
from runtime.launch.lease_files import lease_directory
from runtime.profile import loads
from runtime.run.control import request
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord, read_record
from runtime.run.workspace import Workspace, init_workspace
from tests.runtime.launch.conftest import await_end, await_state, events, state, supervisor_pid, until

Launch = Callable[..., RunDirectory]
GPU = "GPU-51111a7e-d000-4000-8000-{:012d}"


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "idle-2")


def record(run: RunDirectory) -> RunRecord:
    found = read_record(run)
    assert found is not None
    return found


def queued(run: RunDirectory) -> RunRecord:
    until(lambda: record(run).queue is not None, f"{run.run_id} to be queued, not {state(run)}")
    return record(run)


def lease_times(run: RunDirectory) -> tuple[tuple[str, ...], float, float]:
    """The devices that a run had, from when to when."""
    known = {event.event: event for event in read_events(run)}
    leased, released = known["leased"], known["released"]
    assert leased.detail["devices"] == released.detail["devices"]
    return tuple(leased.detail["devices"]), leased.time, released.time


@pytest.mark.usefixtures("two_gpus")
def test_a_run_gets_its_gpus_by_uuid_and_gives_them_back(launch: Launch) -> None:
    run = launch("sh", "-c", "echo $CUDA_VISIBLE_DEVICES; test -e go || sleep 600", gpus=[1], processes=1)
    await_state(run, "running")
    assert record(run).devices == (GPU.format(1),)
    assert {key: lease.run_id for key, lease in leases.held().items()} == {GPU.format(1): run.run_id}
    operations.stop(run, kill=True)
    assert await_end(run).state == "stopped"
    assert leases.held() == {}
    assert run.attempt(1).log(0).read_text().strip() == GPU.format(1)
    names = events(run)
    assert names.index("leased") < names.index("started") < names.index("released") < names.index("stopped")


@pytest.mark.usefixtures("two_gpus")
def test_as_many_processes_as_gpus_and_each_sees_the_runs_own(launch: Launch) -> None:
    run = launch("sh", "-c", "echo $RANK $CUDA_VISIBLE_DEVICES", gpus=2)
    assert await_end(run).state == "completed"
    for rank in range(2):
        seen = run.attempt(1).log(rank).read_text().split()
        assert seen == [str(rank), f"{GPU.format(0)},{GPU.format(1)}"]


@pytest.mark.usefixtures("two_gpus")
def test_a_run_waits_says_for_what_and_goes_on_after_a_failure(launch: Launch) -> None:
    first = launch("sh", "-c", "sleep 600; exit 1", gpus=2, processes=1)
    await_state(first, "running")
    second = launch("sh", "-c", "true", gpus=1)
    queue = queued(second).queue
    assert queue is not None
    assert (queue["kind"], queue["wants"], queue["ahead"], queue["position"]) == ("gpu", 1, 0, 1)
    third = launch("sh", "-c", "true", gpus=1)
    until(lambda: (record(third).queue or {}).get("ahead") == 1)
    assert state(second) == state(third) == "queued"
    os.kill(first_rank(first), signal.SIGKILL)
    assert await_end(first).state == "failed"
    assert await_end(second).state == await_end(third).state == "completed"
    assert record(second).queue is None
    assert [events(run).count("queued") for run in (second, third)] == [1, 1]


def first_rank(run: RunDirectory) -> int:
    def pid() -> Any:
        lines = [json.loads(line) for line in next(run.attempt(1).path.glob("agent-*.jsonl")).open()]
        return next((line["pid"] for line in lines if line["event"] == "spawned"), None)

    return int(until(pid))


@pytest.mark.usefixtures("two_gpus")
def test_a_queued_run_is_stopped_at_once(launch: Launch) -> None:
    first = launch("sleep", "600", gpus=2, processes=1)
    await_state(first, "running")
    second = launch("sh", "-c", "true", gpus=2, processes=1)
    queued(second)
    operations.stop(second)
    ended = await_end(second)
    assert (ended.state, ended.reason, ended.queue) == ("stopped", "user", None)
    assert "started" not in events(second)
    assert queueing_line.waiting() == []
    operations.stop(first, kill=True)
    await_end(first)


@pytest.mark.usefixtures("two_gpus")
def test_a_higher_priority_goes_first_also_when_given_later(launch: Launch) -> None:
    first = launch("sleep", "600", gpus=2, processes=1)
    await_state(first, "running")
    runs = [launch("true", gpus=2, processes=1, priority=priority) for priority in (0, 5, 0)]
    for run in runs:
        queued(run)
    until(lambda: [(record(run).queue or {}).get("position") for run in runs] == [2, 1, 3])
    request(runs[2], "priority", {"priority": 9}, by="test")
    until(lambda: [(record(run).queue or {}).get("position") for run in runs] == [3, 2, 1])
    operations.stop(first, kill=True)
    times = {run.run_id: lease_times(run)[1] for run in runs if await_end(run)}
    assert sorted(times, key=times.__getitem__) == [runs[2].run_id, runs[1].run_id, runs[0].run_id]
    request(runs[0], "priority", {"priority": 1}, by="test")  # too late, and of no effect


@pytest.mark.usefixtures("two_gpus")
def test_the_queue_survives_its_supervisors(launch: Launch, workspace: Workspace, tmp_path: Path) -> None:
    first = launch("sleep", "600", gpus=2, processes=1)
    await_state(first, "running")
    second = launch("true", gpus=2, processes=1)
    queued(second)
    request(second, "priority", {"priority": 3}, by="test")
    until(lambda: (record(second).queue or {}).get("priority") == 3)
    for run in (first, second):
        os.kill(supervisor_pid(run), signal.SIGKILL)
    until(lambda: queueing_line.waiting() == [])
    elsewhere = init_workspace(tmp_path / "elsewhere")  # whoever comes by: the line is the machine's
    until(lambda: operations.adopt(elsewhere) == [second.run_id])
    until(lambda: [ticket.run_id for ticket in queueing_line.waiting()] == [second.run_id])
    assert state(second) == "queued"  # the first still has the devices, its supervisor dead or not
    until(lambda: first.run_id in operations.adopt(workspace))
    until(lambda: leases.held()[GPU.format(0)].number == 2)
    assert (record(second).queue or {})["priority"] == 3
    operations.stop(first, kill=True)
    assert await_end(first).state == "stopped"
    assert await_end(second).state == "completed"


@pytest.mark.usefixtures("two_gpus")
def test_a_run_that_has_waited_for_days_is_not_lost(launch: Launch, workspace: Workspace) -> None:
    first = launch("sleep", "600", gpus=2, processes=1)
    await_state(first, "running")
    second = launch("true", gpus=2, processes=1)
    queued(second)
    os.kill(supervisor_pid(second), signal.SIGKILL)
    until(lambda: queueing_line.waiting() == [])
    lines = [json.loads(line) for line in second.events.read_text().splitlines()]
    second.events.write_text(
        "".join(json.dumps({**line, "time": line["time"] - 3 * 86_400}) + "\n" for line in lines)
    )
    until(lambda: operations.adopt(workspace) == [second.run_id])
    operations.stop(first, kill=True)
    assert await_end(second).state == "completed"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a run another user's")
@pytest.mark.usefixtures("two_gpus")
def test_another_users_run_is_left_to_him(launch: Launch, workspace: Workspace, tmp_path: Path) -> None:
    """Above all by root, whose commands would run with root's rights what anybody puts into the line."""
    first = launch("sleep", "600", gpus=2, processes=1)
    await_state(first, "running")
    second = launch("true", gpus=2, processes=1)
    queued(second)
    os.chown(second.path, 65534, -1)
    os.kill(supervisor_pid(second), signal.SIGKILL)
    until(lambda: queueing_line.waiting() == [])
    elsewhere = init_workspace(tmp_path / "elsewhere")
    assert operations.adopt(elsewhere) == operations.adopt(workspace) == []
    os.chown(second.path, 0, -1)
    assert operations.adopt(workspace) == [second.run_id]


@pytest.mark.usefixtures("two_gpus")
def test_a_killed_run_that_nobody_adopts_blocks_nobody(launch: Launch) -> None:
    first = launch("sleep", "600", gpus=2, processes=1)
    await_state(first, "running")
    os.kill(supervisor_pid(first), signal.SIGKILL)
    second = launch("true", gpus=2, processes=1)
    queued(second)
    time.sleep(1.0)
    assert state(second) == "queued"  # the processes of the first are there
    from runtime.launch.processes import run_processes

    for identity in run_processes(first.run_id):
        os.kill(identity.pid, signal.SIGKILL)
    assert await_end(second).state == "completed"


@pytest.mark.usefixtures("two_gpus")
def test_a_restart_keeps_its_devices(launch: Launch) -> None:
    run = launch("sh", "-c", "sleep 0.3; test $HEADNODE_ATTEMPT = 2", gpus=1, max_restarts=1)
    other = launch("true", gpus=2, processes=1)
    assert await_end(run).state == await_end(other).state == "completed"
    assert events(run).count("leased") == 1
    assert lease_times(run)[2] <= lease_times(other)[1]


def test_cpu_slots_where_there_is_no_gpu(
    launch_worker: Launch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[machine]\ncpu_slots = 1\n")
    monkeypatch.setenv("HEADNODE_SETTINGS", str(settings))
    first = launch_worker(100_000)
    await_state(first, "running")
    assert record(first).devices == ("cpu:0",)
    second = launch_worker(3)
    queue = queued(second).queue
    assert queue is not None
    assert queue["kind"] == "cpu"
    operations.stop(first, kill=True)
    assert await_end(second).state == "completed"


def test_memory_that_the_driver_keeps_is_waited_for(
    launch: Launch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The pid of the run stays on its GPU after its end: neither over nor given back until that is gone."""
    script = tmp_path / "gpus.jsonl"
    device = {"index": 0, "uuid": "GPU-real", "memory_used": 0, "memory_total": 80 << 30, "processes": []}

    def show(*pids: int) -> None:
        processes = [{"pid": pid, "memory_used": 1 << 30, "name": "python"} for pid in pids]
        partial = tmp_path / "partial"
        partial.write_text(json.dumps({"gpus": [{**device, "processes": processes}]}) + "\n")
        partial.replace(script)

    show()
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", str(script))
    run = launch("sh", "-c", "sleep 600", gpus=1)
    await_state(run, "running")
    show(first_rank(run))
    operations.stop(run, kill=True)
    until(lambda: "sigkill" in events(run))
    second = launch("true", gpus=1)
    until(lambda: "gpu_memory_held" in events(run))
    assert state(run) == "unkillable"
    assert set(leases.held()) == {"GPU-real"}
    assert state(second) == "queued"
    show()
    assert await_end(run).state == "stopped"
    assert await_end(second).state == "completed"


def test_many_at_once_for_two_devices(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Twelve runs of two workspaces, started at once, some of whose supervisors are killed: all are carried
    out, and no device ever has two runs on it."""
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "idle-2")
    other = init_workspace(tmp_path / "other")
    in_use = tmp_path / "in-use"
    # A second one on the same device finds the directory there and fails.
    script = f'd={in_use}-$CUDA_VISIBLE_DEVICES; mkdir "$d" || exit 9; sleep 0.1; rmdir "$d"'

    def start(where: Workspace, gpus: int) -> RunDirectory:
        profile = {
            "name": "contender",
            "job": "command",
            "command": {"argv": ["sh", "-c", script]},
            "launch": {"gpus": gpus, "processes": 1, "stop_grace": 1.0, "kill_grace": 1.0},
        }
        return operations.launch(where, loads(json.dumps(profile)), by="test")

    runs = [start(where, 1 + number % 3 // 2) for number in range(6) for where in (workspace, other)]
    for run in runs[-4:]:
        os.kill(supervisor_pid(run), signal.SIGKILL)
    deadline = time.monotonic() + 120

    def over() -> bool:
        for where in (workspace, other):
            operations.adopt(where)
        return all(state(run) in ("completed", "failed", "lost") for run in runs)

    while not over():
        assert time.monotonic() < deadline, {run.run_id: state(run) for run in runs}
        time.sleep(0.2)
    assert {state(run) for run in runs} == {"completed"}, [record(run).evidence for run in runs]
    spans = [lease_times(run) for run in runs]
    for (ours, begun, ended), (theirs, since, until_then) in combinations(spans, 2):
        assert not set(ours) & set(theirs) or ended <= since or until_then <= begun
    assert leases.held() == {}
    assert queueing_line.waiting() == []
    assert not list(lease_directory().glob("*.waiting"))
