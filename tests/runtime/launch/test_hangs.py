"""Hangs: found by steps that don't come, told with the rank that is behind and the stacks, and restarted."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from runtime.launch import operations
from runtime.run.events import read_events
from runtime.run.record import read_record
from tests.runtime.launch.conftest import Launch, await_end, await_state, events, until

SEEN_WITHIN = 5.0  # seconds beyond its limit
SHORT = {"step": 1.0, "import": 20.0}


def test_a_stopped_rank_is_named_and_the_run_restarts_from_its_checkpoint(launch_worker: Launch) -> None:
    run = launch_worker(steps=40, env={"FAULT": "1/1:stop@12"}, processes=2, max_restarts=1, hang=SHORT)
    record = await_end(run)
    assert (record.state, record.attempt) == ("completed", 2)
    hang = next(event for event in read_events(run) if event.event == "hang")
    assert (hang.detail["rank"], hang.detail["phase"], hang.detail["step"]) == (1, "step", 11)
    assert hang.detail["process_state"] == "T"
    assert "stopped (state T)" in hang.detail["stacks"]["1"]["none"]
    assert hang.detail["cause"] == "stopped_by_signal"
    assert hang.detail["behind"] == {"rank": 1, "ranks": [1], "phase": "step", "step": 11}
    restart = next(event for event in read_events(run) if event.event == "restart")
    assert restart.reason == "hang"
    assert restart.detail["resume"]["step"] % 5 == 0


def test_a_hang_without_restarts_fails_with_the_stack_of_the_rank(launch_worker: Launch) -> None:
    run = launch_worker(env={"FAULT": "*:hang@3"}, hang=SHORT)
    record = await_end(run)
    assert (record.state, record.reason) == ("failed", "hang")
    assert (record.evidence["rank"], record.evidence["step"], record.evidence["limit"]) == (0, 2, 1.0)
    hang = next(event for event in read_events(run) if event.event == "hang")
    assert "misbehave" in hang.detail["stacks"]["0"]["stack"]
    kept = record.evidence["stacks"]["0"]
    assert kept["at"].startswith("worker_script.py:")
    assert kept["at"].endswith("in misbehave")
    assert "misbehave" in (run.path / kept["file"]).read_text()
    assert 1.0 <= record.evidence["quiet"] <= 1.0 + SEEN_WITHIN
    assert "sigterm" in events(run)


def test_a_program_that_logs_is_watched_by_what_it_logs(launch: Launch) -> None:
    script = (
        "import time\nfrom runtime.run import log\n"
        "for step in range(5):\n    log(step, {'train/loss': 1.0})\n    time.sleep(0.1)\ntime.sleep(60)"
    )
    record = await_end(launch(sys.executable, "-c", script, hang={"step": 1.0}))
    assert (record.state, record.reason, record.evidence["step"]) == ("failed", "hang", 4)


def test_a_program_that_never_logs_is_not_called_hung(launch: Launch) -> None:
    record = await_end(launch("sleep", "3", hang={"step": 0.5, "import": 0.5}))
    assert record.state == "completed"


def test_a_rank_that_is_continued_in_time_is_left_alone(launch_worker: Launch) -> None:
    run = launch_worker(steps=60, hang={"step": 20.0})
    record = await_state(run, "running")
    pid = until(lambda: next((e for e in read_events(run) if e.event == "rank_started"), None)).detail["pid"]
    os.kill(pid, signal.SIGSTOP)
    before = read_record(run).summary.step  # type: ignore[union-attr]
    os.kill(pid, signal.SIGCONT)
    record = await_end(run)
    assert (record.state, record.restarts) == ("completed", 0)
    assert before is None or before <= 60


def test_a_hung_rank_can_be_stopped_by_a_person(launch_worker: Launch) -> None:
    run = launch_worker(env={"FAULT": "1:stop@3"}, stop_grace=0.5, kill_grace=0.5)
    await_state(run, "running")
    operations.stop(run)
    record = await_end(run)
    assert (record.state, record.reason) == ("stopped", "user")


def logged_hang(launch: Launch, last: str, **section: object) -> dict[str, Any]:
    """A program that logs some steps and then does `last`: what the event of its hang says of its stack."""
    script = (
        "import hashlib, signal, time\nfrom runtime.run import log\n"
        "for step in range(5):\n    log(step, {'train/loss': 1.0})\n    time.sleep(0.05)\n"
        f"def stuck():\n    {last}\nstuck()"
    )
    run = launch(sys.executable, "-c", script, hang={"step": 1.0}, **section)
    assert await_end(run).reason == "hang"
    found: dict[str, Any] = next(event for event in read_events(run) if event.event == "hang").detail[
        "stacks"
    ]["0"]
    return found


def test_a_program_that_logs_gives_its_stack(launch: Launch) -> None:
    assert logged_hang(launch, "time.sleep(60)")["at"].endswith("in stuck")


def test_a_rank_deep_in_c_code_gives_its_stack_too(launch: Launch) -> None:
    assert logged_hang(launch, "hashlib.pbkdf2_hmac('sha256', b'x', b'y', (1 << 31) - 1)")["at"].endswith(
        "in stuck"
    )


def test_where_there_is_no_stack_it_is_said_why(launch: Launch) -> None:
    without = logged_hang(launch, "signal.signal(signal.SIGUSR1, signal.SIG_DFL); time.sleep(60)")
    assert "no handler for SIGUSR1" in without["none"]
    own = logged_hang(
        launch, "signal.signal(signal.SIGUSR1, lambda *_: print('mine', flush=True)); time.sleep(60)"
    )
    assert "handler of its own" in own["none"]
