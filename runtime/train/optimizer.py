"""AdamW and its parameter groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn

from runtime.train.schedule import Schedule

if TYPE_CHECKING:
    from runtime.profile.schema import Optimizer


def decayed_parameters(model: nn.Module, decay_embeddings: bool) -> set[str]:
    """Names of the parameters that weight decay applies to: matrices, but for embeddings where asked.

    Norms and biases (fewer than two dimensions) never decay. A head tied to the embedding is the embedding.
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2 and (decay_embeddings or id(parameter) not in embeddings)
    }


def build_adamw(model: nn.Module, settings: Optimizer) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019) over the trainable parameters in two groups: decayed and not.

    Fused: one kernel instead of about ten a tensor, on CPU as on CUDA.
    """
    decayed = decayed_parameters(model, settings.decay_embeddings)
    trainable = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for name, p in trainable if name in decayed], "weight_decay": settings.weight_decay},
        {"params": [p for name, p in trainable if name not in decayed], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.epsilon,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, schedule: Schedule, step: int) -> float:
    """Give every group the rate of update `step` (from 1); returns it."""
    rate = schedule.learning_rate(step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def materialise_state(optimizer: torch.optim.Optimizer) -> None:
    """Make the optimizer allocate its state, so that a checkpoint has tensors to be loaded into.

    Optimizers allocate on their first step: one with zero gradients and rate 0 changes no parameter, and what
    it leaves in the state is overwritten by the load.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def gradient_norm(parameters: Iterable[nn.Parameter]) -> torch.Tensor:
    """Global L2 norm of the gradients, a scalar on their device."""
    return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


def scale_gradients(parameters: Iterable[nn.Parameter], factor: float) -> None:
    """Multiply every gradient by `factor` in place."""
    torch._foreach_mul_([p.grad for p in parameters if p.grad is not None], factor)
