"""`train`: how long, in what batches, with which optimizer and schedule; and what happens beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from runtime.messages import N_
from runtime.profile.schema.base import (
    Count,
    Listed,
    Natural,
    NonNegative,
    Positive,
    Section,
    Share,
    Violation,
    available_later,
    enforce,
    exactly_one,
    violation,
)


class Optimizer(Section):
    """AdamW (Loshchilov and Hutter, arXiv 1711.05101). `decay_embeddings` false leaves embeddings out of the
    decay."""

    name: Annotated[Literal["adamw"], available_later("adam", "sgd", "adafactor", "muon", "lion")] = "adamw"
    learning_rate: Positive = 4e-4
    betas: Annotated[tuple[Share, Share], Listed] = (0.9, 0.95)
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.1
    decay_embeddings: bool = True


class Schedule(Section):
    """The learning rate over the steps: a linear warm-up, then a cosine to `minimum_ratio` of the peak, or
    constant.

    `decay_steps`: the step at which the cosine ends; None means the last one.
    """

    name: Annotated[Literal["cosine", "constant"], available_later("linear", "wsd", "inverse_sqrt")] = (
        "cosine"
    )
    warmup_steps: Natural | None = None
    warmup_tokens: Natural | None = None
    minimum_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    decay_steps: Count | None = None

    @model_validator(mode="after")
    def _check_rules(self) -> Schedule:
        found = exactly_one(self, ("warmup_steps", "warmup_tokens"), needed=False)
        if self.decay_steps is not None and self.name == "constant":
            found.append(
                violation("decay_steps", N_("a constant schedule doesn't decay; remove decay_steps"))
            )
        if self.decay_steps is not None and self.decay_steps <= (self.warmup_steps or 0):
            found.append(
                violation(
                    "decay_steps",
                    N_("the decay would end at step {decay}, before the warm-up does at step {warmup}"),
                    decay=self.decay_steps,
                    warmup=self.warmup_steps,
                )
            )
        enforce(found)
        return self


class Train(Section):
    """How a model is trained.

    One of `steps`, `tokens`, `epochs` says how long; one of `batch` (sequences) and `batch_tokens` how large
    the global batch is. `micro_batch`: sequences a process for one forward pass; None means batch / world
    size. `clip`: the largest norm of the gradient; None is off. `threads`: CPU threads a process; None means
    cores / processes.
    """

    steps: Count | None = None
    tokens: Count | None = None
    epochs: Positive | None = None
    batch: Count | None = None
    batch_tokens: Count | None = None
    micro_batch: Count | None = None
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip: Positive | None = 1.0
    z_loss: NonNegative = 0.0
    precision: Annotated[Literal["float32", "bf16"], available_later("fp16", "float16", "fp8", "float8")] = (
        "float32"
    )
    seed: Natural = 0
    deterministic: bool = True
    threads: Annotated[int, Field(ge=1, le=4096)] | None = None
    log_every: Count = 1

    @model_validator(mode="after")
    def _check_rules(self) -> Train:
        enforce(
            [
                *exactly_one(self, ("steps", "tokens", "epochs")),
                *exactly_one(self, ("batch", "batch_tokens")),
                *self._batch_rules(),
            ]
        )
        return self

    def _batch_rules(self) -> list[Violation]:
        if self.batch is None or self.micro_batch is None or self.micro_batch <= self.batch:
            return []
        return [
            violation(
                "micro_batch",
                N_("a micro-batch of {micro_batch} is larger than the batch of {batch}"),
                micro_batch=self.micro_batch,
                batch=self.batch,
            )
        ]


class Parallel(Section):
    """How processes share the work. `auto`: single for one process, ddp for more."""

    strategy: Annotated[
        Literal["auto", "single", "ddp"],
        available_later("fsdp", "fsdp2", "hsdp", "deepspeed", "tensor", "pipeline", "context"),
    ] = "auto"


class Checkpoint(Section):
    """When the whole state is saved, and what is kept. `keep_best`: a metric such as eval/holdout/loss."""

    every_steps: Count | None = None
    """Save after each so many steps. What was done since the last save is lost to a crash."""

    every_minutes: Positive | None = None
    """Save whenever so many minutes have passed; may stand beside every_steps."""

    keep_last: Count = 3
    """The newest so many stay; older ones are deleted once a newer one has been verified."""

    keep_every: Count | None = None
    """Those at multiples of so many steps stay for good."""

    keep_best: Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[A-Za-z0-9_.-]+)+$", max_length=128)] | None = None
    """The one with the lowest value of this metric stays, for example eval/holdout/loss."""

    at_end: bool = True
    """Save at the last step. If that save fails, so does the run."""

    @model_validator(mode="after")
    def _check_rules(self) -> Checkpoint:
        if (
            self.keep_every is not None
            and self.every_steps is not None
            and self.keep_every % self.every_steps
        ):
            enforce(
                [
                    violation(
                        "keep_every",
                        N_("must be a multiple of every_steps ({every}), or no checkpoint falls on it"),
                        every=self.every_steps,
                    )
                ]
            )
        return self


class Evaluate(Section):
    """Evaluation while training: `eval/holdout/loss` and `eval/holdout/perplexity` of `batches` held-out
    batches."""

    every_steps: Count | None = None
    batches: Count = 16
