"""`gpus` and `doctor`."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from .conftest import CommandLine


def test_gpus_lists_devices_runs_and_foreign_processes(cli: CommandLine) -> None:
    done = cli("gpus", HEADNODE_SIMULATE_GPUS="8")
    assert done.returncode == 0, done.stderr
    note, header, *rows = done.stdout.splitlines()
    assert "simulated" in note
    assert header.split()[:2] == ["GPU", "LOAD"]
    assert len(rows) == 8
    assert "too hot · olmo-1b-9c1e" in rows[3]
    assert "jupyter-lab of mlin, pid 398113" in rows[6]
    assert "free" in rows[7]


def test_gpus_json_has_what_the_driver_tells(cli: CommandLine) -> None:
    found = json.loads(cli("gpus", "--json", HEADNODE_SIMULATE_GPUS="mig").stdout)
    assert found["simulated"] is True
    assert [gpu["instance"] for gpu in found["gpus"]] == [None, 0, 1, 2, 3, None]
    assert found["gpus"][1]["parent"] == found["gpus"][0]["uuid"]
    assert found["leases"] == {}


def test_gpus_says_why_there_are_none_and_the_fix(cli: CommandLine) -> None:
    done = cli("gpus", HEADNODE_SIMULATE_GPUS="none")
    assert done.returncode == 0
    assert "install the NVIDIA driver" in done.stdout
    assert "没有 GPU" in cli("gpus", "--lang", "zh", HEADNODE_SIMULATE_GPUS="none").stdout


def test_gpus_watch_goes_on_until_interrupted(cli: CommandLine) -> None:
    process = subprocess.Popen(
        [*cli.command, "gpus", "--watch", "--json"],
        cwd=cli.directory,
        env={**cli.environment, "HEADNODE_SIMULATE_GPUS": "2"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert [len(line["gpus"]) for line in lines] == [2, 2]
    assert lines[1]["time"] > lines[0]["time"]
    assert process.returncode == 130


def doctor(cli: CommandLine, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """`headnode doctor` imports torch in a process of its own, which takes long on a busy machine."""
    return subprocess.run(
        [*cli.command, "doctor", *arguments],
        cwd=cli.directory,
        env={**cli.environment, **changes},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_doctor_prints_every_group_and_each_fix_and_fails_where_a_check_does(
    cli: CommandLine, tmp_path: Path
) -> None:
    broken = tmp_path / "settings.toml"
    broken.write_text("[panel]\ntheem = 'dark'\n")
    done = doctor(cli, HEADNODE_SETTINGS=str(broken))
    assert done.returncode == 1, done.stdout + done.stderr
    for word in ("Headnode", "Software", "torch", "Storage", "Limits", "theem", "→ correct the file"):
        assert word in done.stdout
    assert "1 to be mended" in done.stdout


def test_doctor_needs_no_workspace_and_its_json_has_every_check(cli: CommandLine, tmp_path: Path) -> None:
    cli.directory = tmp_path
    done = doctor(cli, "--json", HEADNODE_SIMULATE_GPUS="8")
    checks = {check["check"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout + done.stderr
    assert checks["workspace"]["status"] == "warn"
    assert checks["workspace"]["fix"] == "headnode init DIR makes one"
    assert "GPU 3" in checks["throttling"]["message"]
    assert {check["group"] for check in checks.values()} >= {"installation", "software", "terminal", "caches"}
