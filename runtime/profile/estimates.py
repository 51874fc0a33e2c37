"""What a run will cost: parameters, memory, tokens, FLOPs, time and money, from the profile's numbers and
without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from runtime.profile.batch import geometry, total_steps, world_size
from runtime.profile.devices import TERA, find_device
from runtime.profile.memory import memory_by_part
from runtime.profile.parameters import count, flops_per_token

if TYPE_CHECKING:
    from runtime.profile.schema import Profile

VOCABULARY_MULTIPLE = 64
"""A tokenizer's vocabulary is padded up to a multiple of it where the profile names no size."""


@dataclass(frozen=True)
class Estimate:
    """What a profile's training needs.

    `memory` is bytes on each device by part (see `runtime.profile.memory`), `device_memory` what the planned
    device has. `flops` are for the whole run. None: not known, because the device isn't (`seconds`,
    `tokens_per_second`, `cost`), the price isn't (`cost`), or `train.epochs` needs the size of the data
    (`steps`, `tokens`, `flops` and all after them).
    """

    parameters: int
    parameters_without_embeddings: int
    vocabulary_size: int
    memory: dict[str, int]
    device: str | None
    devices: int
    device_memory: int | None
    steps: int | None
    tokens: int | None
    tokens_per_step: int
    flops_per_token: int
    flops: int | None
    tokens_per_second: float | None
    seconds: float | None
    cost: float | None
    currency: str

    @property
    def memory_total(self) -> int:
        """Bytes on each device."""
        return sum(self.memory.values())

    @property
    def checkpoint_bytes(self) -> int:
        """Bytes of one checkpoint on disk: weights and AdamW's two moments, 4 bytes a parameter each."""
        return 12 * self.parameters


def estimate(
    profile: Profile, *, vocabulary_size: int | None = None, tokens_per_epoch: int | None = None
) -> Estimate:
    """The estimate for a profile of kind `pretrain`.

    flops = tokens · flops_per_token; seconds = flops / (the device's peak · mfu · devices); cost = seconds /
    3600 · devices · price. `vocabulary_size` (a tokenizer's) and `tokens_per_epoch` say what the profile
    alone leaves open.

    Raises:
        UsageError: the profile has no model, or nobody says how large its vocabulary is.
    """
    if profile.model is None or profile.data is None or profile.train is None:
        raise UsageError(
            N_("{name} trains no model: there is nothing to estimate for a job of kind {job}"),
            name=profile.name,
            job=profile.job,
        )
    vocabulary = planned_vocabulary(profile, vocabulary_size)
    shape = geometry(profile)
    parameters = count(profile.model, vocabulary)
    for_token = flops_per_token(profile.model, parameters, shape.sequence_length)
    steps = total_steps(profile, tokens_per_epoch)
    tokens = None if steps is None else steps * shape.tokens_per_step
    speed = _tokens_per_second(profile, for_token)
    seconds = None if tokens is None or speed is None else tokens / speed
    device = find_device(profile.plan.device)
    return Estimate(
        parameters=parameters.total,
        parameters_without_embeddings=parameters.without_embeddings,
        vocabulary_size=vocabulary,
        memory=memory_by_part(profile.model, parameters, shape, profile.train.precision, vocabulary),
        device=profile.plan.device,
        devices=planned_devices(profile),
        device_memory=device.memory if device is not None else None,
        steps=steps,
        tokens=tokens,
        tokens_per_step=shape.tokens_per_step,
        flops_per_token=for_token,
        flops=None if tokens is None else tokens * for_token,
        tokens_per_second=speed,
        seconds=seconds,
        cost=_cost(profile, seconds),
        currency=profile.plan.currency,
    )


def planned_devices(profile: Profile) -> int:
    """`plan.devices`, or one a process."""
    return profile.plan.devices if profile.plan.devices is not None else world_size(profile)


def planned_vocabulary(profile: Profile, tokenizer_size: int | None = None) -> int:
    """Rows of the embedding: the profile's number, or the tokenizer's padded up to a multiple of 64.

    Raises:
        UsageError: neither the profile nor `tokenizer_size` says it.
    """
    if profile.model is not None and profile.model.vocabulary_size is not None:
        return profile.model.vocabulary_size
    tokenizer = profile.data.tokenizer if profile.data is not None else None
    if tokenizer_size is None and tokenizer is not None and tokenizer.train is not None:
        tokenizer_size = tokenizer.train.vocabulary_size
    if tokenizer_size is None:
        raise UsageError(
            N_("the size of the vocabulary is not known; set model.vocabulary_size in {name} to estimate"),
            name=profile.name,
        )
    return -(-tokenizer_size // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE


def _tokens_per_second(profile: Profile, flops_for_token: int) -> float | None:
    assert profile.train is not None
    device = find_device(profile.plan.device)
    if profile.plan.peak_tflops is not None:
        peak = profile.plan.peak_tflops * TERA
    elif device is not None:
        peak = device.peak(profile.train.precision)
    else:
        return None
    return peak * profile.plan.mfu * planned_devices(profile) / flops_for_token


def _cost(profile: Profile, seconds: float | None) -> float | None:
    price = profile.plan.price_per_device_hour
    if seconds is None or price is None:
        return None
    return seconds / 3600 * planned_devices(profile) * price
