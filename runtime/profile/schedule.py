"""Learning rate as a pure function of the step, so that a resume has nothing to restore."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from runtime.profile.schema import Train


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a cosine (Loshchilov and Hutter, 2017, without restarts) or a constant.

    `peak` is reached at step `warmup_steps`, `peak * minimum_ratio` at step `decay_steps`; later steps stay
    there. With `constant` the peak is held and the other two numbers mean nothing.
    """

    peak: float
    warmup_steps: int
    decay_steps: int
    minimum_ratio: float
    name: Literal["cosine", "constant"] = "cosine"

    def learning_rate(self, step: int) -> float:
        """The rate of the update that makes step `step`, counted from 1."""
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        if self.name == "constant":
            return self.peak
        span = max(self.decay_steps - self.warmup_steps, 1)
        progress = min(max(step - self.warmup_steps, 0) / span, 1.0)
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.peak * (self.minimum_ratio + (1.0 - self.minimum_ratio) * cosine)


def schedule_of(train: Train, total_steps: int, tokens_per_step: int) -> Schedule:
    """The schedule of a profile's `train` section; a warm-up in tokens is rounded up to whole steps."""
    schedule = train.schedule
    warmup = schedule.warmup_steps
    if warmup is None:
        warmup = -(-(schedule.warmup_tokens or 0) // tokens_per_step)
    return Schedule(
        peak=train.optimizer.learning_rate,
        warmup_steps=warmup,
        decay_steps=schedule.decay_steps or total_steps,
        minimum_ratio=schedule.minimum_ratio,
        name=schedule.name,
    )
