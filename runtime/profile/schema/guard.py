"""`guard`: what happens when the numbers of a training, or the disk, go wrong."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runtime.profile.schema.base import Natural, NonNegative, Section, available_later

Action = Literal["skip", "rollback", "stop", "warn"]


class Spike(Section):
    """A step whose loss or gradient norm stands out of the last ones (`runtime.train.spikes`)."""

    action: Action = "skip"
    """What a spike does: `skip` leaves out this step's update, `rollback` goes back to the newest checkpoint
    and on with other data, `stop` ends the run, `warn` only tells."""

    window: Annotated[int, Field(ge=16, le=100_000)] = 128
    """Steps that a step is compared with. Nothing is judged before half of them (at least 20) are there."""

    sigma: Annotated[float, Field(ge=1, le=1000)] = 6.0
    """Robust standard deviations above the median that make a spike."""


class Disk(Section):
    """Room for checkpoints while the run goes on. `disk: null` turns it off: a save then simply fails where
    the disk is full."""

    margin_gib: NonNegative = 0.05
    """GiB that a save has to leave free. Saving pauses while less would be left, and goes on by itself."""

    warn_below_gib: NonNegative | None = None
    """Free GiB below which a warning is given. Empty: when fewer than two more checkpoints fit."""


class Guard(Section):
    """What a fault in the numbers, or a disk that fills up, does."""

    non_finite: Annotated[
        Literal["stop", "skip", "rollback"], available_later("warn", "ignore", "continue")
    ] = "stop"
    """What a NaN or an infinity in loss or gradients does: `stop` ends the run before the step's update;
    `skip` leaves the update out and goes on; `rollback` goes back to the newest checkpoint and jumps over the
    data from there to the fault."""

    max_skips: Natural = 10
    """Of the last 100 steps so many may be skipped; the next one that would be ends the run."""

    max_rollbacks: Natural = 3
    """So often the whole run may be rolled back; the next time ends it."""

    spike: Spike | None = None
    """Guard against steps that are finite but far out; empty is off."""

    disk: Disk | None = Field(default_factory=Disk)
    """Room for checkpoints: margin and warning; null is off."""
