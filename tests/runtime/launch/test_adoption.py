"""What a supervisor that takes over keeps to, and what isn't its to take."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace

import pytest

from runtime.launch.adoption import adopt
from runtime.launch.processes import children_of, environment_of, run_processes
from runtime.run.checkpoints import list_checkpoints
from runtime.run.files import write_json_atomic
from runtime.run.identity import host_name
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.workspace import Workspace
from tests.runtime.launch.conftest import (
    Launch,
    agent_of,
    await_end,
    await_state,
    events,
    gone,
    kill,
    supervisor_pid,
    until,
)


def test_an_adopted_run_restarts_in_the_environment_that_it_was_launched_in(
    launch: Launch, workspace: Workspace, monkeypatch: object
) -> None:
    os.environ["MY_TOKEN_OF_LAUNCH"] = "launched"
    try:
        run = launch(
            "sh",
            "-c",
            "echo [$MY_TOKEN_OF_LAUNCH]; test $HEADNODE_ATTEMPT = 2 || sleep 1.5; exit 1",
            max_restarts=1,
            secrets=["MY_TOKEN_OF_LAUNCH"],
        )
        await_state(run, "running")
    finally:
        del os.environ["MY_TOKEN_OF_LAUNCH"]
    pid = supervisor_pid(run)
    kill(pid)
    until(lambda: gone(pid))
    assert adopt(workspace) == [run.run_id]
    assert await_end(run).attempt == 2
    assert run.attempt(2).log(0).read_text() == "[launched]\n"


def test_the_supervisor_is_no_process_of_the_run_and_its_telemetry_neither(launch: Launch) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    supervisor = supervisor_pid(run)
    agent = agent_of(run).pid
    telemetry = until(lambda: next((child for child in children_of(supervisor) if child != agent), None))
    for pid in (supervisor, telemetry):
        environment = environment_of(pid)
        assert environment is not None
        assert "HEADNODE_RUN" not in environment
    until(lambda: run.telemetry(host_name()).exists())
    line = json.loads(run.telemetry(host_name()).read_text().splitlines()[0])
    assert line["node"] == host_name()
    kill(telemetry)
    time.sleep(0.5)
    assert read_record(run).state == "running"  # type: ignore[union-attr]
    kill(supervisor)
    until(lambda: gone(supervisor))


def test_threads_may_adopt_at_once(launch: Launch, workspace: Workspace) -> None:
    run = launch("sleep", "1")
    await_state(run, "running")
    pid = supervisor_pid(run)
    kill(pid)
    until(lambda: gone(pid))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(adopt(workspace))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [run.run_id]
    assert await_end(run).state == "completed"


def test_a_launch_that_was_cut_short_long_ago_is_not_started_by_who_comes_by(
    launch: Launch, workspace: Workspace
) -> None:
    done = launch("true")
    record = await_end(done)
    copy = RunDirectory(workspace.logs / (done.run_id[:-4] + "0000"))
    copy.path.mkdir()
    for name in ("profile.yaml", "attempts/1/command.json", "attempts/1/profile.yaml"):
        (copy.path / name).parent.mkdir(parents=True, exist_ok=True)
        (copy.path / name).write_bytes((done.path / name).read_bytes())
    fresh = replace(
        record, run_id=copy.run_id, path=str(copy.path), state="starting", created=1.0, ended=None
    )
    write_json_atomic(copy.record, fresh.to_json())
    assert adopt(workspace) == []
    os.utime(copy.record, (1, 1))
    assert adopt(workspace) == [copy.run_id]
    assert (await_end(copy).state, copy.attempt(1).log(0).exists()) == ("lost", False)


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_a_launch_goes_on_though_the_clock_is_set_meanwhile(
    launch: Launch, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    clock = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: clock() + jump)
        run = launch("true")
    assert await_end(run).state == "completed"


def test_a_saved_checkpoint_is_kept_when_all_is_killed(launch_worker: Launch, workspace: Workspace) -> None:
    run = launch_worker()
    until(lambda: [item for item in list_checkpoints(run) if item.state == "complete"])
    kill(supervisor_pid(run))
    for identity in run_processes(run.run_id):
        kill(identity.pid)
    until(lambda: adopt(workspace))
    assert await_end(run).summary.checkpoint is not None


def test_a_restart_that_was_due_is_made_by_the_adopter(launch: Launch, workspace: Workspace) -> None:
    run = launch("sh", "-c", "test $HEADNODE_ATTEMPT = 2", max_restarts=1, restart_delay=20.0)
    until(lambda: read_record(run).attempt == 2)  # type: ignore[union-attr]
    kill(supervisor_pid(run))
    until(lambda: adopt(workspace))
    assert (await_end(run).state, events(run).count("started")) == ("completed", 2)
