"""Data parallel: every rank holds the whole model and a share of each batch (`DistributedDataParallel`)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from runtime.train import random_states


@dataclass
class Reducing:
    """An all-reduce under way on the CPU."""

    work: dist.Work
    values: torch.Tensor

    def wait(self) -> list[float]:
        self.work.wait()
        return cast("list[float]", self.values.tolist())


@dataclass
class ReducingIntegers(Reducing):
    def wait(self) -> list[int]:  # type: ignore[override]
        return cast("list[int]", super().wait())


class DataParallel:
    """DDP over gloo on the CPU and NCCL on CUDA.

    Three groups, because collectives of one group must come in the same order on every rank: the default one
    for gradients, a gloo group for book-keeping (orders, sums), and a gloo group for checkpoint saves, which
    come from a thread of their own.
    """

    name = "ddp"

    def __init__(self, rank: int, world_size: int, device: torch.device, rendezvous: str) -> None:
        self.rank, self.world_size, self.device = rank, world_size, device
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=rendezvous,
            rank=rank,
            world_size=world_size,
            device_id=device if device.type == "cuda" else None,
        )
        self._book_keeping = dist.new_group(backend="gloo")
        self._orders = dist.new_group(backend="gloo")
        self.checkpoint_group: dist.ProcessGroup | None = dist.new_group(backend="gloo")

    def prepare(self, module: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # broadcast_buffers has another name from torch 2.13 on
            wrapped = DistributedDataParallel(
                module,
                device_ids=[self.device] if self.device.type == "cuda" else None,
                broadcast_buffers=False,
                gradient_as_bucket_view=True,
            )
        self._settle_buckets(wrapped)
        return wrapped

    def _settle_buckets(self, module: DistributedDataParallel) -> None:
        """Let DDP regroup its gradient buckets now, before the first step.

        It does so once, after the first backward. With more than two ranks the grouping decides in which
        order gradients are added, so that the first step after a resume would differ in the last bit from the
        same step of an undisturbed run. One pass over two tokens settles it; random states are put back.
        """
        states = random_states.capture(self.device)
        tokens = torch.zeros(1, 2, dtype=torch.int64, device=self.device)
        for _ in range(2):  # buckets are regrouped when the second forward begins
            module(tokens, tokens, 0.0).objective.backward()
        module.zero_grad(set_to_none=True)
        random_states.restore(states, self.device)

    def synchronised(self, module: nn.Module, last: bool) -> AbstractContextManager[object]:
        return nullcontext() if last else cast("DistributedDataParallel", module).no_sync()

    def loss_scale(self) -> float:
        return float(self.world_size)  # DDP averages gradients over ranks

    def begin_maximum(self, values: Sequence[int]) -> ReducingIntegers:
        tensor = torch.tensor(values, dtype=torch.int64)
        work = dist.all_reduce(tensor, dist.ReduceOp.MAX, self._orders, async_op=True)
        return ReducingIntegers(cast("dist.Work", work), tensor)

    def begin_sum(self, values: Sequence[float]) -> Reducing:
        tensor = torch.tensor(values, dtype=torch.float64)
        work = dist.all_reduce(tensor, dist.ReduceOp.SUM, self._book_keeping, async_op=True)
        return Reducing(cast("dist.Work", work), tensor)

    def barrier(self) -> None:
        self.begin_sum([0.0]).wait()

    def close(self) -> None:
        dist.destroy_process_group()
