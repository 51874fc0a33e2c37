"""What a run survives: its terminal, launcher, supervisor, agent; and what is recorded where it doesn't."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from runtime.launch import operations
from runtime.launch.adoption import adopt
from runtime.launch.processes import run_processes
from runtime.run.epochs import holder
from runtime.run.events import read_events
from runtime.run.files import read_json, write_json_atomic
from runtime.run.identity import Identity, host_name
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
    state,
    supervisor_pid,
    until,
)

LAUNCHER = """
import sys, time
from pathlib import Path
from runtime.launch import operations
from runtime.profile import loads
from runtime.run.workspace import Workspace
text = 'name: survivor\\njob: command\\ncommand: {argv: [sh, -c, "sleep 2.5; echo done"]}\\n'
print(operations.launch(Workspace(Path(sys.argv[1])), loads(text)).run_id, flush=True)
time.sleep(60)
"""


def test_a_run_survives_the_destruction_of_the_terminal_that_it_was_launched_from(
    workspace: Workspace,
) -> None:
    pid, master = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests themselves run under nohup
        os.execv(sys.executable, [sys.executable, "-c", LAUNCHER, str(workspace.root)])
    run = until(lambda: next(iter(workspace.runs()), None))
    await_state(run, "running")
    os.close(master)  # the kernel hangs up: SIGHUP to the session of the pty
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, "the launcher to die of it")
    record = await_end(run)
    assert record.state == "completed"
    assert run.attempt(1).log(0).read_text() == "done\n"


def test_nothing_of_a_run_has_a_terminal_or_shares_a_session_with_its_launcher(launch: Launch) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    for pid in [supervisor_pid(run), *(identity.pid for identity in run_processes(run.run_id))]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        assert int(fields[4]) == 0  # tty_nr
        assert int(fields[3]) != os.getsid(0)
        assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
    supervisor = Path(f"/proc/{supervisor_pid(run)}")
    assert (supervisor / "cwd").readlink() == Path("/")
    assert (supervisor / "fd/2").readlink() == run.supervisor_log
    for pid in [supervisor_pid(run), *(identity.pid for identity in run_processes(run.run_id))]:
        kill(pid, signal.SIGHUP)
    time.sleep(0.5)
    assert read_record(run).state == "running"  # type: ignore[union-attr]
    operations.stop(run, kill=True)
    await_end(run)


def test_a_run_survives_kill_9_of_its_launcher(workspace: Workspace) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(workspace.root)], stdout=subprocess.PIPE)
    assert launcher.stdout is not None
    run = workspace.resolve(launcher.stdout.readline().decode().strip())
    launcher.kill()
    launcher.communicate()
    assert await_end(run).state == "completed"


def test_a_run_whose_supervisor_was_killed_goes_on_and_is_adopted(
    launch: Launch, workspace: Workspace
) -> None:
    run = launch("sh", "-c", "sleep 2; echo done; exit 4")
    await_state(run, "running")
    first = supervisor_pid(run)
    kill(first)
    until(lambda: gone(first))
    assert adopt(workspace) == [run.run_id]
    assert adopt(workspace) == []
    held = holder(run)
    assert held is not None
    assert held.epoch == 2
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["code"], record.attempt) == ("failed", "crash", 4, 1)
    assert run.attempt(1).log(0).read_text() == "done\n"
    names = events(run)
    assert names.count("started") == names.count("rank_started") == names.count("rank_exited") == 1
    assert "adopted" in names


def test_the_end_that_came_while_no_supervisor_was_there_is_recorded_truthfully(
    launch: Launch, workspace: Workspace
) -> None:
    runs = [launch("sh", "-c", f"sleep 1; exit {code}") for code in (0, 9)]
    for run in runs:
        await_state(run, "running")
        kill(supervisor_pid(run))
    until(lambda: not any(run_processes(run.run_id) for run in runs))
    assert sorted(adopt(workspace)) == sorted(run.run_id for run in runs)
    first, second = (await_end(run) for run in runs)
    assert (first.state, first.reason) == ("completed", "finished")
    assert (second.state, second.reason, second.evidence["code"]) == ("failed", "crash", 9)


def test_a_stop_goes_on_where_the_supervisor_was_killed_in_the_middle_of_it(
    launch: Launch, workspace: Workspace
) -> None:
    run = launch("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done", stop_grace=3.0)
    log = run.attempt(1).log(0)
    until(lambda: log.exists() and log.read_text())
    operations.stop(run, by="somebody")
    until(lambda: "sigterm" in events(run))
    kill(supervisor_pid(run))
    until(lambda: adopt(workspace))
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["by"]) == ("stopped", "user", "somebody")
    assert run_processes(run.run_id) == []


def test_of_many_adopters_one_wins(launch: Launch, workspace: Workspace) -> None:
    run = launch("sleep", "2")
    await_state(run, "running")
    first = supervisor_pid(run)
    kill(first)
    until(lambda: gone(first))
    script = (
        "import sys; from pathlib import Path; from runtime.launch.adoption import adopt;"
        "from runtime.run.workspace import Workspace; sys.stdin.read();"
        "print(adopt(Workspace(Path(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", script, str(workspace.root)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    time.sleep(0.5)
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.close()
    results = [racer.stdout.read().strip() for racer in racers if racer.stdout is not None]
    for racer in racers:
        racer.wait()
        racer.stdout.close()  # type: ignore[union-attr]
    assert sorted(results) == sorted([f"['{run.run_id}']", "[]", "[]", "[]"])
    assert await_end(run).state == "completed"
    assert events(run).count("adopted") == 1
    assert holder(run).epoch == 2  # type: ignore[union-attr]


def test_a_supervisor_that_sees_a_higher_epoch_lets_go_without_touching_anything(launch: Launch) -> None:
    run = launch("sleep", "3")
    await_state(run, "running")
    pid = supervisor_pid(run)
    write_json_atomic(run.supervisor(7), {"epoch": 7, "identity": agent_of(run).to_json(), "released": False})
    before = run.record.read_bytes(), events(run)
    until(lambda: gone(pid))
    assert len(run_processes(run.run_id)) == 2  # agent and program
    assert (run.record.read_bytes(), events(run)) == before


def test_kill_9_of_the_agent_lets_the_ranks_save_and_the_run_restarts(launch_worker: Launch) -> None:
    run = launch_worker(steps=150, env={"CHECKPOINT_EVERY": "100000"}, max_restarts=1)
    until(lambda: (read_record(run).summary.step or 0) > 3)  # type: ignore[union-attr]
    kill(agent_of(run).pid)
    record = await_end(run)
    assert (record.state, record.attempt, record.restarts) == ("completed", 2, 1)
    restart = next(event for event in read_events(run) if event.event == "restart")
    assert restart.detail["evidence"]["signal_name"] == "SIGKILL"
    assert restart.detail["evidence"]["process"] == "agent"
    assert restart.detail["resume"]["step"] > 3
    assert f"from step {restart.detail['resume']['step']}" in run.attempt(2).log(0).read_text()


def test_kill_9_of_the_agent_of_a_program_leaves_nothing_of_it(launch: Launch) -> None:
    script = (
        "(env -i setsid sh -c \"trap '' TERM; echo ready; while :; do sleep 0.1; done\" &); exec sleep 60"
    )
    run = launch("sh", "-c", script, stop_grace=0.5)
    log = run.attempt(1).log(0)
    until(lambda: log.exists() and log.read_text())
    kill(agent_of(run).pid)
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["process"]) == ("failed", "crash", "agent")
    from tests.runtime.launch.test_stopping import descendants_with

    assert descendants_with(log) == []


def test_kill_9_of_supervisor_and_agent_the_next_command_clears_up(
    launch: Launch, workspace: Workspace
) -> None:
    daemon = "(env -i setsid sh -c \"trap '' TERM; echo ready; while :; do sleep 0.1; done\" &)"
    run = launch("sh", "-c", f"{daemon}; exec sleep 60", stop_grace=0.5)
    log = run.attempt(1).log(0)
    until(lambda: log.exists() and log.read_text())
    agent = agent_of(run)
    until(lambda: read_json(run.attempt(1).agent(host_name()))["orphans"])  # type: ignore[index]
    kill(supervisor_pid(run))
    kill(agent.pid)
    until(lambda: adopt(workspace))
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["process"]) == ("failed", "crash", "agent")
    from tests.runtime.launch.test_stopping import descendants_with

    assert descendants_with(log) == []
    assert run_processes(run.run_id) == []


def test_kill_9_of_everything_is_lost_with_evidence(launch_worker: Launch, workspace: Workspace) -> None:
    run = launch_worker(max_restarts=3)
    await_state(run, "running")
    kill(supervisor_pid(run))
    for identity in sorted(run_processes(run.run_id), key=lambda identity: identity.pid != agent_of(run).pid):
        kill(identity.pid)
    until(lambda: adopt(workspace))
    record = await_end(run)
    assert (record.state, record.reason) == ("lost", "supervisor_lost")
    assert record.evidence["untold_ranks"] == [0]
    assert record.summary.step is not None


def test_after_a_reboot_the_run_is_lost_and_the_boots_are_told(launch: Launch, workspace: Workspace) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    kill(supervisor_pid(run))
    kill(agent_of(run).pid)
    for identity in run_processes(run.run_id):
        kill(identity.pid)
    until(lambda: not run_processes(run.run_id))
    rewrite_boot(run)
    until(lambda: adopt(workspace))
    record = await_end(run)
    assert (record.state, record.reason, record.evidence["rebooted"]) == ("lost", "supervisor_lost", True)
    assert record.evidence["boot_id"] == "of-another-time"


def rewrite_boot(run: RunDirectory) -> None:
    """Makes all identities in the run those of an earlier boot, as a reboot does."""
    boot = Identity.current().boot_id
    for path in [*run.path.glob("supervisor-*.json"), run.events, *run.attempt(1).path.glob("agent-*")]:
        path.write_text(path.read_text().replace(boot, "of-another-time"))


def test_another_hosts_run_is_left_alone(launch: Launch, workspace: Workspace) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    pid = supervisor_pid(run)
    held = holder(run)
    assert held is not None
    assert held.identity is not None
    kill(pid)
    until(lambda: gone(pid))
    elsewhere = replace(held.identity, host="elsewhere", boot_id="another")
    write_json_atomic(run.supervisor(1), {"epoch": 1, "identity": elsewhere.to_json(), "released": False})
    assert adopt(workspace) == []
    assert read_record(run).state == "running"  # type: ignore[union-attr]


def test_a_reused_pid_is_not_taken_for_the_agent_nor_signalled(launch: Launch, workspace: Workspace) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    kill(supervisor_pid(run))
    for identity in run_processes(run.run_id):
        kill(identity.pid)
    until(lambda: not run_processes(run.run_id))
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        for path in run.attempt(1).path.glob("agent-*"):
            text = path.read_text()
            for number in {agent_of(run).pid}:
                text = text.replace(f'"pid": {number}', f'"pid": {stranger.pid}')
            path.write_text(text)
        assert agent_of(run).pid == stranger.pid
        until(lambda: adopt(workspace))
        assert await_end(run).state == "lost"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_run_that_was_launched_by_a_program_of_a_run_is_a_run_of_its_own(
    launch: Launch, workspace: Workspace, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(LAUNCHER.replace("time.sleep(60)", ""))
    outer = launch(sys.executable, str(script), str(workspace.root))
    assert await_end(outer).state == "completed"
    inner = next(run for run in workspace.runs() if run != outer)
    assert state(inner) in ("starting", "running")
    assert run_processes(outer.run_id) == []
    assert await_end(inner).state == "completed"
