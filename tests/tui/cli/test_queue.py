"""`queue`, `leftovers`, and what `launch` says of waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.launch.adoption import needs_supervisor
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from tests.conftest import ISOLATION
from tests.runtime.launch.conftest import await_state, supervisor_pid, until

from .conftest import CommandLine

PROFILE = """\
name: sleeper
job: command
command: {argv: [sleep, "600"]}
launch: {gpus: 2, processes: 1, kill_grace: 1.0}
"""


@pytest.fixture
def waiting(cli: CommandLine, workspace: Path) -> Iterator[CommandLine]:
    """Two simulated GPUs, both with a first run."""
    cli.environment["HEADNODE_SIMULATE_GPUS"] = "idle-2"
    (workspace / "profiles" / "sleeper.yaml").write_text(PROFILE)
    assert cli("launch", "sleeper").returncode == 0
    until(lambda: states(workspace) == ["running"])
    yield cli
    for run in runs(workspace):
        cli("stop", run.run_id, "--kill", "--wait")


def runs(workspace: Path) -> list[RunDirectory]:
    return [RunDirectory(path) for path in sorted((workspace / "logs").iterdir()) if path.is_dir()]


def states(workspace: Path) -> list[str]:
    records = [read_record(run) for run in runs(workspace)]
    return [record.state for record in records if record is not None]


def test_a_launch_says_that_it_waits_and_for_what(waiting: CommandLine, workspace: Path) -> None:
    done = waiting("launch", "sleeper")
    assert (done.returncode, done.stderr.strip()) == (0, "queued: waits for 2 GPUs")
    again = waiting("launch", "sleeper", "launch.gpus=1")
    assert again.stderr.strip() == "queued: waits for 1 GPU, 1 ahead"
    assert done.stdout.strip() in waiting("queue").stdout
    shown = waiting("show", done.stdout.strip())
    assert "queued: waits for 2 GPUs" in shown.stdout


def test_the_queue_as_a_table_and_its_order_by_priority(waiting: CommandLine, workspace: Path) -> None:
    first, second = (waiting("launch", "sleeper").stdout.strip() for _ in range(2))
    for run_id in (first, second):
        await_state(RunDirectory(workspace / "logs" / run_id), "queued")
    lines = waiting("queue").stdout.splitlines()
    assert [line.split()[1] for line in lines[1:3]] == [first, second]
    assert lines[3] == "0 of 2 GPUs free"
    assert waiting("queue", "priority", second, "7").returncode == 0

    def order() -> list[str]:
        return [place["run_id"] for place in json.loads(waiting("queue", "--json").stdout)["queue"]]

    until(lambda: order() == [second, first])
    assert waiting("stop", second, "--wait").returncode == 0
    assert order() == [first]


def test_a_command_adopts_a_waiting_run_of_another_workspace_in_passing(
    waiting: CommandLine, workspace: Path, tmp_path: Path
) -> None:
    run = RunDirectory(workspace / "logs" / waiting("launch", "sleeper").stdout.strip())
    await_state(run, "queued")
    os.kill(supervisor_pid(run), signal.SIGKILL)
    until(lambda: needs_supervisor(run))
    for name in ("profiles", "logs"):
        (tmp_path / "elsewhere" / name).mkdir(parents=True)
    done = waiting("ls", "--workspace", str(tmp_path / "elsewhere"))
    assert (done.returncode, done.stderr) == (0, "")
    assert not needs_supervisor(run)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("queue", "priority"), "headnode queue priority RUN N"),
        (("queue", "priority", "last", "high"), "a priority is a whole number, not high"),
        (("queue", "priority", "last", "3"), "isn't waiting in the queue: it is running"),
    ],
)
def test_mistakes_are_told(waiting: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    done = waiting(*arguments)
    assert done.returncode == 2
    assert says in done.stderr


def test_who_is_on_a_gpu_without_a_lease_is_named_and_the_gpu_is_not_called_free(
    cli: CommandLine, tmp_path: Path
) -> None:
    process = {"pid": 4711, "memory_used": 20 << 30, "name": "python", "user": "mlin"}
    devices = [
        {
            "index": index,
            "uuid": f"GPU-{index}",
            "memory_used": 0,
            "memory_total": 80 << 30,
            "processes": found,
        }
        for index, found in enumerate(([process], []))
    ]
    (tmp_path / "gpus.jsonl").write_text(json.dumps({"gpus": devices}) + "\n")
    done = cli("queue", HEADNODE_SIMULATE_GPUS=str(tmp_path / "gpus.jsonl"))
    assert done.stdout.splitlines()[1:] == [
        "1 of 2 GPUs free",
        "  python (pid 4711 of mlin, 20.0 GiB)  GPU 0",
    ]


def test_a_lease_of_which_nobody_can_tell_whether_it_holds_is_shown_with_the_way_out(
    cli: CommandLine,
) -> None:
    file = Path(cli.environment["HEADNODE_LEASES"]) / "GPU-51111a7e-d000-4000-8000-000000000001.3"
    file.parent.mkdir(parents=True)
    file.touch()
    shown = cli("queue", HEADNODE_SIMULATE_GPUS="idle-2").stdout.splitlines()
    assert shown[1:3] == ["1 of 2 GPUs free", "  a damaged lease  GPU 1"]
    assert str(file) in "".join(shown[3:])
    file.unlink()
    assert "2 of 2 GPUs free" in cli("queue", HEADNODE_SIMULATE_GPUS="idle-2").stdout


def test_nobody_waits(cli: CommandLine) -> None:
    done = cli("queue")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "No run waits for a device.")


def test_leftovers_are_listed_and_not_ended_unasked(cli: CommandLine, new_run: Callable[..., Path]) -> None:
    path = new_run("demo-0001", state="failed")
    marks = {"HEADNODE_RUN": path.name, "HEADNODE_RUN_DIR": str(path)}
    kept = {name: os.environ[name] for name in ISOLATION}
    process = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], **kept, **marks})
    try:
        until(lambda: str(process.pid) in cli("leftovers").stdout)
        (listed,) = [
            one for one in json.loads(cli("leftovers", "--json").stdout) if one["run_id"] == path.name
        ]
        assert (listed["state"], listed["identity"]["pid"]) == ("failed", process.pid)
        refused = cli("leftovers", "--clean")
        assert refused.returncode == 2
        assert "--yes" in refused.stderr
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
