"""How a model is spread over processes: one file a strategy, and the loop doesn't know which it has."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import torch
from torch import nn
from torch.distributed import ProcessGroup

Result_co = TypeVar("Result_co", covariant=True)


class Pending(Protocol[Result_co]):
    """A result under way."""

    def wait(self) -> Result_co: ...


class Strategy(Protocol):
    """What the loop asks of a strategy. All methods are collective unless they say otherwise."""

    name: str
    rank: int
    world_size: int
    device: torch.device
    checkpoint_group: ProcessGroup | None
    """A gloo group that only checkpoint saves use, from their own thread. None: there is one process."""

    def prepare(self, module: nn.Module) -> nn.Module:
        """The module to call forward and backward on; parameters keep their values, and equal rank 0's."""

    def synchronised(self, module: nn.Module, last: bool) -> AbstractContextManager[object]:
        """Around forward and backward of a micro-batch: gradients meet on the `last` one only. Not
        collective.
        """

    def loss_scale(self) -> float:
        """What a rank's share of the loss is multiplied by so that gradients come out summed over ranks."""

    def begin_maximum(self, values: Sequence[int]) -> Pending[list[int]]:
        """Start the element-wise maximum over ranks, beside whatever else is under way."""

    def begin_sum(self, values: Sequence[float]) -> Pending[list[float]]:
        """Start the element-wise sum over ranks, in float64."""

    def barrier(self) -> None:
        """Return when all ranks have come here."""

    def close(self) -> None:
        """Leave the process groups."""


def open_strategy(
    name: str, *, rank: int, world_size: int, device: torch.device, rendezvous: str
) -> Strategy:
    """The strategy of a profile's `parallel.strategy`; `auto` is `ddp` for more than one process.

    `rendezvous` is an URL for `torch.distributed` (file://… on one node) and unused for one process.
    ValueError: `single` with more than one process, or a name that isn't known.
    """
    if name == "auto":
        name = "ddp" if world_size > 1 else "single"
    if name == "single":
        if world_size != 1:
            raise ValueError(
                f"parallel.strategy single is for one process, and there are {world_size}: use ddp or auto"
            )
        from runtime.train.strategies.single import Single

        return Single(device)
    if name == "ddp":
        from runtime.train.strategies.ddp import DataParallel

        return DataParallel(rank, world_size, device, rendezvous)
    raise ValueError(f"parallel.strategy {name} is not known: use auto, single or ddp")
