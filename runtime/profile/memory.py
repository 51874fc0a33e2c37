"""Memory that training needs on each device, by part, in bytes.

Parameters, gradients and AdamW's two moments are float32 whatever the precision; bf16 is autocast, so that
only what the matrix products read and give is bf16. With P = parameters, and per device T = micro_batch ×
sequence_length tokens:

    weights      4·P, and with bf16 2 bytes more for each parameter of the layers' matrices (autocast's
        copies)
    gradients    4·P (under DDP they live in the buckets that are sent, so that these cost nothing more)
    optimizer    8·P
    activations  T · (layers · a layer's bytes + the ends' bytes), see `_LAYER`; no recomputation
    logits       rows · V · 8 + 8 · V · W + T · W · 8: the loss is made in chunks of `rows` logits, with the
        head's and the
                 hidden states' gradients held beside them until the backward pass reaches them

The sum is the peak in the first backward pass after the first step. Not counted: what the CUDA context and
libraries take (0.5 to 1 GiB), the allocator's fragmentation, NCCL's buffers, and the temporary tensors of one
layer's backward pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.profile.parameters import Parameters

if TYPE_CHECKING:
    from runtime.profile.batch import Geometry
    from runtime.profile.schema import Model

_LAYER = {
    ("olmo", "float32"): (24, 8, 16),
    ("olmo", "bf16"): (22, 4, 8),
    ("olmo2", "float32"): (40, 16, 16),
    ("olmo2", "bf16"): (38, 12, 8),
    ("llama", "float32"): (32, 8, 16),
    ("llama", "bf16"): (30, 4, 8),
    ("gpt2", "float32"): (24, 8, 20),
    ("gpt2", "bf16"): (16, 4, 10),
}
"""Bytes that a layer keeps for the backward pass for each token: so many for each of its width, of its keys'
width (kv_heads × width / heads) and of its mlp_width. They are the tensors that transformers' modules save
with SDPA attention that doesn't hold its matrix; 4 more for each head (the attention's log-sum-exp). A
test counts them."""

_ENDS = {"olmo": 4, "olmo2": 8, "llama": 8, "gpt2": 4}
"""The same outside of the layers, for the width: the last norm."""

_SMALL_VOCABULARY = 32_768


def chunk_rows(vocabulary_size: int) -> int:
    """Rows of logits that the loss makes at a time (`runtime.train.objective.rows_in_chunk`, which a test
    compares)."""
    return 512 if vocabulary_size <= _SMALL_VOCABULARY else 2048


def memory_by_part(
    model: Model, parameters: Parameters, shape: Geometry, precision: str, vocabulary_size: int
) -> dict[str, int]:
    """Bytes on each device: weights, gradients, optimizer, activations, logits."""
    tokens = shape.micro_batch * shape.sequence_length
    copies = 2 * parameters.matrices if precision == "bf16" else 0
    rows = min(tokens, chunk_rows(vocabulary_size))
    return {
        "weights": 4 * parameters.total + copies,
        "gradients": 4 * parameters.total,
        "optimizer": 8 * parameters.total,
        "activations": tokens * activation_bytes_per_token(model, precision),
        "logits": 8 * vocabulary_size * (rows + model.width) + 8 * tokens * model.width,
    }


def activation_bytes_per_token(model: Model, precision: str) -> int:
    """Bytes that a forward pass keeps for each token until its backward pass."""
    of_width, of_keys, of_mlp = _LAYER[model.architecture, precision]
    key_value = model.key_value_heads * model.head_width
    layer = of_width * model.width + of_keys * key_value + of_mlp * model.mlp_width + 4 * model.heads
    return model.layers * layer + _ENDS[model.architecture] * model.width
