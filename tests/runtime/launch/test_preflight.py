"""What is checked before a launch, and that nothing is created where a check fails."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runtime.launch import checks_disk, checks_machine, operations
from runtime.launch.command import environment_names_of, worker_command
from runtime.launch.preflight import PreflightFailed, preflight
from runtime.launch.session import SessionRules, kills_user_processes, scope_prefix, session_rules
from runtime.profile import Profile, loads
from runtime.run.workspace import Workspace
from tests.runtime.launch.conftest import Launch, await_end

SHAPE = {"architecture": "gpt2", "layers": 2, "width": 64, "heads": 2, "mlp_width": 128, "context_length": 32}


def training(**changes: Any) -> Profile:
    profile: dict[str, Any] = {
        "name": "t",
        "job": "pretrain",
        "model": {**SHAPE, "vocabulary_size": 512},
        "data": {
            "sources": [{"path": "text.txt"}],
            "tokenizer": {"train": {"vocabulary_size": 300}},
            "sequence_length": 32,
        },
        "train": {"steps": 10, "batch": 4},
    }
    for section, values in changes.items():
        profile[section] = {**profile.get(section, {}), **values}
    return loads(json.dumps(profile))


@pytest.fixture
def text(workspace: Workspace) -> Path:
    path = workspace.root / "text.txt"
    path.write_text("text")
    return path


def failures(profile: Profile, workspace: Workspace) -> dict[str, str]:
    return {
        check.name: str(check.message) for check in preflight(profile, workspace) if check.status == "fail"
    }


def statuses(profile: Profile, workspace: Workspace) -> dict[str, str]:
    return {check.name: check.status for check in preflight(profile, workspace)}


def test_a_profile_that_can_run_passes_and_every_trouble_has_a_remedy(
    workspace: Workspace, text: Path
) -> None:
    checks = preflight(training(), workspace)
    assert [check.name for check in checks if check.status == "fail"] == []
    assert {"profile", "files", "logs", "disk", "devices", "memory", "threads", "session"} <= {
        c.name for c in checks
    }
    assert all(check.fix is not None for check in checks if check.status != "ok")


def test_missing_data_is_told_and_nothing_is_created(workspace: Workspace) -> None:
    assert "text.txt" in failures(training(), workspace)["data.sources.0.path"]
    with pytest.raises(PreflightFailed, match=r"text\.txt") as failed:
        operations.launch(workspace, training())
    assert failed.value.exit_code == 2
    assert [path for path in workspace.logs.iterdir() if path.is_dir()] == []


def test_a_missing_secret_is_told_by_name(workspace: Workspace, text: Path) -> None:
    assert "SOME_API_KEY" in failures(training(launch={"secrets": ["SOME_API_KEY"]}), workspace)["secrets"]


@pytest.mark.parametrize(
    ("gpus", "launch", "message"),
    [
        (0, {"device": "cuda"}, "there is none"),
        (2, {"gpus": [0, 5]}, "GPU 5"),
        (2, {"device": "cuda", "processes": 4}, "4 GPUs wanted, but 2 can be used here"),
        (8, {"device": "cuda", "processes": 4}, None),
        (0, {"device": "auto", "processes": 2}, None),
        (8, {"device": "cpu", "processes": 4}, None),
    ],
)
def test_gpus(
    workspace: Workspace,
    text: Path,
    monkeypatch: pytest.MonkeyPatch,
    gpus: int,
    launch: dict[str, Any],
    message: str | None,
) -> None:
    if gpus:
        monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", f"idle-{gpus}")
    found = failures(training(launch=launch), workspace).get("devices")
    assert (found is None) if message is None else (found is not None and message in found)


def test_a_small_memory_is_warned_of(
    workspace: Workspace, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_machine, "_available_memory", lambda: 100 << 20)
    large = training(model={"layers": 40, "width": 1024, "heads": 16, "mlp_width": 4096})
    assert statuses(large, workspace)["memory"] == "warn"


def test_free_space_is_held_against_the_checkpoints_to_come_in_numbers(
    workspace: Workspace, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """504 million parameters, 12 bytes each: 5.6 GiB a checkpoint; 51 MiB stay free."""
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr(checks_disk.shutil, "disk_usage", lambda path: usage)
    large = training(
        model={"layers": 40, "width": 1024, "heads": 16, "mlp_width": 4096},
        train={"steps": 100},
        checkpoint={"every_steps": 10, "keep_last": 2, "keep_every": 50},
    )

    def found(free: float) -> tuple[str, str]:
        usage.free = int(free * 2**30)  # type: ignore[attr-defined]
        (check,) = (check for check in preflight(large, workspace) if check.name == "disk")
        return check.status, str(check.message)

    assert found(40.0) == ("ok", "40.0 GiB free; checkpoints of 5.6 GiB, 3 at once: 17.0 GiB with logs")
    assert found(20.0) == (
        "warn",
        "20.0 GiB free, but with keep_every there will be 5 checkpoints of 5.6 GiB: 28.3 GiB",
    )
    assert found(10.0) == (
        "warn",
        "10.0 GiB free, but checkpoints of 5.6 GiB and logs need 17.0 GiB (3 at once): saving will pause",
    )
    assert found(5.0) == (
        "fail",
        "5.0 GiB free: not enough for one checkpoint of 5.6 GiB, logs and what stays free (5.7 GiB)",
    )


def test_many_times_the_memory_of_the_machine_is_refused(workspace: Workspace, text: Path) -> None:
    assert statuses(training(train={"batch": 100_000_000}), workspace)["memory"] == "fail"


def test_more_threads_than_cores_are_warned_of(workspace: Workspace, text: Path) -> None:
    assert statuses(training(train={"threads": 4096}), workspace)["threads"] == "warn"


def test_the_exact_command_line_and_names_of_variables(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setenv("SOME_TOKEN", "hidden")
    profile = training(launch={"secrets": ["SOME_TOKEN"], "env": {"NCCL_DEBUG": "INFO"}})
    assert worker_command(profile) == [sys.executable, "-m", "runtime.jobs"]
    names = environment_names_of(profile, workspace)
    assert {"SOME_TOKEN", "NCCL_DEBUG", "RANK", "HEADNODE_RENDEZVOUS", "OMP_NUM_THREADS"} <= set(names)
    assert "hidden" not in " ".join(names)


def test_processes_of_a_run_that_is_over_are_told(launch: Launch, workspace: Workspace, text: Path) -> None:
    run = launch("true")
    await_end(run)
    left = subprocess.Popen(
        ["sleep", "60"], env={**os.environ, "HEADNODE_RUN": run.run_id, "HEADNODE_RUN_DIR": str(run.path)}
    )
    try:
        check = next(check for check in preflight(training(), workspace) if check.name == "leftovers")
        assert (check.status, str(left.pid) in str(check.message)) == ("warn", True)
    finally:
        left.kill()
        left.wait()
    assert "leftovers" not in statuses(training(), workspace)


@pytest.mark.parametrize(
    ("texts", "user", "kills"),
    [
        ([], "ada", False),
        (["[Login]\n#KillUserProcesses=yes\n"], "ada", False),
        (["[Login]\nKillUserProcesses=yes\n"], "ada", True),
        (["[Login]\nKillUserProcesses = on"], "ada", True),
        (["KillUserProcesses=yes", "KillUserProcesses=no"], "ada", False),
        (["KillUserProcesses=yes\nKillExcludeUsers=root ada"], "ada", False),
        (["KillUserProcesses=yes"], "root", False),
        (["KillUserProcesses=yes\nKillOnlyUsers=bob"], "ada", False),
        (["KillUserProcesses=yes\nKillOnlyUsers=bob ada"], "ada", True),
    ],
)
def test_whether_logind_kills_what_is_left_running(texts: list[str], user: str, kills: bool) -> None:
    assert kills_user_processes(texts, user) is kills


def test_the_configuration_is_read_where_systemd_runs(tmp_path: Path) -> None:
    (tmp_path / "etc/systemd/logind.conf.d").mkdir(parents=True)
    (tmp_path / "etc/systemd/logind.conf.d/x.conf").write_text("KillUserProcesses=yes\nKillExcludeUsers=\n")
    assert not session_rules(tmp_path).kills
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert session_rules(tmp_path).kills


@pytest.mark.parametrize(
    ("rules", "scope", "safe"),
    [
        (SessionRules(kills=False, lingers=False, scopes=True), False, True),
        (SessionRules(kills=True, lingers=True, scopes=True), True, True),
        (SessionRules(kills=True, lingers=False, scopes=True), False, False),
        (SessionRules(kills=True, lingers=True, scopes=False), False, False),
    ],
)
def test_a_scope_is_used_where_it_is_needed_and_helps(rules: SessionRules, scope: bool, safe: bool) -> None:
    prefix = scope_prefix("20261124-073012-demo-1f00", rules)
    assert bool(prefix) is scope
    assert rules.safe is safe
    if scope:
        assert prefix[:3] == ["systemd-run", "--user", "--scope"]
        assert prefix[-1] == "--"


def test_the_session_is_warned_of_where_nothing_helps(
    workspace: Workspace, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = SessionRules(kills=True, lingers=False, scopes=True)
    monkeypatch.setattr(checks_machine, "session_rules", lambda: rules)
    check = next(check for check in preflight(training(), workspace) if check.name == "session")
    assert (check.status, "enable-linger" in str(check.fix)) == ("warn", True)
