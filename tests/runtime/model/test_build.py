"""Models from numbers: published sizes exactly, weights from the seed alone, dropout where it exists."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from runtime.messages import UsageError
from runtime.model.build import build, build_empty, padded_vocabulary, parameter_count
from runtime.profile.parameters import count
from runtime.profile.schema import Model
from runtime.profile.tensors import tensors

ARCHITECTURES = ["olmo", "olmo2", "llama", "gpt2"]
SMALL: dict[str, Any] = {"layers": 2, "width": 32, "heads": 4, "mlp_width": 64, "context_length": 16}
VOCABULARY = 320


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(architecture: str, **settings: Any) -> Model:
    return Model.model_validate({"architecture": architecture, **SMALL, **settings})


OLMO = {"layers": 16, "width": 2048, "heads": 16, "mlp_width": 8192}
PUBLISHED = [
    ("olmo", OLMO | {"context_length": 2048}, 50_304, 1_176_764_416),
    ("olmo2", OLMO | {"context_length": 4096}, 100_352, 1_484_916_736),
    (
        "gpt2",
        {"layers": 12, "width": 768, "heads": 12, "mlp_width": 3072, "context_length": 1024},
        50_257,
        124_439_808,
    ),
    (
        "llama",
        {
            "layers": 32,
            "width": 4096,
            "heads": 32,
            "kv_heads": 8,
            "mlp_width": 14_336,
            "context_length": 8192,
        },
        128_256,
        8_030_261_248,
    ),
]


@pytest.mark.parametrize(
    ("architecture", "numbers", "vocabulary", "parameters"),
    PUBLISHED,
    ids=[published[0] for published in PUBLISHED],
)
def test_the_published_models_have_their_published_number_of_parameters(
    architecture: str, numbers: dict[str, Any], vocabulary: int, parameters: int
) -> None:
    model = build_empty(Model.model_validate({"architecture": architecture, **numbers}), vocabulary)
    assert parameter_count(model) == parameters
    assert all(parameter.is_meta for parameter in model.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tie", [False, True])
def test_the_estimate_without_torch_counts_the_same_parameters(architecture: str, tie: bool) -> None:
    model = small(architecture, tie_embeddings=tie, kv_heads=None if architecture == "gpt2" else 2)
    assert parameter_count(build_empty(model, VOCABULARY)) == count(model, VOCABULARY).total


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_follow_from_the_seed_alone_and_the_global_random_state_is_untouched(
    architecture: str,
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = build(small(architecture), VOCABULARY, 1)
    assert torch.equal(torch.rand(3), expected)
    torch.set_num_threads(2)
    second, other = build(small(architecture), VOCABULARY, 1), build(small(architecture), VOCABULARY, 2)
    pairs = zip(
        first.state_dict().items(), second.state_dict().values(), other.state_dict().values(), strict=True
    )
    differing = 0
    for (_, a), b, c in pairs:
        assert a.dtype == torch.float32
        assert torch.equal(a, b)
        differing += not torch.equal(a, c)
    assert differing >= 5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_is_causal_and_every_parameter_gets_a_gradient(architecture: str) -> None:
    model = build(small(architecture, initializer_range=0.2), VOCABULARY, 0)
    tokens = torch.arange(32).reshape(2, 16) * 7 % VOCABULARY
    logits = model(input_ids=tokens).logits
    assert logits.shape == (2, 16, VOCABULARY)
    changed = tokens.clone()
    changed[:, 10:] = 3
    torch.testing.assert_close(model(input_ids=changed).logits[:, :10], logits[:, :10])
    assert (model(input_ids=changed).logits[:, 10:] - logits[:, 10:]).abs().max() > 1e-3
    torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1)
    ).backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert without == []
    embedding = model.get_input_embeddings().weight.grad
    assert embedding is not None
    used = torch.unique(tokens[:, :-1])
    assert (embedding[used].abs().sum(dim=1) > 0).all()  # none is frozen as padding


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_dropout_is_at_work_in_training_only_and_only_where_asked(architecture: str) -> None:
    tokens = torch.arange(16).reshape(1, 16)
    dropping = build(small(architecture, dropout=0.5, initializer_range=0.2), VOCABULARY, 0)
    plain = build(small(architecture, dropout=0.0, initializer_range=0.2), VOCABULARY, 0)
    plain.train(), dropping.train()
    assert not torch.equal(dropping(input_ids=tokens).logits, dropping(input_ids=tokens).logits)
    assert torch.equal(plain(input_ids=tokens).logits, plain(input_ids=tokens).logits)
    dropping.eval()
    assert torch.equal(dropping(input_ids=tokens).logits, plain(input_ids=tokens).logits)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_numbers_arrive_in_the_configuration(architecture: str) -> None:
    theta = {} if architecture == "gpt2" else {"rope_theta": 12_345.0}
    epsilon = {} if architecture == "olmo" else {"norm_epsilon": 1e-3}
    model = build_empty(small(architecture, **theta, **epsilon), VOCABULARY, end_of_text=5)
    config = model.config
    assert (config.eos_token_id, config.pad_token_id, config.bos_token_id) == (5, None, None)
    assert config.max_position_embeddings == 16
    assert config._attn_implementation == "sdpa"
    assert config.use_cache is False
    if theta:
        assert config.rope_parameters["rope_theta"] == 12_345.0
    if epsilon:
        assert getattr(config, "layer_norm_epsilon" if architecture == "gpt2" else "rms_norm_eps") == 1e-3


def test_the_vocabulary_is_padded_to_a_multiple_of_64_or_as_given() -> None:
    assert [padded_vocabulary(small("olmo2"), size) for size in (1, 64, 65, 50_280)] == [64, 64, 128, 50_304]
    assert padded_vocabulary(small("olmo2", vocabulary_size=100), 100) == 100
    with pytest.raises(UsageError, match="100, but the tokenizer has 101"):
        padded_vocabulary(small("olmo2", vocabulary_size=100), 101)


def test_only_the_architecture_that_is_needed_is_imported() -> None:
    program = (
        "import sys; from runtime.model.build import build_empty;"
        "from tests.runtime.model.test_build import small;"
        "build_empty(small('olmo2'), 64);"
        "names = [n for n in sys.modules if n.startswith('transformers.models.') and '.modeling_' in n];"
        "print([n for n in names if '.auto.' not in n])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['transformers.models.olmo2.modeling_olmo2']"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tie", [False, True])
def test_the_tensors_of_a_model_are_known_without_torch(architecture: str, tie: bool) -> None:
    model = small(architecture, tie_embeddings=tie, kv_heads=None if architecture == "gpt2" else 2)
    built = build_empty(model, VOCABULARY)
    seen: dict[int, str] = {}
    for name, value in built.state_dict(keep_vars=True).items():
        seen.setdefault(id(value), name)
    shapes = {name: tuple(built.state_dict(keep_vars=True)[name].shape) for name in seen.values()}
    assert tensors(model, VOCABULARY) == shapes
