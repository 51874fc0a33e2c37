"""What went wrong, as the Run page, the overview and `headnode show` tell it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.launch.diagnosis.causes import CAUSES
from runtime.run.events import Event
from runtime.run.record import RunRecord, Summary, read_record, write_record
from runtime.run.workspace import Workspace, init_workspace
from tests.runtime.launch import recorded_logs
from tests.tui.sample_workspace import GIB, HOUR, Plan, make_run
from tests.tui.settling import screen_text, settle
from tui import describe, i18n
from tui.cli.describing import explanation, share
from tui.describe_diagnosis import diagnosis
from tui.describe_events import sentence
from tui.widgets.diagnosis import block

EVIDENCE = {
    "rank": 2,
    "code": 1,
    "phase": "step",
    "step": 140_500,
    "cause": "device_memory",
    "oom": {"wanted": 2 * 2**30, "capacity": 80 * 2**30, "free": 2**30, "device": 0},
    "plan": {
        "micro_batch": 8,
        "bytes": 76 * 2**30,
        "options": [{"micro_batch": 4, "bytes": 41 * 2**30}, {"micro_batch": 2, "bytes": 24 * 2**30}],
    },
    "others": {"0": {"cause": "connection_lost"}, "1": {"cause": "connection_lost"}},
}
RECORD = RunRecord(run_id="20261124-000000-demo-aaaa", path="/x", name="demo", job="pretrain", state="failed")


@pytest.fixture
def broken(tmp_path: Path) -> Workspace:
    """A run whose rank 2 ran out of device memory, far down in its log."""
    text = "".join(f"step {step} loss 2.5\n" for step in range(3000)) + recorded_logs.CUDA_OOM.replace(
        "[rank0]", "[rank2]"
    )
    offset = text.index("[rank2]: torch.OutOfMemoryError")
    log = {"rank": 2, "line": 3005, "offset": offset, "text": text[offset + 9 :].split("\n", 1)[0]}
    plan = Plan(
        "olmo-1b", "3f2a", "failed", 19 * HOUR, 140_500, 739_328, 2.601, "oom_device", ended=7 * HOUR,
        speed=368_000, world_size=4, evidence={**EVIDENCE, "log": log},
        checkpoint=(140_000, 7 * HOUR, 13.1 * GIB),
    )  # fmt: skip
    workspace = init_workspace(tmp_path / "train")
    run = make_run(workspace, plan)
    run.attempt(1).log(2).write_text(text)
    return workspace


@pytest.mark.parametrize(("language", "size"), [("zh", (80, 24)), ("en", (120, 40))])
def test_block(
    snap_compare: Any, panel: Any, broken: Workspace, language: str, size: tuple[int, int]
) -> None:
    app = panel(broken, language=language, open_run=broken.runs()[0].run_id)

    async def before(pilot: Any) -> None:
        for _look in range(
            60
        ):  # the curves are read by a thread of their own, and then the chart has the keys
            await settle(pilot)
            if "+ " in screen_text(app).rstrip().split("\n")[-1]:
                return

    assert snap_compare(app, terminal_size=size, run_before=before)


async def test_enter_opens_the_log_of_the_rank_at_the_line_that_tells_why(
    panel: Any, broken: Workspace
) -> None:
    app = panel(broken, open_run=broken.runs()[0].run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        assert "train.micro_batch 8 → 4 would need 41.0 of 80.0 GiB a device." in screen_text(app)
        assert "Log of rank 2" in screen_text(app)
        await pilot.press("enter")
        for _ in range(20):
            await settle(pilot)
            if "OutOfMemoryError" in screen_text(app):
                break
        assert type(app.screen).__name__ == "LogsPage"
        assert "OutOfMemoryError" in screen_text(app)
        assert "rank 2" in screen_text(app)


async def test_the_next_attempt_is_counted_down_to(panel: Any, broken: Workspace) -> None:
    run = broken.runs()[0]
    record = read_record(run)
    assert record is not None
    app = panel(broken, open_run=run.run_id)
    at = app.services.clock() + 42
    restart = {"next_attempt": 2, "of": 3, "at": at, "reason": "crash", "evidence": {"code": 5, "rank": 0}}
    write_record(
        run,
        replace(record, state="starting", reason=None, ended=None, restarts=1, evidence={"restart": restart}),
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, 3)
        assert "Attempt 2 begins in 42s (restart 1 of 3): crashed with exit code 5" in screen_text(app)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_is_a_block_that_fits_a_small_screen(cause: str, language: str) -> None:
    i18n.setup(language)
    evidence = {**EVIDENCE, "cause": cause, "code": 1, "signal": None}
    found = diagnosis(replace(RECORD, reason=CAUSES[cause].reason or "crash", evidence=evidence), time.time())
    assert found is not None
    assert found.next
    lines = block(found, 78, low=True)
    assert 2 <= len(lines) <= 6
    assert all(line.cell_len <= 78 for line in lines)
    assert not any("{" in line.plain for line in lines)


def test_a_hang_says_where_every_rank_stood_and_why_one_has_no_stack() -> None:
    i18n.setup("en")
    evidence = {
        "rank": 1, "phase": "step", "step": 11, "quiet": 130.0, "limit": 120.0, "process_state": "T",
        "behind": {"rank": 1, "ranks": [1], "phase": "step", "step": 11}, "cause": "stopped_by_signal",
        "stacks": {"0": {"at": "loop.py:88 in reduce", "file": "x"}, "2": {"at": "loop.py:88 in reduce"},
                   "1": {"none": "the process is stopped (state T), so that it can't run a signal handler"}},
    }  # fmt: skip
    found = diagnosis(replace(RECORD, reason="hang", evidence=evidence))
    assert found is not None
    assert found.what == (
        "It hung: stopped by a signal at step 11: rank 1 was quiet for 2m 10s while training (limit 2m)"
    )
    assert found.evidence[0].startswith("rank 1 has no stack: the process is stopped")
    assert found.evidence[1] == "rank 0, 2 stood at loop.py:88 in reduce"
    assert "SIGSTOP" in found.next[0]
    assert diagnosis(replace(RECORD, state="stopping", reason="hang", evidence=evidence)) is not None


def test_a_doubt_is_said_beside_the_state() -> None:
    i18n.setup("en")
    doubt = {"kind": "supervisor_gone", "since": time.time() - 185, "disk_full": True}
    record = replace(RECORD, state="running", evidence={"doubt": doubt})
    assert describe.state_word(record) == "running?"
    assert describe.reason(record) == "supervisor gone 3m"
    found = diagnosis(record, time.time())
    assert found is not None
    assert "The disk is full" in found.next[0]


def test_a_run_that_is_well_has_no_block() -> None:
    for state, reason in (
        ("running", None),
        ("completed", "finished"),
        ("stopped", "user"),
        ("queued", None),
    ):
        assert diagnosis(replace(RECORD, state=state, reason=reason)) is None


def test_waiting_for_data_is_told_while_it_runs() -> None:
    i18n.setup("en")
    found = diagnosis(replace(RECORD, state="running", evidence={"data_wait": 0.6}))
    assert found is not None
    assert found.what == "It waits for data 60% of the time"


def test_what_is_advised_holds_for_somebodys_own_program_too() -> None:
    i18n.setup("en")
    record = replace(RECORD, reason="non_finite", evidence={"cause": "non_finite", "rank": 0})
    ours, theirs = diagnosis(record), diagnosis(replace(record, job="command"))
    assert ours is not None
    assert "guard.non_finite" in ours.next[0]
    assert theirs is not None
    assert "guard" not in " ".join(theirs.next)


def test_the_step_that_was_not_finite_is_named_once() -> None:
    i18n.setup("en")
    evidence = {"cause": "non_finite", "rank": 1, "step": 12, "error": "step 12: loss nan: stopped"}
    found = diagnosis(replace(RECORD, reason="non_finite", evidence=evidence))
    assert found is not None
    assert found.what == "The loss was not finite at step 12 on rank 1: loss nan: stopped"


def test_a_killed_agent_and_a_sigterm_from_outside_are_named_as_such() -> None:
    i18n.setup("en")
    agent = diagnosis(replace(RECORD, reason="crash", evidence={"process": "agent", "signal": 9}))
    assert agent is not None
    assert agent.what == "Its agent was killed by SIGKILL"
    assert agent.next
    evidence = {"rank": 0, "signal": 15, "cause": "sigterm"}
    stopped = diagnosis(replace(RECORD, state="stopped", reason="preempted", evidence=evidence))
    assert stopped is not None
    assert stopped.what == "Stopped by SIGTERM from outside on rank 0"
    assert "SIGTERM" in stopped.next[0]


def test_the_commands_that_come_next_name_the_log_that_tells_and_how_to_go_on() -> None:
    i18n.setup("en")
    told = replace(RECORD, reason="crash", evidence={"rank": 3, "log": {"rank": 3, "text": "KeyError: 1"}})
    lines = explanation(told, 100)
    assert f"Next: headnode logs {told.run_id} --rank 3 · headnode events {told.run_id}" in lines
    assert f"headnode resume {told.run_id} starts it again from the beginning" in lines
    assert not any("resume" in line for line in explanation(replace(told, reason="bad_profile"), 100))


def test_ranks_that_saved_and_stopped_together_are_not_named_one_by_one() -> None:
    i18n.setup("en")
    evidence = {"rank": 0, "code": 20, "step": 580}
    found = diagnosis(replace(RECORD, state="stopped", reason="preempted", evidence=evidence))
    assert found is not None
    assert found.what == "The machine asked it to stop at step 580"
    assert "SIGTERM" in found.next[0]


def test_a_program_that_ended_early_has_not_done_all_its_steps() -> None:
    early = replace(RECORD, state="completed", job="command", summary=Summary(progress=5 / 300))
    assert share(early) == "1%"
    assert share(replace(early, summary=Summary())) == share(replace(early, job="pretrain")) == "100%"


def test_a_long_line_of_the_log_is_not_said_twice() -> None:
    i18n.setup("en")
    text = "RuntimeError: The server socket has failed to listen on any local network address"
    log = {"rank": 0, "line": 4, "text": text}
    found = diagnosis(replace(RECORD, reason="crash", evidence={"rank": 0, "code": 1, "log": log}))
    assert found is not None
    assert found.what.endswith(text)
    assert found.evidence == ("log of rank 0, line 4",)


def test_a_reboot_is_advised_of_only_where_there_was_one() -> None:
    i18n.setup("en")
    lost = replace(RECORD, state="lost", reason="supervisor_lost", evidence={"process": "agent"})
    here, there = diagnosis(lost), diagnosis(replace(lost, evidence={"rebooted": True}))
    assert here is not None
    assert "after logout" in here.next[0]
    assert there is not None
    assert "with the machine" in there.next[0]


def test_an_end_that_nobody_saw_is_not_called_a_crash() -> None:
    i18n.setup("en")
    event = Event(1.0, 1, "rank_exited", detail={"rank": 1, "phase": "step", "step": 549})
    assert sentence(event) == "rank 1: gone, and nobody saw how it ended"


async def test_of_a_rank_that_printed_nothing_the_log_of_rank_0_is_shown(
    panel: Any, broken: Workspace
) -> None:
    run = broken.runs()[0]
    record = read_record(run)
    assert record is not None
    write_record(run, replace(record, reason="crash", evidence={"rank": 1, "signal": 9, "cause": "killed"}))
    run.attempt(1).log(0).write_text("step 7 of rank 0\n")
    run.attempt(1).log(1).write_text("")
    app = panel(broken, open_run=run.run_id)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(20):
            await settle(pilot)
            if "step 7 of rank 0" in screen_text(app):
                break
        assert "step 7 of rank 0" in screen_text(app)
        assert "Log of rank 0" in screen_text(app)
        await pilot.press("enter")
        for _ in range(20):
            await settle(pilot)
            if type(app.screen).__name__ == "LogsPage" and "step 7 of rank 0" in screen_text(app):
                break
        assert type(app.screen).__name__ == "LogsPage"
        assert "step 7 of rank 0" in screen_text(app)
