"""`model`: an architecture with its numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from runtime.messages import N_
from runtime.profile.schema.base import (
    Positive,
    Section,
    Share,
    Text,
    Violation,
    enforce,
    violation,
)

ARCHITECTURE_DEFAULTS: dict[str, dict[str, float | bool]] = {
    "olmo": {"rope_theta": 10_000.0, "norm_epsilon": 1e-5, "tie_embeddings": True},
    "olmo2": {"rope_theta": 500_000.0, "norm_epsilon": 1e-6, "tie_embeddings": False},
    "gpt2": {"norm_epsilon": 1e-5, "tie_embeddings": True},
    "llama": {"rope_theta": 500_000.0, "norm_epsilon": 1e-5, "tie_embeddings": False},
}
"""What the published models of each architecture have. Filled in on loading, so that the frozen profile says
it."""

OLMO_NORM_EPSILON = 1e-5
"""Fixed in OLMo's LayerNorm, which has no parameters (transformers: `OlmoLayerNorm`)."""


class Model(Section):
    """The numbers of a causal language model.

    `kv_heads` None means as many as `heads`. `vocabulary_size` None means the tokenizer's, padded up to a
    multiple of 64. `weights` is a checkpoint (`RUN@STEP`, or the path of its directory) whose weights the run
    begins with; optimizer, step and order of the data are fresh.
    """

    architecture: Literal["olmo", "olmo2", "gpt2", "llama"]
    layers: Annotated[int, Field(ge=1, le=10_000)]
    width: Annotated[int, Field(ge=1, le=1_048_576)]
    heads: Annotated[int, Field(ge=1, le=65_536)]
    kv_heads: Annotated[int, Field(ge=1, le=65_536)] | None = None
    mlp_width: Annotated[int, Field(ge=1, le=4_194_304)]
    context_length: Annotated[int, Field(ge=2, le=134_217_728)]
    vocabulary_size: Annotated[int, Field(ge=2, le=16_777_216)] | None = None
    rope_theta: Positive | None = None
    norm_epsilon: Positive = 1e-5
    tie_embeddings: bool = False
    dropout: Share = 0.0
    initializer_range: Positive = 0.02
    weights: Text | None = None

    @property
    def key_value_heads(self) -> int:
        """The number of heads of keys and values."""
        return self.heads if self.kv_heads is None else self.kv_heads

    @property
    def head_width(self) -> int:
        """The width of one attention head."""
        return self.width // self.heads

    @model_validator(mode="before")
    @classmethod
    def _fill_architecture_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("architecture"), str):
            return data
        defaults = ARCHITECTURE_DEFAULTS.get(data["architecture"], {})
        return {**data, **{key: value for key, value in defaults.items() if data.get(key) is None}}

    @model_validator(mode="after")
    def _check_rules(self) -> Model:
        enforce([*self._shape_rules(), *self._architecture_rules()])
        return self

    def _shape_rules(self) -> list[Violation]:
        found = []
        if self.width % self.heads:
            found.append(
                violation(
                    "heads",
                    N_("{heads} heads don't divide the width {width}"),
                    "width",
                    heads=self.heads,
                    width=self.width,
                )
            )
        elif self.rope_theta is not None and self.head_width % 2:
            found.append(
                violation(
                    "heads",
                    N_("rotary positions need an even width of each head, and {width} / {heads} is {size}"),
                    "width",
                    width=self.width,
                    heads=self.heads,
                    size=self.head_width,
                )
            )
        if self.kv_heads is not None and self.heads % self.kv_heads:
            found.append(
                violation(
                    "kv_heads",
                    N_("{kv_heads} key and value heads don't divide the {heads} heads"),
                    "heads",
                    kv_heads=self.kv_heads,
                    heads=self.heads,
                )
            )
        return found

    def _architecture_rules(self) -> list[Violation]:
        found = []
        if self.architecture == "gpt2":
            if self.rope_theta is not None:
                found.append(
                    violation(
                        "rope_theta",
                        N_("gpt2 learns its positions and has no rope_theta; remove it"),
                        "architecture",
                    )
                )
            if self.kv_heads not in (None, self.heads):
                found.append(
                    violation(
                        "kv_heads",
                        N_("gpt2 has as many key and value heads as heads; remove kv_heads"),
                        "architecture",
                    )
                )
        if self.architecture == "olmo" and self.norm_epsilon != OLMO_NORM_EPSILON:
            found.append(
                violation(
                    "norm_epsilon", N_("olmo's norm has a fixed epsilon of {value}; remove it"), value="1e-5"
                )
            )
        return found
