"""A causal language model of transformers from the numbers of a profile's `model` section.

| architecture | what it is | dropouts that exist (all set to `dropout`) |
| --- | --- | --- |
| olmo  | LayerNorm without parameters, SwiGLU, RoPE (Groeneveld et al., 2024) | attention |
| olmo2 | RMSNorm after each sub-layer and on queries and keys (OLMo Team, 2024) | attention |
| llama | RMSNorm before each sub-layer, SwiGLU, RoPE (Touvron et al., 2023) | attention |
| gpt2  | LayerNorm, learned positions (Radford et al., 2019) | embeddings, attention, residual branches |

Only the module of the one architecture is imported: transformers' automatic classes would import far more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from runtime.profile.schema import Model

VOCABULARY_MULTIPLE = 64
"""The vocabulary is padded up to a multiple of this, for matrix units; the additional rows stand for no
token.
"""


def padded_vocabulary(model: Model, tokenizer_size: int) -> int:
    """Rows of the embedding: the profile's number, or the tokenizer's padded up to a multiple of 64.

    Raises:
        UsageError: the profile's number has no room for the tokenizer's ids.
    """
    if model.vocabulary_size is None:
        return -(-tokenizer_size // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE
    if model.vocabulary_size < tokenizer_size:
        raise UsageError(
            N_("model.vocabulary_size is {given}, but the tokenizer has {needed} tokens."),
            given=model.vocabulary_size,
            needed=tokenizer_size,
        )
    return model.vocabulary_size


def build(
    model: Model, vocabulary_size: int, seed: int = 0, *, end_of_text: int | None = None
) -> PreTrainedModel:
    """The model on the CPU in float32, with SDPA attention and freshly drawn weights.

    `vocabulary_size` is the number of rows of the embedding (see `padded_vocabulary`). The weights depend on
    the numbers and `seed` alone: they are drawn on the CPU whatever device is there, and the global random
    state is left as it was.
    """
    import torch

    kind, config = (
        _model_class(model.architecture),
        configuration(model, vocabulary_size, end_of_text=end_of_text),
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        built: PreTrainedModel = kind(config)
    return built


def build_empty(model: Model, vocabulary_size: int, *, end_of_text: int | None = None) -> PreTrainedModel:
    """The model on the meta device: shapes and names without memory."""
    import torch

    with torch.device("meta"):
        built: PreTrainedModel = _model_class(model.architecture)(
            configuration(model, vocabulary_size, end_of_text=end_of_text)
        )
    return built


def parameter_count(model: PreTrainedModel) -> int:
    """Distinct parameters; a tied output layer counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def configuration(model: Model, vocabulary_size: int, *, end_of_text: int | None = None) -> PretrainedConfig:
    """transformers' configuration object for these numbers.

    There is no padding token: transformers would hold its embedding at zero, and here every id is a real one.
    """
    shared: dict[str, Any] = {
        "vocab_size": vocabulary_size,
        "tie_word_embeddings": model.tie_embeddings,
        "initializer_range": model.initializer_range,
        "use_cache": False,
        "bos_token_id": None,
        "eos_token_id": end_of_text,
        "pad_token_id": None,
        "attn_implementation": "sdpa",
        "dtype": "float32",
    }
    if model.architecture == "gpt2":
        return _gpt2(model, shared)
    shared |= {
        "hidden_size": model.width,
        "intermediate_size": model.mlp_width,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.key_value_heads,
        "max_position_embeddings": model.context_length,
        "attention_dropout": model.dropout,
        "rope_parameters": {"rope_type": "default", "rope_theta": model.rope_theta},
    }
    if model.architecture == "olmo":
        from transformers.models.olmo.configuration_olmo import OlmoConfig

        return OlmoConfig(**shared)
    shared["rms_norm_eps"] = model.norm_epsilon
    if model.architecture == "olmo2":
        from transformers.models.olmo2.configuration_olmo2 import Olmo2Config

        return Olmo2Config(**shared)
    from transformers.models.llama.configuration_llama import LlamaConfig

    return LlamaConfig(**shared)


def _gpt2(model: Model, shared: dict[str, Any]) -> PretrainedConfig:
    from transformers.models.gpt2.configuration_gpt2 import GPT2Config

    return GPT2Config(
        **shared,
        n_positions=model.context_length,
        n_embd=model.width,
        n_layer=model.layers,
        n_head=model.heads,
        n_inner=model.mlp_width,
        resid_pdrop=model.dropout,
        embd_pdrop=model.dropout,
        attn_pdrop=model.dropout,
        layer_norm_epsilon=model.norm_epsilon,
    )


def _model_class(architecture: str) -> type[PreTrainedModel]:
    if architecture == "gpt2":
        from transformers.models.gpt2.modeling_gpt2 import GPT2LMHeadModel

        return GPT2LMHeadModel
    if architecture == "olmo":
        from transformers.models.olmo.modeling_olmo import OlmoForCausalLM

        return OlmoForCausalLM
    if architecture == "olmo2":
        from transformers.models.olmo2.modeling_olmo2 import Olmo2ForCausalLM

        return Olmo2ForCausalLM
    if architecture == "llama":
        from transformers.models.llama.modeling_llama import LlamaForCausalLM

        return LlamaForCausalLM
    raise ValueError(f"unknown architecture {architecture!r}: olmo, olmo2, llama or gpt2")
