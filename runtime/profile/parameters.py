"""How many parameters an architecture has, from its numbers alone; equal to transformers' own classes, which
tests check.

With V = vocabulary, W = width, K = kv_heads × width / heads, M = mlp_width, C = context_length:

| | a layer's matrices | a layer's vectors | at the end | positions | | --- | --- | --- | --- | --- | | olmo |
2·W² + 2·W·K + 3·W·M | 0 (norms without parameters) | 0 | 0 | | olmo2 | 2·W² + 2·W·K + 3·W·M | 3·W + K (two
norms, norms of queries and keys) | W | 0 | | llama | 2·W² + 2·W·K + 3·W·M | 2·W | W | 0 | | gpt2 | 4·W² +
2·W·M | 4·W (norms) + 5·W + M (biases) | 2·W | C·W |

and V·W for the embedding, and once more for the head unless it is tied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.profile.schema import Model


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters by kind. `head` is 0 where it is tied to the embedding; `output` is what it
    multiplies by."""

    embedding: int
    positions: int
    matrices: int
    vectors: int
    head: int

    @property
    def total(self) -> int:
        """All parameters, a tied one counted once."""
        return self.embedding + self.positions + self.matrices + self.vectors + self.head

    @property
    def without_embeddings(self) -> int:
        """All but the input embedding and learned positions: layers, norms, and a head of its own."""
        return self.matrices + self.vectors + self.head

    @property
    def multiplied(self) -> int:
        """Parameters that each token is multiplied by: layers, norms and the head, tied or not."""
        return self.matrices + self.vectors + self.embedding


def count(model: Model, vocabulary_size: int) -> Parameters:
    """The parameters of the model with an embedding of `vocabulary_size` rows."""
    width, mlp = model.width, model.mlp_width
    key_value = model.key_value_heads * model.head_width
    embedding = vocabulary_size * width
    if model.architecture == "gpt2":
        matrices, vectors, last = 4 * width * width + 2 * width * mlp, 9 * width + mlp, 2 * width
    else:
        matrices = 2 * width * width + 2 * width * key_value + 3 * width * mlp
        vectors, last = {
            "olmo": (0, 0),
            "olmo2": (3 * width + key_value, width),
            "llama": (2 * width, width),
        }[model.architecture]
    return Parameters(
        embedding=embedding,
        positions=model.context_length * width if model.architecture == "gpt2" else 0,
        matrices=model.layers * matrices,
        vectors=model.layers * vectors + last,
        head=0 if model.tie_embeddings else embedding,
    )


def flops_per_token(model: Model, parameters: Parameters, sequence_length: int) -> int:
    """FLOPs of training on one token, forward and backward, without recomputation (Chowdhery et al., PaLM,
    appendix B): 6 · (parameters it is multiplied by: head included, input embedding not) + 12 · layers ·
    width · sequence."""
    return 6 * parameters.multiplied + 12 * model.layers * model.width * sequence_length
