"""Loss on held-out documents, in the loop, on all ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from runtime.data.batches import evaluation_batches
from runtime.data.shards import TokenStream
from runtime.train.objective import IGNORED, CausalObjective
from runtime.train.strategies import Strategy


def perplexity(loss: float) -> float:
    """exp(loss), infinite where that overflows."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


@dataclass
class Evaluator:
    """Mean cross-entropy a token over the first `sequences` sequences of `stream`, always the same ones.

    Nothing random is drawn: dropout is off, and the order is the stream's. So evaluating or not changes
    nothing in the training.
    """

    name: str
    stream: TokenStream
    sequences: int
    sequence_length: int
    micro_batch: int

    def run(self, objective: CausalObjective, strategy: Strategy, autocast: Any) -> dict[str, float]:
        """`eval/<name>/loss` and `eval/<name>/perplexity`, equal on every rank. Collective."""
        objective.eval()
        loss_sum = torch.zeros((), dtype=torch.float64, device=strategy.device)
        tokens = 0
        with torch.no_grad():
            for inputs, labels in evaluation_batches(
                self.stream,
                sequence_length=self.sequence_length,
                micro_batch=self.micro_batch,
                sequences=self.sequences,
                rank=strategy.rank,
                world_size=strategy.world_size,
            ):
                tokens += int((labels != IGNORED).sum())
                with autocast:
                    sums = objective(
                        torch.from_numpy(inputs).to(strategy.device),
                        torch.from_numpy(labels).to(strategy.device),
                        1.0,
                    )
                loss_sum += sums.cross_entropy.double()
        objective.train()
        total, count = strategy.begin_sum([loss_sum.item(), tokens]).wait()
        loss = total / max(count, 1.0)
        return {f"eval/{self.name}/loss": loss, f"eval/{self.name}/perplexity": perplexity(loss)}
