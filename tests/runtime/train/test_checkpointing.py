"""A checkpoint is either complete and verified, or not there: whatever happens while it is saved."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException

from runtime.run.checkpoints import list_checkpoints, newest_valid, verify
from runtime.run.layout import RunDirectory
from runtime.train.checkpointing import brief
from runtime.train.restoring import restore
from runtime.train.stager import Stager
from runtime.train.state import training_state
from runtime.train.strategies import Strategy
from runtime.train.strategies.single import Single
from tests.runtime.train.forking import CPU, run_ranks
from tests.runtime.train.small import Small, facts, saver

STAGES = (
    "begin",
    "staged",
    "checked",
    "tensors",
    "random",
    "hashed",
    "completed",
    "renamed",
    "published",
)


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path / "run")
    directory.checkpoints.mkdir(parents=True)
    return directory


def save_steps(run_dir: RunDirectory, strategy: Strategy, steps: int) -> list[str | None]:
    """Train and save `steps` times; the outcomes' reasons."""
    small, to = Small.create(), saver(run_dir, strategy)
    reasons = []
    for step in range(1, steps + 1):
        small.step(step)
        to.start(small.state, facts(step))
        outcome = to.wait()
        assert outcome is not None
        reasons.append(outcome.reason)
    to.close()
    return reasons


def trained(steps: int) -> Small:
    small = Small.create()
    for step in range(1, steps + 1):
        small.step(step)
    return small


def assert_restores(run_dir: RunDirectory, step: int, *, exact: bool) -> None:
    """The checkpoint of `step` verifies, loads on one process, and holds what was trained."""
    small, expected = Small.create(seed=1), trained(step)
    restored = restore(run_dir.checkpoint(step), small.objective.model, small.optimizer, Single(CPU), seed=0)
    assert (restored.step, restored.tokens, restored.exact) == (step, step * 100, exact)
    for name, tensor in expected.state.items():
        assert torch.equal(small.state[name], tensor), name


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("stage", STAGES)
def test_kill_9_at_any_stage_of_a_save_leaves_only_checkpoints_that_load(
    run_dir: RunDirectory, stage: str, world_size: int
) -> None:
    codes = run_ranks(
        world_size,
        run_dir.path,
        lambda strategy: save_steps(run_dir, strategy, 2) and None,
        env={"HEADNODE_FAULT": f"checkpoint:{stage}@2"},
    )
    assert -signal.SIGKILL in codes
    newest, rejected = newest_valid(run_dir)
    assert newest is not None
    assert not rejected
    assert newest.step == (2 if stage in ("renamed", "published") else 1)
    for checkpoint in list_checkpoints(run_dir):
        assert checkpoint.state in ("complete", "partial")
    assert_restores(run_dir, newest.step, exact=world_size == 1)


def test_what_a_killed_save_left_is_gone_when_the_next_attempt_begins(run_dir: RunDirectory) -> None:
    run_ranks(
        1,
        run_dir.path,
        lambda strategy: save_steps(run_dir, strategy, 2) and None,
        env={"HEADNODE_FAULT": "checkpoint:random@2"},
    )
    assert [c.state for c in list_checkpoints(run_dir)] == ["complete", "partial"]
    saver(run_dir, Single(CPU)).close()
    assert [c.state for c in list_checkpoints(run_dir)] == ["complete"]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_a_checkpoint_of_any_world_size_loads_in_one_process(run_dir: RunDirectory, world_size: int) -> None:
    codes = run_ranks(world_size, run_dir.path, lambda s: save_steps(run_dir, s, 1) and None)
    assert codes == [0] * world_size
    assert len(list(run_dir.checkpoint(1).glob("random-*.json"))) == world_size
    assert_restores(run_dir, 1, exact=world_size == 1)


def test_a_checkpoint_of_one_process_loads_in_two(run_dir: RunDirectory) -> None:
    save_steps(run_dir, Single(CPU), 2)

    def load(strategy: Strategy) -> None:
        small, expected = Small.create(seed=1), trained(2)
        restored = restore(run_dir.checkpoint(2), small.objective.model, small.optimizer, strategy, seed=0)
        assert not restored.exact
        for name, tensor in expected.state.items():
            assert torch.equal(small.state[name], tensor), name

    assert run_ranks(2, run_dir.path, load) == [0, 0]


def test_any_changed_byte_of_any_file_is_found(run_dir: RunDirectory) -> None:
    save_steps(run_dir, Single(CPU), 1)
    (checkpoint,) = list_checkpoints(run_dir)
    assert verify(checkpoint).ok
    files = sorted(path for path in checkpoint.path.iterdir())
    assert [path.suffix for path in files] == [".json", ".json", ".safetensors"]
    for path in files:
        good = path.read_bytes()
        for position in (0, len(good) // 2, len(good) - 1):
            path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
            (damaged,) = list_checkpoints(run_dir)
            assert not verify(damaged).ok, (path.name, position)
        path.write_bytes(good)
    assert verify(checkpoint).ok


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("stage", ["checked", "random", "completed"])
def test_a_full_disk_fails_the_save_and_keeps_the_one_before(
    run_dir: RunDirectory, stage: str, world_size: int
) -> None:
    def body(strategy: Strategy) -> None:
        assert save_steps(run_dir, strategy, 3) == [None, "disk_full", None]

    env = {"HEADNODE_FAULT": f"disk_full:checkpoint:{stage}@2"}
    assert run_ranks(world_size, run_dir.path, body, env) == [0] * world_size
    assert [(c.step, c.state) for c in list_checkpoints(run_dir)] == [(1, "complete"), (3, "complete")]


def test_a_device_that_is_full_while_tensors_are_written_is_told_as_disk_full(
    run_dir: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes through torch's checkpoint code, which wraps it."""
    to, small = saver(run_dir, Single(CPU)), trained(1)
    working = run_dir.checkpoint(1).with_name("step-00000001.tmp")
    working.mkdir()
    (working / "shard-00001-model-00001-of-00001.safetensors").symlink_to("/dev/full")
    to.start(small.state, facts(1))
    outcome = to.wait()
    to.close()
    assert outcome is not None
    assert outcome.reason == "disk_full"
    assert os.strerror(errno.ENOSPC) in (outcome.error or "")
    assert not list_checkpoints(run_dir)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_non_finite_state_is_never_saved(run_dir: RunDirectory, value: float) -> None:
    small, to = trained(1), saver(run_dir, Single(CPU))
    last = list(small.objective.model.parameters())[-1]
    with torch.no_grad():
        last.view(-1)[-1] = value
    to.start(small.state, facts(1))
    outcome = to.wait()
    to.close()
    assert outcome is not None
    assert outcome.reason == "non_finite"
    assert not list_checkpoints(run_dir)


def test_the_saved_state_is_that_of_the_moment_of_saving(run_dir: RunDirectory) -> None:
    """Training goes on while files are written."""
    small, to = trained(1), saver(run_dir, Single(CPU))
    to.start(small.state, facts(1))
    for step in range(2, 6):
        small.step(step)
    to.wait()
    to.close()
    assert_restores(run_dir, 1, exact=True)


def test_tied_embeddings_are_saved_once_and_load(run_dir: RunDirectory) -> None:
    small, to = Small.create(tie_embeddings=True), saver(run_dir, Single(CPU))
    small.step(1)
    assert "model.lm_head.weight" not in small.state
    to.start(small.state, facts(1))
    to.wait()
    to.close()
    other = Small.create(tie_embeddings=True, seed=1)
    restore(run_dir.checkpoint(1), other.objective.model, other.optimizer, Single(CPU), seed=0)
    assert torch.equal(other.objective.model.lm_head.weight, small.objective.model.lm_head.weight)
    assert other.objective.model.lm_head.weight is other.objective.model.get_input_embeddings().weight


def test_a_leaf_that_is_no_tensor_is_refused_before_anything_is_written() -> None:
    small = trained(1)
    parameter = next(iter(small.optimizer.state))
    small.optimizer.state[parameter]["step"] = 3
    with pytest.raises(TypeError, match=r"optim\..*\.step is int, not a tensor"):
        training_state(small.objective.model, small.optimizer)


def test_a_checkpoint_of_another_model_is_refused_by_name(run_dir: RunDirectory) -> None:
    save_steps(run_dir, Single(CPU), 1)
    wider = Small.create(mlp_width=64)
    with pytest.raises(ValueError, match=r"of another shape \(first: model\..*mlp"):
        restore(run_dir.checkpoint(1), wider.objective.model, wider.optimizer, Single(CPU), seed=0)
    deeper = Small.create(layers=2)
    with pytest.raises(ValueError, match="tensors missing"):
        restore(run_dir.checkpoint(1), deeper.objective.model, deeper.optimizer, Single(CPU), seed=0)


def test_random_states_are_json(run_dir: RunDirectory) -> None:
    save_steps(run_dir, Single(CPU), 1)
    states = json.loads((run_dir.checkpoint(1) / "random-0.json").read_text())
    assert {"python", "numpy", "torch"} <= states.keys()


def test_the_stager_uses_its_buffers_again_and_follows_new_shapes() -> None:
    stager, weight = Stager(), nn.Parameter(torch.ones(3))
    first = stager.stage({"w": weight.detach()})["w"]
    with torch.no_grad():
        weight += 1
    assert first.tolist() == [1, 1, 1]
    second = stager.stage({"w": weight.detach()})["w"]
    assert second.data_ptr() == first.data_ptr()
    assert second.tolist() == [2, 2, 2]
    assert stager.stage({"w": torch.zeros(2)})["w"].shape == (2,)


def test_why_a_save_failed_is_told_in_one_line() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    error = CheckpointException("write", {1: (full, [])})
    assert brief(error) == "OSError: [Errno 28] No space left on device"
