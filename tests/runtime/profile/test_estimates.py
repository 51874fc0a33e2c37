"""Estimates: parameters equal to the real classes', memory as autograd keeps it, published numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from runtime.messages import UsageError
from runtime.profile import estimate, geometry, load, loads, total_steps, world_size
from runtime.profile.devices import find_device
from runtime.profile.memory import activation_bytes_per_token, chunk_rows
from runtime.profile.parameters import count
from runtime.profile.schema import Model
from tests.runtime.profile.samples import COMMAND, PREPARE, PRETRAIN

SHAPES = [
    {"layers": 2, "width": 48, "heads": 4, "mlp_width": 80},
    {"layers": 3, "width": 64, "heads": 8, "mlp_width": 160, "kv_heads": 2},
    {"layers": 1, "width": 32, "heads": 4, "mlp_width": 96, "kv_heads": 1},
]


def shapes() -> Iterator[Any]:
    for architecture in ("olmo", "olmo2", "llama", "gpt2"):
        for tied in (True, False):
            for number, shape in enumerate(SHAPES):
                if architecture == "gpt2":
                    shape = {key: value for key, value in shape.items() if key != "kv_heads"}
                yield pytest.param(architecture, tied, shape, id=f"{architecture}-{tied}-{number}")


@pytest.mark.parametrize(("architecture", "tied", "shape"), shapes())
def test_parameters_equal_those_of_transformers_own_class(
    architecture: str, tied: bool, shape: dict[str, int]
) -> None:
    from runtime.model.build import build_empty, parameter_count

    model = Model(architecture=architecture, context_length=40, tie_embeddings=tied, **shape)  # type: ignore[arg-type]
    real = build_empty(model, 131)
    counted = count(model, 131)
    assert counted.total == parameter_count(real)
    embeddings = {id(real.get_input_embeddings().weight)}
    if architecture == "gpt2":
        embeddings.add(id(real.transformer.wpe.weight))
    rest = sum(p.numel() for p in real.parameters() if id(p) not in embeddings)
    assert counted.without_embeddings == rest


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("architecture", ["olmo", "olmo2", "llama", "gpt2"])
def test_activations_are_what_autograd_keeps(architecture: str, precision: str) -> None:
    """Counts the bytes of tensors saved for the backward pass; weights and autocast's copies aside."""
    import torch

    from runtime.model.build import build

    torch.set_num_threads(1)
    kv_heads = None if architecture == "gpt2" else 2
    model = Model(
        architecture=architecture,  # type: ignore[arg-type]
        layers=3,
        width=96,
        heads=6,
        kv_heads=kv_heads,
        mlp_width=272,
        context_length=88,
    )
    module = build(model, 512)
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    shapes = [tuple(parameter.shape) for parameter in module.parameters()]
    matrices = {*shapes, *(shape[::-1] for shape in shapes)}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and not (tensor.ndim == 2 and tuple(tensor.shape) in matrices):
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    alive: list[torch.Tensor] = []
    ids = torch.randint(0, 512, (3, 88))
    mixed = torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), mixed:
        module.base_model(input_ids=ids, use_cache=False)
    assert activation_bytes_per_token(model, precision) * ids.numel() == pytest.approx(
        sum(kept.values()), rel=0.02
    )


@pytest.mark.parametrize("vocabulary", [512, 32_768, 32_769, 100_352])
def test_the_losss_chunks_are_those_of_the_trainer(vocabulary: int) -> None:
    from runtime.train.objective import rows_in_chunk

    assert chunk_rows(vocabulary) == rows_in_chunk(vocabulary)


@pytest.mark.parametrize(
    ("name", "parameters", "without_embeddings"),
    [
        ("olmo-1b", 1_176_764_416, 1_073_741_824),
        ("olmo-2-1b", 1_484_916_736, 1_279_395_840),
        ("gpt2-124m", 124_439_808, 124_439_808 - 50_257 * 768 - 1024 * 768),
    ],
)
def test_published_models_have_their_published_size(
    name: str, parameters: int, without_embeddings: int
) -> None:
    estimated = estimate(load(f"pretrain/{name}"))
    assert estimated.parameters == parameters
    assert estimated.parameters_without_embeddings == without_embeddings


def test_olmo_2_takes_its_published_flops_and_the_arithmetic_of_time_and_cost() -> None:
    estimated = estimate(load("pretrain/olmo-2-1b"))
    assert estimated.flops_per_token / 1e9 == pytest.approx(9.287, abs=5e-4)
    assert estimated.steps == math.ceil(4e12 / 2_097_152)
    assert estimated.tokens == estimated.steps * 2_097_152
    assert estimated.flops == estimated.tokens * estimated.flops_per_token
    assert estimated.tokens_per_second is not None
    assert estimated.tokens_per_second / 8 == pytest.approx(42_600, rel=0.01)
    assert estimated.seconds == pytest.approx(estimated.flops / (989.4e12 * 0.40 * 8))
    assert estimated.cost == pytest.approx(estimated.seconds / 3600 * 8 * 2.5)


def test_memory_is_told_by_part() -> None:
    plain = estimate(loads(PRETRAIN))
    mixed = estimate(loads(PRETRAIN, ["train.precision=bf16"]))
    assert list(plain.memory) == ["weights", "gradients", "optimizer", "activations", "logits"]
    assert plain.memory["weights"] == plain.memory["gradients"] == 4 * plain.parameters
    assert plain.memory["optimizer"] == 8 * plain.parameters
    assert plain.memory_total == sum(plain.memory.values())
    assert mixed.memory["weights"] > plain.memory["weights"]
    assert mixed.memory["activations"] < plain.memory["activations"]
    halved = estimate(loads(PRETRAIN, ["train.micro_batch=2"]))
    assert halved.memory["activations"] * 2 == plain.memory["activations"]


def test_what_is_not_known_is_none_and_never_zero() -> None:
    estimated = estimate(loads(PRETRAIN))
    assert (estimated.seconds, estimated.cost, estimated.tokens_per_second) == (None, None, None)
    assert estimate(loads(PRETRAIN, ["plan.device=abacus"])).seconds is None
    priceless = estimate(loads(PRETRAIN, ["plan.device=H100"]))
    assert priceless.seconds is not None
    assert priceless.cost is None
    own = estimate(
        loads(PRETRAIN, ["plan.device=abacus", "plan.peak_tflops=1", "plan.price_per_device_hour=0"])
    )
    assert own.seconds is not None
    assert own.cost == 0
    epochs = loads(PRETRAIN, ["train.epochs=2", "plan.device=h100"])
    assert (estimate(epochs).steps, estimate(epochs).flops, estimate(epochs).seconds) == (None, None, None)
    assert estimate(epochs, tokens_per_epoch=51_200).steps == 200


def test_a_vocabulary_of_the_tokenizers_is_padded_to_64() -> None:
    text = PRETRAIN.replace("  vocabulary_size: 512\ndata", "data").replace(
        "vocabulary_size: 512", "vocabulary_size: 500"
    )
    assert estimate(loads(text)).vocabulary_size == 512
    prepared = loads(text, ["data.prepared=somewhere"])
    with pytest.raises(UsageError, match=r"set model\.vocabulary_size"):
        estimate(prepared)
    assert estimate(prepared, vocabulary_size=1000).vocabulary_size == 1024


@pytest.mark.parametrize("text", [PREPARE, COMMAND])
def test_a_job_without_a_model_has_no_estimate(text: str) -> None:
    with pytest.raises(UsageError, match="trains no model"):
        estimate(loads(text))


def test_devices_are_found_however_they_are_spelt() -> None:
    assert find_device("NVIDIA H100") == find_device("h100")
    assert find_device("RTX 4090") == find_device("rtx-4090") is not None
    assert find_device("TPU v5") is None
    assert find_device(None) is None


def test_the_batch_is_cut_into_processes_and_micro_batches() -> None:
    shape = geometry(loads(PRETRAIN, ["train.batch_tokens=1024", "train.micro_batch=2"]))
    assert (shape.batch, shape.micro_batch, shape.accumulation, shape.world_size) == (16, 2, 4, 2)
    assert shape.tokens_per_step == 1024
    whole = geometry(loads(PRETRAIN))
    assert (whole.batch, whole.micro_batch, whole.accumulation) == (8, 4, 1)
    assert world_size(loads(PREPARE)) == 1


@pytest.mark.parametrize(
    ("override", "tokens_per_epoch", "steps"),
    [
        ("train.steps=7", None, 7),
        ("train.tokens=1", None, 1),
        ("train.tokens=512", None, 1),
        ("train.tokens=513", None, 2),
        ("train.epochs=1", None, None),
        ("train.epochs=1", 5120, 10),
        ("train.epochs=0.1", 5120, 1),
        ("train.epochs=0.3", 51200, 30),
        ("train.epochs=2", 100, 1),
    ],
)
def test_the_last_step_is_the_one_that_reaches_what_was_asked_for(
    override: str, tokens_per_epoch: int | None, steps: int | None
) -> None:
    assert total_steps(loads(PRETRAIN, [override]), tokens_per_epoch) == steps


def test_a_command_has_the_steps_that_it_says() -> None:
    assert total_steps(loads(COMMAND)) is None
    assert total_steps(loads(COMMAND, ["command.steps=5"])) == 5
    assert total_steps(loads(PREPARE)) is None


def test_estimates_of_every_shipped_training_profile_fit_their_device(tmp_path: Path) -> None:
    for name in ("olmo-1b", "olmo-2-1b", "gpt2-124m"):
        estimated = estimate(load(f"pretrain/{name}", workspace=tmp_path))
        assert estimated.device_memory is not None
        assert estimated.memory_total < 0.9 * estimated.device_memory
