"""Names and shapes of a model's tensors, from its numbers alone; equal to transformers' own classes, which
tests
check. So weights are compared with a profile before anything is started, and without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.profile.schema import Model

Shape = tuple[int | None, ...]
"""None: a size that isn't known before the data is there (the vocabulary)."""


def tensors(model: Model, vocabulary_size: int | None) -> dict[str, Shape]:
    """Name in `state_dict()` → shape, tied duplicates left out. `vocabulary_size`: rows of the embedding."""
    if model.architecture == "gpt2":
        return _gpt2(model, vocabulary_size)
    width, mlp = model.width, model.mlp_width
    key_value = model.key_value_heads * model.head_width
    found: dict[str, Shape] = {"model.embed_tokens.weight": (vocabulary_size, width)}
    for number in range(model.layers):
        layer = f"model.layers.{number}"
        found |= {
            f"{layer}.self_attn.q_proj.weight": (width, width),
            f"{layer}.self_attn.k_proj.weight": (key_value, width),
            f"{layer}.self_attn.v_proj.weight": (key_value, width),
            f"{layer}.self_attn.o_proj.weight": (width, width),
            f"{layer}.mlp.gate_proj.weight": (mlp, width),
            f"{layer}.mlp.up_proj.weight": (mlp, width),
            f"{layer}.mlp.down_proj.weight": (width, mlp),
        }
        if model.architecture == "llama":
            found[f"{layer}.input_layernorm.weight"] = (width,)
            found[f"{layer}.post_attention_layernorm.weight"] = (width,)
        elif model.architecture == "olmo2":
            found[f"{layer}.self_attn.q_norm.weight"] = (width,)
            found[f"{layer}.self_attn.k_norm.weight"] = (key_value,)
            found[f"{layer}.post_attention_layernorm.weight"] = (width,)
            found[f"{layer}.post_feedforward_layernorm.weight"] = (width,)
    if model.architecture != "olmo":
        found["model.norm.weight"] = (width,)
    if not model.tie_embeddings:
        found["lm_head.weight"] = (vocabulary_size, width)
    return found


def _gpt2(model: Model, vocabulary_size: int | None) -> dict[str, Shape]:
    width, mlp = model.width, model.mlp_width
    found: dict[str, Shape] = {
        "transformer.wte.weight": (vocabulary_size, width),
        "transformer.wpe.weight": (model.context_length, width),
    }
    for number in range(model.layers):
        layer = f"transformer.h.{number}"
        for norm in ("ln_1", "ln_2"):
            found |= {f"{layer}.{norm}.weight": (width,), f"{layer}.{norm}.bias": (width,)}
        for name, rows, columns in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, mlp),
            ("mlp.c_proj", mlp, width),
        ):
            found |= {f"{layer}.{name}.weight": (rows, columns), f"{layer}.{name}.bias": (columns,)}
    found |= {"transformer.ln_f.weight": (width,), "transformer.ln_f.bias": (width,)}
    if not model.tie_embeddings:
        found["lm_head.weight"] = (vocabulary_size, width)
    return found
