"""Finding the processes of a run, signalling exactly one, and telling who killed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.launch import memory
from runtime.launch.local import LocalEngine
from runtime.launch.memory import OomCounts, judge_kill
from runtime.launch.processes import (
    catches,
    environment_of,
    members,
    run_processes,
    send,
    stat_of,
    verify_gone,
)
from runtime.launch.stacks import dump_stacks
from runtime.launch.tails import log_end
from runtime.launch.watch import RankClock
from runtime.run.heartbeat import Heartbeat
from runtime.run.identity import Identity
from runtime.run.layout import AttemptDirectory, RunDirectory
from tests.runtime.launch.conftest import until


@pytest.fixture
def marked() -> object:
    children: list[subprocess.Popen[bytes]] = []

    def start(run_id: str, *argv: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(argv or ("sleep", "60"), env={**os.environ, "HEADNODE_RUN": run_id})
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


def test_a_scan_finds_exactly_the_runs_own(marked: object) -> None:
    ours = marked("run-a")  # type: ignore[operator]
    marked("run-ab")  # type: ignore[operator]
    assert [identity.pid for identity in run_processes("run-a")] == [ours.pid]
    assert not verify_gone("run-a")
    ours.kill()
    until(lambda: run_processes("run-a") == [], "a zombie to count as gone")
    assert verify_gone("run-a")
    assert ours.poll() is not None


def test_descendants_are_members_unless_they_are_another_runs(marked: object) -> None:
    script = "env -u HEADNODE_RUN sleep 60 & HEADNODE_RUN=run-b sleep 61 & wait"
    root = marked("run-a", "sh", "-c", script)  # type: ignore[operator]
    until(lambda: len(Path(f"/proc/{root.pid}/task/{root.pid}/children").read_text().split()) == 2)
    until(lambda: len(members("run-a", [root.pid])) == 2)
    found = {Path(f"/proc/{identity.pid}/cmdline").read_bytes() for identity in members("run-a", [root.pid])}
    assert b"sleep\x0060\x00" in found
    assert b"sleep\x0061\x00" not in found
    assert members("run-a", [root.pid], exclude=[root.pid]) == []
    for identity in [*members("run-a", [root.pid]), *run_processes("run-b")]:
        send(identity, signal.SIGKILL)


def test_a_signal_reaches_only_the_process_that_was_meant(marked: object) -> None:
    child = marked("run-a")  # type: ignore[operator]
    identity = Identity.of(child.pid)
    assert identity is not None
    reused = replace(identity, start_ticks=identity.start_ticks - 1)
    assert send(reused, signal.SIGKILL) is False
    assert child.poll() is None
    assert send(identity, signal.SIGKILL) is True
    child.wait()
    assert send(identity, signal.SIGKILL) is False


def test_a_process_that_may_not_be_signalled_is_not_called_gone(
    marked: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set-user-id program: it stays in the scan, so that the run becomes unkillable and not stopped."""
    from runtime.launch import local

    def refuse(identity: Identity, number: int) -> bool:
        raise PermissionError

    marked("run-x")  # type: ignore[operator]
    monkeypatch.setattr(local, "send", refuse)
    engine = LocalEngine(RunDirectory(tmp_path / "run-x"), {})
    (found,) = engine.members()
    assert engine.signal(signal.SIGKILL, [found]) == [found]
    assert engine.members() == [found]


def test_whether_a_program_has_a_handler_is_known_before_it_is_signalled(marked: object) -> None:
    deaf = marked("run-a")  # type: ignore[operator]
    script = "import faulthandler,signal,time; faulthandler.register(signal.SIGUSR1); time.sleep(60)"
    hears = marked("run-a", sys.executable, "-c", script)  # type: ignore[operator]
    until(lambda: catches(hears.pid, signal.SIGUSR1))
    assert not catches(deaf.pid, signal.SIGUSR1)


def test_stacks_or_why_there_are_none(marked: object, tmp_path: Path) -> None:
    files = AttemptDirectory(tmp_path)
    deaf = marked("run-a")  # type: ignore[operator]
    frozen = marked("run-a")  # type: ignore[operator]
    script = "import faulthandler,signal,time\nfaulthandler.register(signal.SIGUSR1)\n"
    script += "def stuck(): time.sleep(60)\nstuck()"
    with files.log(2).open("wb") as log:
        hears = subprocess.Popen([sys.executable, "-c", script], stderr=log)
    until(lambda: catches(hears.pid, signal.SIGUSR1))
    frozen.send_signal(signal.SIGSTOP)
    until(lambda: (found := stat_of(frozen.pid)) is not None and found.state == "T")
    ranks = {number: Identity.of(child.pid) for number, child in enumerate((deaf, frozen, hears))}
    stacks = dump_stacks(files, ranks)  # type: ignore[arg-type]
    hears.kill()
    hears.wait()
    assert "no handler" in stacks["0"]["none"]
    assert "stopped" in stacks["1"]["none"]
    assert "stuck" in stacks["2"]["stack"]


def test_an_environment_is_read_from_memory(marked: object) -> None:
    child = marked("run-a")  # type: ignore[operator]
    environment = until(lambda: environment_of(child.pid))
    assert environment["HEADNODE_RUN"] == "run-a"
    assert environment_of(1 << 22) is None


@pytest.mark.parametrize(
    ("before", "after", "line", "killed"),
    [
        (OomCounts(5, 1), OomCounts(5, 1), None, False),
        (OomCounts(5, None), OomCounts(5, None), None, False),
        (OomCounts(5, 1), OomCounts(6, 2), None, True),
        (OomCounts(5, None), OomCounts(6, None), None, True),
        (OomCounts(5, 1), OomCounts(5, 1), "Out of memory: Killed process 7 (python)", True),
        (OomCounts(None, None), OomCounts(None, None), None, None),
    ],
)
def test_who_killed_it(
    monkeypatch: pytest.MonkeyPatch,
    before: OomCounts,
    after: OomCounts,
    line: str | None,
    killed: bool | None,
) -> None:
    monkeypatch.setattr(memory, "_kernel_line", lambda pid: line)
    finding = judge_kill(7, before, after)
    assert finding.killed is killed
    assert bool(finding.detail) is (killed is True)


def test_this_kernel_is_asked_without_failing() -> None:
    counts = memory.oom_counts(memory.control_group())
    assert counts.machine is None or counts.machine >= 0
    assert judge_kill(1 << 22, counts, counts).killed in (False, None)


def test_the_end_of_any_log_is_few_short_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert log_end(log) == []
    log.write_bytes(b"first\r\n\n" + b"\xff\xfe\n" + b"x" * 100_000)
    lines = log_end(log)
    assert len(lines) == 1
    assert len(lines[0]) == 501
    log.write_bytes(b"".join(b"%d\n" % number for number in range(100_000)))
    assert log_end(log) == [str(number) for number in range(99_980, 100_000)]


def beat(seq: int, phase: str, step: int | None) -> Heartbeat:
    return Heartbeat(seq, step, phase, None, 0)


def test_only_the_step_counts_in_training_and_any_sign_of_life_elsewhere() -> None:
    training, preparing = RankClock(0.0, "pretrain"), RankClock(0.0, "prepare")
    for now in range(1, 5):
        training.look(now, beat(now, "step", 7))
        preparing.look(now, beat(now, "step", 7))
    assert (training.quiet(5), preparing.quiet(5)) == (4, 1)


def test_a_watcher_that_stood_still_itself_accuses_nobody() -> None:
    clock = RankClock(0.0, "pretrain")
    clock.look(1.0, beat(1, "step", 1))
    clock.look(2.0, beat(1, "step", 1))
    clock.look(3602.0, beat(1, "step", 1))
    assert clock.quiet(3602.0) == pytest.approx(1.0)


def test_the_longest_step_evaluation_and_save_are_remembered() -> None:
    clock = RankClock(0.0, "pretrain")
    looks = [
        (1, "load", 0),
        (2, "step", 1),
        (4, "step", 2),
        (5, "evaluate", 2),
        (8, "evaluate", 2),
        (9, "step", 2),
    ]
    for seq, (now, phase, step) in enumerate(looks):
        clock.look(float(now), beat(seq, phase, step))
    assert clock.longest == 4.0


def test_limits_are_by_phase() -> None:
    limits = {"import": 1.0, "load": 2.0, "step": 3.0, "evaluate": None}
    clock = RankClock(0.0, "pretrain")
    assert clock.limit(limits, {}) == 1.0
    for seq, (phase, limit) in enumerate([("load", 2.0), ("step", 3.0), ("evaluate", None)]):
        clock.look(0.0, beat(seq, phase, 1))
        assert clock.limit(limits, {}) == limit
    program = RankClock(0.0, "command")
    program.look(1.0, beat(1, "step", 1))
    assert program.limit(limits, {}) is None
    program.look(3.0, beat(2, "step", 2))
    assert program.limit(limits, {}) == 10.0


def test_a_program_that_logged_all_its_steps_between_two_looks_has_a_limit_too() -> None:
    program = RankClock(0.0, "command")
    program.look(1.0, beat(5, "step", 4))
    assert program.limit({"step": 3.0}, {}) == 3.0
