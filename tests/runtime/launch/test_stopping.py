"""Stopping: gentle, escalating, at once; a run counts as stopped only when nothing of it is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from runtime.launch import operations
from runtime.launch.processes import run_processes
from runtime.messages import UsageError
from runtime.run.checkpoints import list_checkpoints
from runtime.run.control import answered, request
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from tests.runtime.launch.conftest import Launch, await_end, await_state, events, until

DEAF = "trap '' TERM; echo ready; while :; do sleep 0.1; done"

STUBBORN = {
    "ignores SIGTERM": f'sh -c "{DEAF}" & wait',
    "in a session of its own": f'setsid sh -c "{DEAF}" & exec sleep 60',
    "daemonised, its parent gone": f'(setsid sh -c "{DEAF}" &) ; exec sleep 60',
    "daemonised with an empty environment": f'(env -i setsid sh -c "{DEAF}" &) ; exec sleep 60',
    "with an empty environment, its parent gone": f'(env -i /bin/sh -c "{DEAF}" &) ; exit 0',
}


def descendants_with(marker: Path) -> list[int]:
    """The living processes whose output is this file."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if link.readlink() == marker and Path(link.parents[1], "stat").read_text().split()[2] != "Z":
                found.append(int(link.parts[2]))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN.keys())
def test_a_stubborn_grandchild_is_gone_when_the_run_counts_as_stopped(launch: Launch, script: str) -> None:
    run = launch("sh", "-c", script, stop_grace=0.5, kill_grace=0.5)
    log = run.attempt(1).log(0)
    until(lambda: log.exists() and "ready" in log.read_text())
    assert descendants_with(log)
    operations.stop(run, by="test")
    record = await_end(run)
    assert descendants_with(log) == []
    assert run_processes(run.run_id) == []
    assert {"sigterm", "sigkill"} <= set(events(run))
    assert record.state in ("stopped", "completed")


def test_what_a_leftover_goes_on_to_start_is_no_event_each(launch: Launch) -> None:
    script = "setsid sh -c 'trap : TERM; echo ready; while :; do sleep 0.1; done' & sleep 0.3; exit 2"
    run = launch("sh", "-c", script, kill_grace=1.5)
    assert await_end(run).reason == "crash"
    assert run_processes(run.run_id) == []
    assert events(run).count("sigterm") == 1
    assert events(run).count("sigkill") <= 1


def test_a_program_gets_sigterm_as_its_order_and_may_use_its_grace(launch: Launch) -> None:
    script = "trap 'sleep 1; echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    run = launch("sh", "-c", script, stop_grace=10.0)
    log = run.attempt(1).log(0)
    until(lambda: log.exists() and "ready" in log.read_text())
    asked = operations.stop(run, by="test")
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["by"]) == ("stopped", "user", "test")
    assert log.read_text() == "ready\nsaved\n"
    assert "sigkill" not in events(run)
    answer = answered(run, asked)
    assert answer is not None
    assert (answer.event, answer.detail["state"]) == ("request_done", "stopped")
    assert list(run.control.iterdir()) == []


def test_kill_is_seen_within_a_second_and_asks_nobody(launch: Launch) -> None:
    run = launch("sh", "-c", DEAF, stop_grace=60.0, kill_grace=60.0)
    await_state(run, "running")
    operations.stop(run, kill=True)
    began = time.monotonic()
    until(lambda: not run_processes(run.run_id))
    assert time.monotonic() - began < 5.0  # the graces would be 120 s
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["stage"]) == ("stopped", "user", "kill")
    assert "sigterm" not in events(run)


def test_a_training_run_saves_and_stops_at_a_step_boundary(launch_worker: Launch) -> None:
    run = launch_worker(env={"CHECKPOINT_EVERY": "100000"})
    until(lambda: (read_record(run).summary.step or 0) > 3)  # type: ignore[union-attr]
    operations.stop(run)
    record = await_end(run)
    assert (record.state, record.reason) == ("stopped", "user")
    (checkpoint,) = list_checkpoints(run)
    assert record.evidence["checkpoint"] == checkpoint.step == record.summary.step
    order = [
        event for event in events(run) if event in ("stop_ordered", "checkpoint_saved", "stopped", "sigterm")
    ]
    assert order == ["stop_ordered", "checkpoint_saved", "stopped"]


def test_a_training_run_can_stop_without_saving(launch_worker: Launch) -> None:
    run = launch_worker(env={"CHECKPOINT_EVERY": "100000"})
    await_state(run, "running")
    operations.stop(run, save=False)
    assert await_end(run).state == "stopped"
    assert list_checkpoints(run) == []


def test_a_training_run_that_hears_nothing_is_escalated_stage_by_stage(launch_worker: Launch) -> None:
    run = launch_worker(env={"FAULT": "1:deaf"}, stop_grace=0.5, kill_grace=0.5)
    await_state(run, "running")
    operations.stop(run)
    record = await_end(run)
    assert (record.state, record.evidence["stage"]) == ("stopped", "kill")
    stages = [event for event in read_events(run) if event.event in ("stop_ordered", "sigterm", "sigkill")]
    assert [event.event for event in stages] == ["stop_ordered", "sigterm", "sigkill"]
    assert all(after.time - before.time >= 0.4 for before, after in pairwise(stages))


def test_a_run_can_be_stopped_while_it_starts(launch_worker: Launch) -> None:
    run = launch_worker(env={"FAULT": "1:slow"}, stop_grace=60.0, kill_grace=0.5)
    until(lambda: run.attempt(1).heartbeat(0).exists())
    operations.stop(run)
    record = await_end(run)
    assert (record.state, record.reason) == ("stopped", "user")


def test_a_run_can_be_stopped_at_the_very_beginning(launch: Launch) -> None:
    run = launch("sleep", "60")
    operations.stop(run)
    assert await_end(run).state == "stopped"
    assert run_processes(run.run_id) == []


def test_a_stop_between_two_attempts_prevents_the_next(launch: Launch) -> None:
    run = launch("false", max_restarts=3, restart_delay=60.0)
    until(lambda: "restart" in events(run))
    operations.stop(run)
    record = await_end(run)
    assert (record.state, record.reason, record.attempt) == ("stopped", "user", 2)
    assert not run.attempt(2).log(0).exists()


def test_save_now_is_answered_when_the_checkpoint_is_there(launch_worker: Launch) -> None:
    run = launch_worker(env={"CHECKPOINT_EVERY": "100000"})
    await_state(run, "running")
    asked = operations.save(run)
    answer = until(lambda: (found := answered(run, asked)) and found.event == "request_done" and found)
    assert answer.detail["step"] in [checkpoint.step for checkpoint in list_checkpoints(run)]
    assert read_record(run).state == "running"  # type: ignore[union-attr]
    operations.stop(run, kill=True)
    await_end(run)


def test_requests_that_make_no_sense_are_refused(launch: Launch) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    with pytest.raises(UsageError, match="no checkpoints"):
        operations.save(run)
    past = request(run, "stop", {}, attempt=7)
    answer = until(lambda: answered(run, past))
    assert (answer.event, answer.reason) == ("request_refused", "past_attempt")
    operations.stop(run, kill=True)
    await_end(run)
    with pytest.raises(UsageError, match="over"):
        operations.stop(run)


def test_sigterm_to_the_supervisor_stops_the_run_as_preempted(launch_worker: Launch) -> None:
    from tests.runtime.launch.conftest import supervisor_pid

    run = launch_worker(env={"CHECKPOINT_EVERY": "100000"})
    await_state(run, "running")
    os.kill(supervisor_pid(run), signal.SIGTERM)
    record = await_end(run)
    assert (record.state, record.reason) == ("stopped", "preempted")
    assert [checkpoint.state for checkpoint in list_checkpoints(run)] == ["complete"]


def test_no_stranger_is_ever_signalled(launch: Launch, tmp_path: Path) -> None:
    """A process that is named like ours, or holds our log open, is none of ours."""
    import subprocess

    run = launch("sleep", "60")
    await_state(run, "running")
    environment = {**os.environ, "HEADNODE_RUN": run.run_id + "0", "NOT_HEADNODE_RUN": run.run_id}
    with run.attempt(1).log(0).open("ab") as log:
        stranger = subprocess.Popen(["sleep", "60"], env=environment, stdout=log)
    try:
        operations.stop(run, kill=True)
        await_end(run)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_removed_run_directory_leaves_no_process_behind(launch: Launch) -> None:
    import shutil

    from tests.runtime.launch.conftest import supervisor_pid

    run = launch("sleep", "60")
    await_state(run, "running")
    supervisor = supervisor_pid(run)
    shutil.rmtree(run.path)
    until(lambda: not run_processes(run.run_id))
    until(lambda: not Path(f"/proc/{supervisor}").exists())
    assert not run.path.exists()


def test_wait_yields_changes_until_the_end(launch: Launch) -> None:
    run = launch("sleep", "1")
    states = [record.state for record in operations.wait(run)]
    assert states[-1] == "completed"
    assert [record.state for record in operations.wait(run)] == ["completed"]


def test_python(launch: Launch) -> None:
    """`from runtime.run import log` in a script makes curves, a step and a heartbeat."""
    script = "from runtime.run import log\nfor step in range(1, 4): log(step, {'train/loss': 1 / step})"
    run: RunDirectory = launch(sys.executable, "-c", script)
    record = await_end(run)
    assert record.state == "completed"
    assert (record.summary.step, record.summary.metrics["train/loss"]) == (3, pytest.approx(1 / 3))
    assert len(record.summary.sparkline) == 3
