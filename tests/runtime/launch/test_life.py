"""How runs end by themselves: states, reasons and evidence from real processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from runtime.launch.preflight import PreflightFailed
from runtime.launch.processes import run_processes
from runtime.run.arrivals import arrival, read_arrivals
from runtime.run.epochs import holder
from runtime.run.events import read_events
from runtime.run.files import read_json
from tests.runtime.launch.conftest import Launch, await_end, await_state, events, until


def test_a_program_that_ends_well_has_completed(launch: Launch) -> None:
    run = launch("sh", "-c", "echo out; sleep 0.6; echo err >&2")
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["code"]) == ("completed", "finished", 0)
    assert record.ended is not None
    assert run.attempt(1).log(0).read_text() == "out\nerr\n"
    assert events(run) == [
        "created",
        "started",
        "agent_started",
        "rank_started",
        "running",
        "rank_exited",
        "completed",
    ]
    held = until(lambda: (found := holder(run)) is not None and found.released and found)
    assert held.epoch == 1
    assert run_processes(run.run_id) == []


def test_a_program_that_fails_is_a_crash_with_its_code_and_last_lines(launch: Launch) -> None:
    record = await_end(launch("sh", "-c", "seq 50; echo 'bad \\377 byte'; exit 3"))
    assert (record.state, record.reason, record.evidence["code"]) == ("failed", "crash", 3)
    assert record.evidence["log_end"][-2:] == ["50", "bad � byte"]
    assert len(record.evidence["log_end"]) == 20


def test_a_program_killed_from_outside_is_not_called_out_of_memory(launch: Launch) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    os.kill(run_processes_named(run.run_id, "sleep")[0], signal.SIGKILL)
    record = await_end(run)
    assert (record.state, record.reason) == ("failed", "crash")
    assert (record.evidence["signal_name"], record.evidence["oom_check"]) == ("SIGKILL", "no kernel OOM kill")


def run_processes_named(run_id: str, name: str) -> list[int]:
    found = [identity.pid for identity in run_processes(run_id)]
    return [pid for pid in found if name == Path(f"/proc/{pid}/comm").read_text().strip()]


def test_a_program_terminated_from_outside_was_preempted(launch: Launch) -> None:
    run = launch("sleep", "60", max_restarts=3)
    await_state(run, "running")
    os.kill(run_processes_named(run.run_id, "sleep")[0], signal.SIGTERM)
    record = await_end(run)
    assert (record.state, record.reason, record.restarts) == ("stopped", "preempted", 0)


def test_a_program_that_cannot_be_executed_is_refused_before_anything_is_created(
    launch: Launch, workspace: object
) -> None:
    with pytest.raises(PreflightFailed, match="no-such-program") as failure:
        launch("no-such-program")
    assert failure.value.exit_code == 2
    assert list(workspace.logs.glob("*program*")) == []  # type: ignore[attr-defined]


def test_a_program_that_vanished_since_is_a_bad_profile_that_says_so(launch: Launch, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nowhere/interpreter\n")
    script.chmod(0o755)
    record = await_end(launch(str(script), max_restarts=2))
    assert (record.state, record.reason, record.restarts) == ("failed", "bad_profile", 0)
    assert "No such file" in record.evidence["error"]


def test_a_crash_is_restarted_so_often_and_then_failed(launch: Launch) -> None:
    run = launch("sh", "-c", "echo $HEADNODE_ATTEMPT; exit 5", max_restarts=2)
    record = await_end(run)
    assert (record.state, record.attempt, record.restarts) == ("failed", 3, 2)
    assert [run.attempt(n).log(0).read_text() for n in (1, 2, 3)] == ["1\n", "2\n", "3\n"]
    restarts = [event for event in read_events(run) if event.event == "restart"]
    assert [event.reason for event in restarts] == ["crash", "crash"]
    assert restarts[0].detail["evidence"]["code"] == 5


def test_a_restart_that_helps_ends_well(launch: Launch) -> None:
    record = await_end(launch("sh", "-c", "test $HEADNODE_ATTEMPT = 2", max_restarts=5))
    assert (record.state, record.attempt, record.reason) == ("completed", 2, "finished")


def test_all_ranks_have_their_place_and_the_one_at_fault_is_named(launch: Launch) -> None:
    place = "echo $RANK $WORLD_SIZE $LOCAL_RANK $MASTER_ADDR ${MASTER_PORT:+port}"
    script = f"{place}; test $RANK = 0 && sleep 60; exit 7"
    run = launch("sh", "-c", script, processes=3)
    record = await_end(run)
    assert (record.state, record.evidence["code"], record.world_size) == ("failed", 7, 3)
    assert record.evidence["rank"] in (1, 2)
    assert [run.attempt(1).log(rank).read_text() for rank in range(3)] == [
        f"{rank} 3 {rank} 127.0.0.1 port\n" for rank in range(3)
    ]


def test_a_mebibyte_of_output_blocks_nobody_and_is_all_there(launch: Launch) -> None:
    run = launch(sys.executable, "-c", "print('x' * (1 << 20))")
    assert await_end(run).state == "completed"
    assert run.attempt(1).log(0).stat().st_size == (1 << 20) + 1


def test_processes_left_behind_by_a_finished_program_are_ended(launch: Launch) -> None:
    run = launch("sh", "-c", "setsid sleep 60 & exit 0")
    record = await_end(run)
    assert (record.state, record.reason) == ("completed", "finished")
    assert "sigterm" in events(run)
    assert run_processes(run.run_id) == []


def test_secrets_pass_by_environment_and_reach_no_file_and_no_argv(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "s3cr3t-value-of-a-key"
    monkeypatch.setenv("MY_API_KEY", secret)
    run = launch("sh", "-c", "echo ${#MY_API_KEY}; sleep 60", secrets=["MY_API_KEY"], env={"PLAIN": "p"})
    await_state(run, "running")
    until(lambda: run.attempt(1).log(0).read_text() == f"{len(secret)}\n")
    argvs = [Path(f"/proc/{identity.pid}/cmdline").read_bytes() for identity in run_processes(run.run_id)]
    assert argvs
    assert not any(secret.encode() in argv for argv in argvs)
    found = [path for path in run.path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert found == []
    command = read_json(run.attempt(1).command)
    assert command is not None
    assert {"MY_API_KEY", "PLAIN", "HEADNODE_RUN", "RANK"} <= set(command["env_names"])


def test_the_environment_of_a_launch_from_within_a_run_does_not_leak_into_another(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADNODE_RUN", "outer")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("MASTER_PORT", "1")
    run = launch("sh", "-c", "echo $HEADNODE_RUN [$TORCHELASTIC_RUN_ID$MASTER_PORT$HEADNODE_SUPERVISOR]")
    assert await_end(run).state == "completed"
    assert run.attempt(1).log(0).read_text() == f"{run.run_id} []\n"


def test_what_an_attempt_ran_on_is_recorded(launch: Launch) -> None:
    run = launch("true")
    await_end(run)
    environment = read_json(run.attempt(1).environment)
    assert environment is not None
    assert environment["versions"]["python"] == sys.version.split()[0]
    assert environment["cores"] >= 1
    assert run.attempt(1).profile.read_text() == run.profile.read_text()


def test_the_agent_notes_when_the_lines_of_every_rank_came(launch: Launch) -> None:
    noted_one = '[ -s "$HEADNODE_RUN_DIR/attempts/1/rank-$RANK.times" ]'
    script = f"echo one; until {noted_one}; do sleep 0.1; done; echo two"
    run = launch("sh", "-c", script, processes=2)
    await_end(run)
    files = run.attempt(1)
    for rank in (0, 1):
        noted = read_arrivals(files.times(rank))
        assert noted[-1][1] == files.log(rank).stat().st_size
        assert [time for time, _size in noted] == sorted(time for time, _size in noted)
        first, last = arrival(files.times(rank), 0), arrival(files.times(rank), len("one\n"))
        assert first is not None
        assert last is not None
        assert last > first
