"""The verbs that act, on real runs: small programs under real supervisors."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.launch.processes import run_processes

from .conftest import CommandLine
from .terminal import Terminal, plain

LAUNCH = "launch: {stop_grace: 1, kill_grace: 1}\n"
PROFILES = {
    "quick": "command: {argv: [sh, -c, 'echo hello; echo \"$NAME\"']}\n",
    "broken": "command: {argv: [sh, -c, 'echo bad >&2; exit 7']}\n",
    "sleeper": "command: {argv: [sh, -c, 'echo began; exec sleep 300']}\n",
    "steps": "command: {argv: [python3, -u, steps.py], steps: 40}\n",
}
STEPS = """
import time
from runtime.run import log
for step in range(1, 41):
    log(step, {"train/loss": 4.0 / step, "throughput/tokens_per_second": 1000.0})
    print("step", step)
    time.sleep(0.05)
"""


@pytest.fixture
def live(cli: CommandLine, workspace: Path) -> Iterator[CommandLine]:
    """The command line in a workspace with profiles; whatever was launched is ended afterwards."""
    for name, text in PROFILES.items():
        (workspace / "profiles" / f"{name}.yaml").write_text(f"job: command\n{text}{LAUNCH}")
    (workspace / "steps.py").write_text(STEPS)
    yield cli
    for run_id in cli("ls", "--active", "-q").stdout.split():
        cli("stop", run_id, "--kill", "--wait")


def on_terminal(cli: CommandLine, *arguments: str, columns: int = 80) -> Terminal:
    return Terminal([*cli.command, *arguments], cwd=cli.directory, env=cli.environment, columns=columns)


def record(cli: CommandLine, run: str = "last") -> dict[str, Any]:
    value: dict[str, Any] = json.loads(cli("show", run, "--json").stdout)
    return value


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.1)


def test_launch_prints_the_id_and_leaves_the_run_to_itself(live: CommandLine, workspace: Path) -> None:
    done = live("launch", "sleeper")
    assert done.returncode == 0, done.stderr
    run_id = done.stdout.strip()
    assert re.fullmatch(r"\d{8}-\d{6}-sleeper-[0-9a-f]{4}", run_id)
    assert (workspace / "logs" / run_id / "run.json").exists()
    until(lambda: record(live)["state"] == "running")
    assert live("ls", "--active", "-q").stdout.split() == [run_id]
    assert live("rm", run_id, "--yes").returncode == 2
    stopped = live("stop", "last", "--no-save", "--wait")
    assert stopped.returncode == 0, stopped.stderr
    assert record(live)["state"] == "stopped"
    again = live("stop", "last")
    assert again.returncode == 0
    assert "over already" in again.stdout


@pytest.mark.parametrize(("profile", "code", "state"), [("quick", 0, "completed"), ("broken", 1, "failed")])
def test_waiting_gives_the_exit_code_of_the_end(
    live: CommandLine, profile: str, code: int, state: str
) -> None:
    done = live("launch", profile, "launch.env.NAME=you", "--wait")
    assert done.returncode == code, done.stderr
    assert record(live)["state"] == state
    assert len(done.stdout.split()) == 1  # the id alone; progress goes to standard error
    assert state in done.stderr
    assert "\x1b" not in done.stderr
    if profile == "quick":
        assert live("logs", "last").stdout == "hello\nyou\n"
    else:
        assert "exit code 7" in done.stderr
        assert "headnode logs" in done.stderr


def test_waiting_for_a_run_that_somebody_stops_gives_3(live: CommandLine) -> None:
    with Terminal(
        [*live.command, "launch", "sleeper", "--wait"], cwd=live.directory, env=live.environment
    ) as terminal:
        terminal.until(lambda text: "running" in text or "●" in text)
        assert live("stop", "last", "--kill").returncode == 0
        assert terminal.wait() == 3
        assert "stopped" in plain(terminal.output)


def test_ctrl_c_lets_the_run_go_on_and_says_so(live: CommandLine) -> None:
    with Terminal(
        [*live.command, "launch", "sleeper", "--wait"], cwd=live.directory, env=live.environment
    ) as terminal:
        terminal.until("running")
        terminal.keys("\x03")
        assert terminal.wait() == 130
        text = plain(terminal.output)
    assert "The run goes on: headnode show" in text
    assert "Traceback" not in text
    assert record(live)["state"] == "running"


def test_ctrl_c_leaves_a_followed_log(live: CommandLine) -> None:
    live("launch", "sleeper")
    with Terminal(
        [*live.command, "logs", "last", "-f"], cwd=live.directory, env=live.environment
    ) as terminal:
        terminal.until("began")
        terminal.keys("\x03")
        assert terminal.wait() == 0
        assert "The run goes on" in plain(terminal.output)


def test_progress_on_a_terminal_is_one_line_that_clears_itself(live: CommandLine) -> None:
    with on_terminal(live, "launch", "steps", "--wait", columns=40) as terminal:
        assert terminal.wait(60.0) == 0
        drawn = [part.split("\x1b[K")[0] for part in terminal.output.split("\r") if "\x1b[K" in part]
    assert any("step" in line for line in drawn)
    assert all(len(plain(line)) <= 39 for line in drawn)
    last_line = plain(terminal.output.rsplit("\x1b[K", 1)[1]).split()
    assert last_line[0] == "✓"


def test_followed_logs_and_metrics_of_a_run_under_way(live: CommandLine) -> None:
    live("launch", "steps")
    followed = live("logs", "last", "-f", "-n", "1000")
    assert followed.stdout.splitlines() == [f"step {step}" for step in range(1, 41)]
    assert record(live)["metrics"]["train/loss"] == pytest.approx(0.1)
    rows = [json.loads(line) for line in live("metrics", "last", "--json").stdout.splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 41))
    story = live("events", "last").stdout
    assert "created" in story
    assert "completed" in story


def test_json_of_the_verbs_that_act(live: CommandLine) -> None:
    launched = json.loads(live("launch", "quick", "--json").stdout)
    assert Path(launched["path"]).name == launched["run_id"]
    waited = json.loads(live("launch", "broken", "--wait", "--json").stdout)
    assert (waited["state"], waited["reason"]) == ("failed", "crash")
    plan = json.loads(live("resume", waited["run_id"], "--dry-run", "--json").stdout)
    assert plan["run_id"] == waited["run_id"]
    assert plan["step"] == 0


def test_resume_runs_the_program_again_as_the_next_attempt(live: CommandLine) -> None:
    live("launch", "broken", "--wait")
    done = live("resume", "last", "--wait")
    assert done.returncode == 1, done.stderr
    assert record(live)["attempt"] == 2
    assert live("logs", "last", "--attempt", "1").stdout == "bad\n"


def test_a_demo_under_way_is_followed_and_says_what_it_leaves_out(live: CommandLine) -> None:
    live("launch", "sleeper", "name=demo")
    demo = subprocess.Popen(
        [*live.command, "demo", "train.steps=7"],
        cwd=live.directory,
        env=live.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    assert "is under way already" in demo.stdout.readline()
    assert "without train.steps=7" in demo.stdout.readline()
    live("stop", "last", "--kill", "--wait")
    assert demo.wait() == 3
    demo.stdout.close()


def test_save_is_refused_where_there_is_nothing_to_save(live: CommandLine) -> None:
    live("launch", "sleeper")
    done = live("save", "last")
    assert done.returncode == 2
    assert "command" in done.stderr
    live("stop", "last", "--kill", "--wait")
    assert live("save", "last").returncode == 2


def test_a_terminal_that_goes_away_takes_nothing_with_it(live: CommandLine) -> None:
    with Terminal(
        [*live.command, "launch", "sleeper", "--wait"], cwd=live.directory, env=live.environment
    ) as terminal:
        terminal.until("running")
        terminal.process.send_signal(signal.SIGKILL)
    assert record(live)["state"] == "running"


def test_the_first_command_after_everything_was_killed_tells_the_truth(
    live: CommandLine, workspace: Path
) -> None:
    run_id = live("launch", "sleeper").stdout.strip()
    until(lambda: record(live)["state"] == "running")
    held = sorted((workspace / "logs" / run_id).glob("supervisor-*.json"))[-1]
    os.kill(json.loads(held.read_text())["identity"]["pid"], signal.SIGKILL)
    for process in run_processes(run_id):
        os.kill(process.pid, signal.SIGKILL)
    (found,) = json.loads(live("ls", "--json").stdout)
    assert found["state"] in {"failed", "lost"}
