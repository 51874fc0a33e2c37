"""Real runs that come to grief in one way each: named for what it was, and left alone where a restart can't
help."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from runtime.launch import operations
from runtime.launch.advice import advice
from runtime.launch.pace import read_pace
from runtime.launch.sight import with_doubt
from runtime.run.epochs import holder
from runtime.run.events import read_events
from runtime.run.record import read_record
from tests.runtime.launch import recorded_logs
from tests.runtime.launch.conftest import (
    Launch,
    await_end,
    await_state,
    supervisor_pid,
    until,
)

SEEN_WITHIN = 5.0
"""Seconds between a rank's end and the event that tells it; some 0.3 on a machine with nothing else to do."""


def test_a_refused_allocation_is_the_hosts_memory_with_the_line_that_says_so(launch: Launch) -> None:
    script = f"ulimit -v 4000000; {sys.executable} -c 'print(1); x = bytearray(1 << 40)'"
    record = await_end(launch("sh", "-c", script))
    assert (record.reason, record.evidence["cause"]) == ("oom_host", "memory_limit")
    assert record.evidence["log"]["text"] == "MemoryError"


def test_a_device_out_of_memory_is_named_in_a_program_of_somebodys_too(
    launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "said").write_text(recorded_logs.CUDA_OOM)
    record = await_end(launch("sh", "-c", f"seq 5000; cat {tmp_path / 'said'}; exit 1"))
    assert (record.reason, record.evidence["cause"]) == ("oom_device", "device_memory")
    assert record.evidence["log"]["line"] == 5004
    assert any("4711" in str(message) for message in advice(record))


def test_for_a_device_out_of_memory_the_numbers_were_reckoned_at_launch(launch_worker: Launch) -> None:
    record = await_end(launch_worker(env={"FAULT": "*:oom_device@3"}))
    assert (record.reason, record.evidence["cause"]) == ("oom_device", "device_memory")
    plan = record.evidence["plan"]
    assert [option["micro_batch"] for option in plan["options"]] == [2, 1]
    assert plan["bytes"] > plan["options"][0]["bytes"] > plan["options"][1]["bytes"] > 0
    assert "train.micro_batch 4 → 2 would need" in str(advice(record)[0])


def test_a_missing_module_is_not_tried_again_and_the_package_is_named(launch: Launch) -> None:
    run = launch(sys.executable, "-c", "import flash_attn", max_restarts=5)
    record = await_end(run)
    assert (record.state, record.restarts, record.evidence["cause"]) == ("failed", 0, "missing_module")
    assert record.evidence["no_restart"] == "recurs"
    assert "pip install flash-attn" in " ".join(map(str, advice(record)))


def test_the_same_error_at_the_same_step_twice_ends_the_restarts(launch_worker: Launch) -> None:
    record = await_end(launch_worker(steps=60, env={"FAULT": "*:crash@13"}, max_restarts=9))
    assert (record.state, record.restarts, record.evidence["no_restart"]) == ("failed", 1, "repeats")
    assert record.evidence["cause"] == "exception"


def test_a_kill_is_seen_at_once_and_said_to_be_nobody_knows_whose(launch: Launch) -> None:
    run = launch("sleep", "60", processes=2)
    await_state(run, "running")
    started = until(
        lambda: [e for e in read_events(run) if e.event == "rank_started" and e.detail["rank"] == 1]
    )
    began = time.time()
    os.kill(started[0].detail["pid"], signal.SIGKILL)
    record = await_end(run)
    told = next(event for event in read_events(run) if event.event == "rank_exited")
    assert told.time - began < SEEN_WITHIN
    assert (record.evidence["rank"], record.evidence["cause"]) == (1, "killed")
    assert record.evidence["oom_check"] == "no kernel OOM kill"


def test_the_next_attempt_is_announced_with_its_moment_and_can_be_stopped(launch: Launch) -> None:
    run = launch("sh", "-c", "exit 5", max_restarts=3, restart_delay=60)
    waiting = until(lambda: (found := read_record(run)) is not None and found.evidence.get("restart"))
    assert (waiting["next_attempt"], waiting["of"], waiting["reason"]) == (2, 3, "crash")
    assert 0 < waiting["at"] - time.time() <= 60
    operations.stop(run)
    record = await_end(run)
    assert (record.state, record.reason, record.attempt) == ("stopped", "user", 2)


def test_a_torn_record_hinders_no_stop(launch: Launch) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    os.kill(supervisor_pid(run), signal.SIGSTOP)  # so that it doesn't write the record again first
    run.record.write_text('{"schema": 1, "run_id": "pro')
    operations.stop(run)
    os.kill(supervisor_pid(run), signal.SIGCONT)
    record = await_end(run)
    assert (record.state, record.reason) == ("stopped", "user")


def test_a_torn_record_whose_supervisor_is_gone_is_written_anew(launch: Launch) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    os.kill(supervisor_pid(run), signal.SIGKILL)
    until(lambda: (held := holder(run)) is not None and held.over)
    run.record.write_text("{")
    operations.stop(run)
    record = await_end(run)
    assert (record.state, record.job) == ("stopped", "command")


def test_of_a_dead_run_whose_record_says_running_the_doubt_is_said(launch: Launch) -> None:
    run = launch("sleep", "60")
    record = await_state(run, "running")
    assert with_doubt(run, record, time.time() + 60) == record  # silence alone is none
    os.kill(supervisor_pid(run), signal.SIGKILL)
    later = time.time() + 60

    def doubt() -> object:
        return with_doubt(run, record, later).evidence.get("doubt")

    found = until(doubt)
    assert found["kind"] == "supervisor_gone"  # type: ignore[index]
    assert with_doubt(run, record, record.summary.updated or 0.0).evidence.get("doubt") is None
    assert read_record(run) == record


def test_what_a_run_learned_of_its_pace_is_kept(launch_worker: Launch) -> None:
    run = launch_worker(steps=150, env={"FAULT": "1:crash@120"}, max_restarts=1)
    assert await_end(run).state == "completed"
    assert read_pace(run, 2)["step"].count >= 5
    assert json.loads(run.attempt(1).pace.read_text())["phases"]["step"]["longest"] > 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "rank", "cause"),
    [("exit0", 1, "exited_early"), ("kill", 1, "killed"), ("timeout", 0, "communication_timeout")],
)
def test_of_two_real_gloo_ranks_the_right_one_is_named(
    launch: Launch, tmp_path: Path, mode: str, rank: int, cause: str
) -> None:
    script = tmp_path / "two.py"
    script.write_text(GLOO)
    record = await_end(launch(sys.executable, str(script), mode, processes=2, device="cpu"))
    assert (record.evidence["rank"], record.evidence["cause"]) == (rank, cause)
    if mode == "timeout":
        assert record.evidence["behind"]["ranks"] == [1]


GLOO = """
import datetime, os, sys, time
import torch, torch.distributed as dist
torch.set_num_threads(1)
rank, mode = int(os.environ["RANK"]), sys.argv[1]
limit = datetime.timedelta(seconds=30 if mode != "timeout" else 5)
dist.init_process_group("gloo", init_method=os.environ["HEADNODE_RENDEZVOUS"], rank=rank, world_size=2,
timeout=limit)
x = torch.ones(4)
dist.all_reduce(x)
if rank == 1:
    if mode == "kill":
        os.kill(os.getpid(), 9)
    if mode == "exit0":
        os._exit(0)
    time.sleep(60)
dist.all_reduce(x)
"""
