"""A new run from weights: what fits is told from names and shapes before anything starts, and comes along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.launch import operations
from runtime.launch.preflight import PreflightFailed
from runtime.launch.weights import find_weights, profile_from, weights_checks
from runtime.messages import UsageError
from runtime.profile import read_frozen
from runtime.profile.tensors import tensors
from runtime.run.brought import brought_weights
from runtime.run.checkpoints import list_checkpoints
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.tensor_index import model_shapes, tensor_shapes
from runtime.run.workspace import Workspace
from tests.runtime.launch.conftest import Launch, await_end
from tests.runtime.run.safetensors import write_safetensors
from tests.runtime.run.saving import save


@pytest.fixture
def parent(launch_worker: Launch) -> RunDirectory:
    """A completed run with prepared data and, at step 20, a checkpoint of its profile's tensors."""
    run = launch_worker(steps=6)
    await_end(run)
    model = read_frozen(run.profile).model
    assert model is not None
    shapes = {f"model.{name}": shape for name, shape in tensors(model, 512).items()}
    save(run, 20, {"model.safetensors": write_safetensors(shapes | {"optim.x.exp_avg": (2,)})})
    manifest = {"schema": 1, "fingerprint": "f" * 64, "vocabulary_size": 300, "tokenizer_fingerprint": "t"}
    (run.artifacts / "data" / "manifest.json").write_text(json.dumps(manifest))
    return run


def failures(run: RunDirectory, workspace: Workspace, *overrides: str) -> str:
    weights = find_weights(f"{run.run_id}@20", workspace)
    checks = weights_checks(profile_from(weights, overrides, workspace), workspace, None)
    return "; ".join(str(check.message) for check in checks if check.status == "fail")


def test_a_new_run_begins_at_step_0_with_the_weights_and_stands_alone(
    parent: RunDirectory, workspace: Workspace
) -> None:
    weights = find_weights(f"{parent.run_id}@20", workspace)
    run = operations.launch(workspace, profile_from(weights, ["train.steps=3"], workspace), by="test")
    record = await_end(run)
    assert record.state == "completed"
    assert record.parent == {"run_id": parent.run_id, "step": 20, "kind": "weights"}
    assert record.resume is None
    model = read_frozen(run.profile).model
    assert model is not None
    assert model.weights == f"{parent.run_id}@20"
    brought = brought_weights(run)
    assert brought is not None
    assert (brought / "model.safetensors").samefile(parent.checkpoint(20) / "model.safetensors")
    assert (run.artifacts / "data" / "manifest.json").exists(), (
        "the tokenizer that the weights know comes along"
    )
    assert 20 not in [item.step for item in list_checkpoints(run)], "it is no checkpoint of this run"
    created = next(event for event in read_events(run) if event.event == "created")
    assert created.detail["parent"] == record.parent
    operations.remove_run(parent)
    assert model_shapes(brought)


def test_a_directory_is_named_by_its_path(parent: RunDirectory, workspace: Workspace) -> None:
    path = str(parent.checkpoint(20).relative_to(workspace.root))
    weights = find_weights(path, workspace)
    assert weights.complete.step == 20
    assert weights.address == str(parent.checkpoint(20))
    with pytest.raises(UsageError, match="name a profile"):
        profile_from(weights, [], workspace)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.layers=2", "12 tensors are missing in the checkpoint"),
        ("model.width=128", "have another shape (transformer.wte.weight 512×64 → 512×128"),
        ("model.mlp_width=256", "tensors have another shape"),
        ("model.vocabulary_size=1024", "transformer.wte.weight 512×64 → 1024×64"),
        ("model.tie_embeddings=false", "1 tensors are missing in the checkpoint (lm_head.weight)"),
        ("data.holdout=0.2", "the weights know the tokens of another"),
    ],
)
def test_what_doesnt_fit_is_refused_before_anything_starts(
    parent: RunDirectory, workspace: Workspace, override: str, words: str
) -> None:
    assert words in failures(parent, workspace, override)
    before = workspace.runs()
    weights = find_weights(f"{parent.run_id}@20", workspace)
    with pytest.raises(PreflightFailed):
        operations.launch(workspace, profile_from(weights, [override], workspace), by="test")
    assert workspace.runs() == before


def test_other_training_fits(parent: RunDirectory, workspace: Workspace) -> None:
    assert failures(parent, workspace, "train.optimizer.learning_rate=1e-5", "model.dropout=0.1") == ""


def test_damaged_weights_start_nothing(parent: RunDirectory, workspace: Workspace) -> None:
    path = parent.checkpoint(20) / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    before = workspace.runs()
    weights = find_weights(f"{parent.run_id}@20", workspace)
    with pytest.raises(UsageError, match="SHA-256"):
        operations.launch(workspace, profile_from(weights, [], workspace), by="test")
    assert workspace.runs() == before
    assert [path.name for path in workspace.logs.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("reference", ["nowhere", "last", "last@7", "/nowhere/step-00000001"])
def test_what_is_no_checkpoint_is_said(parent: RunDirectory, workspace: Workspace, reference: str) -> None:
    with pytest.raises(UsageError):
        find_weights(reference, workspace)


def test_a_resume_of_such_a_run_needs_its_parent_no_more(parent: RunDirectory, workspace: Workspace) -> None:
    weights = find_weights(f"{parent.run_id}@20", workspace)
    run = operations.launch(workspace, profile_from(weights, ["train.steps=6"], workspace), by="test")
    await_end(run)
    operations.remove_run(parent)
    operations.resume(run, overrides=["train.steps=9"], by="test")
    record = await_end(run)
    assert (record.state, record.attempt) == ("completed", 2)
    assert read_record(run) == record


def test_parts_of_a_tensor_in_several_files_add_up(tmp_path: Path) -> None:
    first = write_safetensors({"model.w": (2, 3), "model.b": (4,)}, {"model.w": [0, 0], "model.b": [0]})
    second = write_safetensors({"model.w": (3, 3)}, {"model.w": [2, 0]})
    (tmp_path / "a.safetensors").write_bytes(first)
    (tmp_path / "b.safetensors").write_bytes(second)
    assert tensor_shapes(tmp_path) == {"model.w": (5, 3), "model.b": (4,)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"12345678",
        (1 << 40).to_bytes(8, "little"),
        b"\x02" + bytes(7) + b"[]",
        b"\x09" + bytes(7) + b'{"a": 12}',
    ],
)
def test_a_file_that_is_no_safetensors_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match="no safetensors file"):
        tensor_shapes(tmp_path)
