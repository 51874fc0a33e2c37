"""Promise 3: a resume continues bit for bit as if nothing had happened."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
import torch

from runtime.run.checkpoints import newest_valid
from tests.runtime.train.training_runs import TrainingRun, profile_text, share_data, write_text

CURVES = (
    "train/loss",
    "train/perplexity",
    "optim/grad_norm",
    "optim/learning_rate",
    "eval/holdout/loss",
    "eval/holdout/perplexity",
)


def assert_same_run(run: TrainingRun, undisturbed: TrainingRun, last_step: int) -> None:
    for name in CURVES:
        assert run.curve(name) == undisturbed.curve(name), name
    assert set(run.curve("train/loss")) == set(range(1, last_step + 1))
    assert_same_tensors(run.tensors(last_step), undisturbed.tensors(last_step))


def assert_same_tensors(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert any(name.startswith("optim.") for name in found)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("world_size", [1, 2, pytest.param(3, marks=pytest.mark.long)])
def test_12_steps_equal_5_steps_kill_of_every_process_and_7_steps_bit_for_bit(
    tmp_path: Path, world_size: int
) -> None:
    """With dropout, shuffled data, accumulation and evaluation. With three ranks DDP's buckets matter too."""
    text = profile_text(write_text(tmp_path / "text"), checkpoint={"every_steps": 5})
    undisturbed = TrainingRun.create(tmp_path, text, "undisturbed")
    assert undisturbed.train(world_size) == [0] * world_size

    run = TrainingRun.create(tmp_path, text, "killed")
    share_data(undisturbed, run)
    codes = run.train(world_size, env={"HEADNODE_FAULT": "kill:checkpoint:published@5"})
    assert codes == [-signal.SIGKILL] * world_size
    assert run.train(world_size, resume="step-00000005") == [0] * world_size
    assert min(row["step"] for row in run.rows(attempt=2)) == 6
    assert_same_run(run, undisturbed, 12)


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
    resume, kills = None, 0
    while True:
        run.start(resume=resume)
        if kills < 3:
            begun = 0 if resume is None else int(resume.removeprefix("step-"))
            run.wait_for(lambda begun=begun: run.last_step() > begun + 3)
            time.sleep(draw.uniform(0.0, 0.1))
            run.kill()
            kills += run.processes[0].returncode == -signal.SIGKILL
        elif run.wait() == [0]:
            break
        checkpoint, rejected = newest_valid(run.directory)
        assert checkpoint is not None
        assert not rejected
        resume = checkpoint.name
    assert kills == 3
    assert_same_run(run, undisturbed, 60)
