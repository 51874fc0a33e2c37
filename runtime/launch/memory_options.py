"""`attempts/<n>/memory.json`: what smaller micro-batches would need on each device, reckoned at launch, so
that
whoever explains a device out of memory has the numbers without reading profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.run.files import ForeignSchema, read_json
from runtime.run.layout import RunDirectory

if TYPE_CHECKING:
    from runtime.profile import Profile


def memory_options(profile: Profile) -> dict[str, Any] | None:
    """{"micro_batch", "bytes", "parts", "precision", "options": [{"micro_batch", "bytes"}, …]}: bytes on each
    device with the profile's own micro-batch, and with each smaller one that halves it evenly. None where
    nothing is trained or the vocabulary isn't known yet."""
    from runtime.messages import UsageError
    from runtime.profile import estimate, geometry

    if profile.train is None or profile.model is None or profile.job != "pretrain":
        return None
    size = geometry(profile).micro_batch
    try:
        planned = estimate(profile)
        options = []
        smaller = size
        while smaller > 1 and smaller % 2 == 0:
            smaller //= 2
            train = profile.train.model_copy(update={"micro_batch": smaller})
            needed = estimate(profile.model_copy(update={"train": train})).memory_total
            options.append({"micro_batch": smaller, "bytes": needed})
    except UsageError:
        return None
    return {
        "micro_batch": size,
        "bytes": planned.memory_total,
        "parts": dict(planned.memory),
        "precision": profile.train.precision,
        "options": options,
    }


def read_memory_options(run: RunDirectory, attempt: int) -> dict[str, Any] | None:
    """What was reckoned for an attempt; an automatic restart runs what the attempt before it ran."""
    for number in range(attempt, 0, -1):
        try:
            found = read_json(run.attempt(number).memory)
        except (OSError, ForeignSchema):
            return None
        if found is not None:
            return {name: value for name, value in found.items() if name != "schema"}
    return None
