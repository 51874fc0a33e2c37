"""Beginning from weights only: the model is the checkpoint's, everything else is as in a new run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runtime.run.layout import RunDirectory
from runtime.run.tensor_index import model_shapes
from runtime.train.restoring import restore_weights
from runtime.train.strategies.single import Single
from tests.runtime.train.forking import CPU
from tests.runtime.train.small import Small, facts, saver


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Step 3 of a small run."""
    run = RunDirectory(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    small, to = Small.create(), saver(run, Single(CPU))
    for step in (1, 2, 3):
        small.step(step)
    to.start(small.state, facts(3))
    assert to.wait() is not None
    to.close()
    return run.checkpoint(3)


def test_the_models_tensors_are_loaded_and_the_optimizer_stays_fresh(checkpoint: Path) -> None:
    trained, fresh = Small.create(), Small.create(seed=1)
    for step in (1, 2, 3):
        trained.step(step)
    assert restore_weights(checkpoint, fresh.objective.model, Single(CPU)) == 3
    for name, tensor in trained.objective.model.state_dict().items():
        assert torch.equal(fresh.objective.model.state_dict()[name], tensor), name
    assert len(fresh.optimizer.state) == 0


def test_the_index_names_the_models_tensors_as_the_model_does(checkpoint: Path) -> None:
    model = Small.create().objective.model
    assert model_shapes(checkpoint) == {name: tuple(t.shape) for name, t in model.state_dict().items()}


def test_weights_of_another_model_are_refused(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="made by another model"):
        restore_weights(checkpoint, Small.create(layers=2).objective.model, Single(CPU))
