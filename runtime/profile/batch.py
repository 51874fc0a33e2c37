"""Batch geometry: how a global batch is cut into processes, micro-batches and tokens, and how many steps
there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.profile.schema import Profile


@dataclass(frozen=True)
class Geometry:
    """batch = micro_batch × accumulation × world_size, all in sequences of `sequence_length` tokens."""

    batch: int
    micro_batch: int
    accumulation: int
    world_size: int
    sequence_length: int

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one optimizer step sees."""
        return self.batch * self.sequence_length


def world_size(profile: Profile) -> int:
    """The number of processes that run the job together."""
    return profile.launch.processes


def geometry(profile: Profile) -> Geometry:
    """The batch geometry of a profile with `data` and `train`.

    Raises:
        ValueError: the profile trains nothing.
    """
    if profile.data is None or profile.train is None:
        raise ValueError("only a profile with data and train has a batch geometry")
    length, world, train = profile.data.sequence_length, world_size(profile), profile.train
    batch = train.batch if train.batch is not None else (train.batch_tokens or 0) // length
    micro_batch = train.micro_batch if train.micro_batch is not None else batch // world
    return Geometry(batch, micro_batch, batch // (micro_batch * world), world, length)


def total_steps(profile: Profile, tokens_per_epoch: int | None = None) -> int | None:
    """The optimizer steps of the whole run; the first step that reaches the tokens or epochs asked for is the
    last.

    For `train.epochs`, `tokens_per_epoch` (tokens that one pass over the training data trains on) is needed:
    None where it isn't given. For a `command` job its own `steps`.
    """
    if profile.job == "command":
        return profile.command.steps if profile.command is not None else None
    train = profile.train
    if train is None or profile.data is None:
        return None
    if train.steps is not None:
        return train.steps
    per_step = geometry(profile).tokens_per_step
    if train.tokens is not None:
        return -(-train.tokens // per_step)
    if train.epochs is None or tokens_per_epoch is None:
        return None
    tokens = (
        Fraction(str(train.epochs)) * tokens_per_epoch
    )  # by its decimals: 0.1 epochs are a tenth, not a bit more
    return max(1, math.ceil(tokens / per_step))
