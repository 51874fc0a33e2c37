"""One process: no process group, and nothing to wait for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import nn
from torch.distributed import ProcessGroup

Result = TypeVar("Result")


@dataclass(frozen=True)
class Done(Generic[Result]):
    """A result that was never under way."""

    value: Result

    def wait(self) -> Result:
        return self.value


class Single:
    name = "single"
    rank = 0
    world_size = 1
    checkpoint_group: ProcessGroup | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def prepare(self, module: nn.Module) -> nn.Module:
        return module

    def synchronised(self, module: nn.Module, last: bool) -> AbstractContextManager[object]:
        return nullcontext()

    def loss_scale(self) -> float:
        return 1.0

    def begin_maximum(self, values: Sequence[int]) -> Done[list[int]]:
        return Done(list(values))

    def begin_sum(self, values: Sequence[float]) -> Done[list[float]]:
        return Done(list(values))

    def barrier(self) -> None:
        pass

    def close(self) -> None:
        pass
