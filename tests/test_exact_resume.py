"""Promise 3: a resume goes on bit for bit as if nothing had happened: launched, killed, resumed for real."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from runtime.launch.operations import launch, resume, wait
from runtime.launch.processes import run_processes
from runtime.profile import loads
from runtime.run.checkpoints import newest_valid
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord
from runtime.run.workspace import Workspace, init_workspace
from tests.runtime.train.training_runs import TrainingRun, load_tensors, profile_text, share_data, write_text

CURVES = (
    "train/loss",
    "train/perplexity",
    "optim/grad_norm",
    "optim/learning_rate",
    "eval/holdout/loss",
    "eval/holdout/perplexity",
)
PATIENCE = 120.0


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HEADNODE_RECORD_SAMPLES", "1")
    made = init_workspace(tmp_path / "workspace")
    yield made
    for run in made.runs():
        kill_every_process(run)


def kill_every_process(run: RunDirectory) -> None:
    while left := run_processes(run.run_id):
        for identity in left:
            os.kill(identity.pid, signal.SIGKILL)
        time.sleep(0.02)


def end_of(run: RunDirectory) -> RunRecord:
    deadline = time.monotonic() + PATIENCE
    changes = []
    for record in wait(run):
        assert time.monotonic() < deadline
        changes.append(record)
    return changes[-1]


def completed(run: RunDirectory) -> TrainingRun:
    record = end_of(run)
    log = run.attempt(record.attempt).log(0).read_text()
    assert record.state == "completed", log
    return TrainingRun(run, "", attempt=record.attempt)


def assert_same_run(run: TrainingRun, undisturbed: TrainingRun, last_step: int) -> None:
    for name in CURVES:
        assert run.curve(name) == undisturbed.curve(name), name
    assert list(run.curve("train/loss")) == list(range(1, last_step + 1))
    found, expected = (load_tensors(r.directory.checkpoint(last_step)) for r in (run, undisturbed))
    assert found.keys() == expected.keys()
    assert any(name.startswith("optim.") for name in found)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("world_size", [1, 2, pytest.param(3, marks=pytest.mark.long)])
def test_12_steps_equal_5_steps_kill_of_every_process_and_7_steps_bit_for_bit(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world_size: int
) -> None:
    """With dropout, shuffled data, accumulation, evaluation. All ranks die by SIGKILL at the same moment."""
    text = profile_text(
        write_text(tmp_path / "text"), checkpoint={"every_steps": 5}, launch={"processes": world_size}
    )
    undisturbed = completed(launch(workspace, loads(text)))

    monkeypatch.setenv("HEADNODE_FAULT", "kill:checkpoint:published@5")
    run = launch(workspace, loads(text))
    record = end_of(run)
    assert (record.state, record.reason) == ("failed", "crash")
    assert record.evidence["signal"] == signal.SIGKILL
    monkeypatch.delenv("HEADNODE_FAULT")
    resumed = completed(resume(run))
    assert resumed.attempt == 2
    assert resumed.rows(attempt=2)[0]["step"] == 6
    assert_same_run(resumed, undisturbed, 12)
    assert resumed.samples(2, world_size) == {
        step: samples for step, samples in undisturbed.samples(1, world_size).items() if step > 5
    }


def test_a_run_killed_before_its_first_checkpoint_begins_again_and_ends_as_the_undisturbed_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = profile_text(
        write_text(tmp_path / "text", 12), train={"steps": 6}, evaluate={"every_steps": 3, "batches": 1}
    )
    undisturbed = completed(launch(workspace, loads(text)))
    monkeypatch.setenv("HEADNODE_FAULT", "kill:step@5")
    run = launch(workspace, loads(text))
    assert end_of(run).state == "failed"
    assert newest_valid(run) == (None, [])
    monkeypatch.delenv("HEADNODE_FAULT")
    resumed = completed(resume(run))
    assert resumed.attempt == 2
    assert resumed.rows(attempt=2)[0]["step"] == 1
    assert_same_run(resumed, undisturbed, 6)


def test_a_restart_by_the_supervisor_is_exact_too_also_past_a_damaged_checkpoint(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = profile_text(
        write_text(tmp_path / "text"),
        checkpoint={"every_steps": 3},
        launch={"max_restarts": 1, "restart_delay": 0.1},
    )
    undisturbed = completed(launch(workspace, loads(text)))

    monkeypatch.setenv("HEADNODE_FAULT", "kill:checkpoint:published@6")
    restarted = completed(launch(workspace, loads(text)))
    assert restarted.attempt == 2
    assert_same_run(restarted, undisturbed, 12)

    monkeypatch.setenv("HEADNODE_FAULT", "kill:checkpoint:published@9")
    run = launch(workspace, loads(text.replace('"max_restarts": 1', '"max_restarts": 0')))
    assert end_of(run).state == "failed"
    monkeypatch.delenv("HEADNODE_FAULT")
    data = next(run.checkpoint(9).glob("*.safetensors"))
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    resumed = completed(resume(run))
    assert resumed.rows(attempt=2)[0]["step"] == 7
    assert_same_run(resumed, undisturbed, 12)
    assert (run.checkpoints / "invalid-step-00000009").is_dir()
    assert [event.detail["step"] for event in read_events(run) if event.event == "checkpoint_invalid"] == [9]


def test_kills_at_any_moment_with_a_save_at_every_step_change_nothing_in_the_end(tmp_path: Path) -> None:
    """Whatever moment it hits (also in the middle of writing a file), what is offered afterwards works."""
    text = profile_text(
        write_text(tmp_path / "text"),
        train={"steps": 60},
        checkpoint={"every_steps": 1, "keep_last": 2},
        evaluate={"every_steps": 20},
    )
    undisturbed = TrainingRun.create(tmp_path, text, "undisturbed")
    assert undisturbed.train() == [0]

    run = TrainingRun.create(tmp_path, text, "killed")
    share_data(undisturbed, run)
    draw = random.Random(3)
    name, kills = None, 0
    while True:
        run.start(resume=name)
        if kills < 3:
            begun = 0 if name is None else int(name.removeprefix("step-"))
            run.wait_for(lambda begun=begun: run.last_step() > begun + 3)
            time.sleep(draw.uniform(0.0, 0.1))
            run.kill()
            kills += run.processes[0].returncode == -signal.SIGKILL
        elif run.wait() == [0]:
            break
        checkpoint, rejected = newest_valid(run.directory)
        assert checkpoint is not None
        assert not rejected
        name = checkpoint.name
    assert kills == 3
    assert_same_run(run, undisturbed, 60)
