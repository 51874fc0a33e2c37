"""Causal language modelling: the summed loss of a micro-batch, with the head and the loss in one piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

IGNORED = -100
"""Label of a position that is not trained on."""


@dataclass(frozen=True)
class LossSums:
    """Sums over the trained tokens of a micro-batch, scalars on the model's device, float32.

    `objective` is what to call backward on: cross-entropy plus z-loss, times the scale that was asked for.
    `cross_entropy` and `z` are plain sums without gradient.
    """

    objective: torch.Tensor
    cross_entropy: torch.Tensor
    z: torch.Tensor


class CausalObjective(nn.Module):
    """A causal language model together with its loss, as one module for a strategy to wrap.

    `model` is a transformers causal model: `base_model` gives hidden states [batch, sequence, width] and
    `get_output_embeddings()` the head, a linear layer without bias.
    """

    def __init__(self, model: Any, z_loss: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.z_loss = z_loss
        head = model.get_output_embeddings()
        if head.bias is not None:
            raise ValueError("the head of the model has a bias, which the chunked loss doesn't know")

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor, scale: float) -> LossSums:
        """Sums for `inputs` and `labels`, both int64 [batch, sequence]; labels are aligned with the inputs.

        Position i is asked for labels[i], which is the token after inputs[i]; IGNORED is not counted. `scale`
        multiplies the objective (1 / number of trained tokens, times what the strategy's averaging undoes).
        """
        hidden = self.model.base_model(input_ids=inputs, use_cache=False).last_hidden_state
        weight = self.model.get_output_embeddings().weight
        rows = hidden.flatten(0, 1)
        objective, sums = _ChunkedLoss.apply(  # type: ignore[no-untyped-call]
            rows, weight, labels.flatten(), self.z_loss, scale
        )
        return LossSums(objective, sums[0], sums[1])


def rows_in_chunk(vocabulary: int) -> int:
    """Rows of logits that are made at a time.

    Small enough for the caches at small vocabularies; at large ones the head's gradient, as large as the
    head, is read and written once a chunk, so that chunks must be longer to be worth it.
    """
    return 512 if vocabulary <= 32_768 else 2_048


class _ChunkedLoss(torch.autograd.Function):
    """Cross-entropy of `rows @ weight.T` summed over rows, without ever holding all logits.

    The gradients are computed chunk by chunk in the forward pass, where a chunk's logits are at hand, as in
    Hsu et al., "Liger Kernel" (2024). With z-loss (Chowdhery et al., "PaLM", 2022), coefficient · log² Z is
    added for each row. Logits are made in autocast's type where autocast is on, and reduced in float32.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor, z_loss: float, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        device = rows.device.type
        mixed = torch.is_autocast_enabled(device)
        kind = torch.get_autocast_dtype(device) if mixed else weight.dtype
        wanted = any(ctx.needs_input_grad[:2])
        with torch.autocast(device, enabled=False):
            sums, row_gradient, weight_gradient = _in_chunks(
                rows.to(kind), weight.to(kind), labels, z_loss, scale, wanted
            )
        if wanted:
            ctx.save_for_backward(row_gradient.to(rows.dtype), weight_gradient.to(weight.dtype))
        ctx.mark_non_differentiable(sums)
        return scale * (sums[0] + z_loss * sums[1]), sums

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor, _: torch.Tensor) -> Any:
        row_gradient, weight_gradient = ctx.saved_tensors
        return row_gradient * gradient, weight_gradient * gradient, None, None, None


def _in_chunks(
    rows: torch.Tensor, head: torch.Tensor, labels: torch.Tensor, z_loss: float, scale: float, wanted: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sums [cross-entropy, z] and, if wanted, the gradients of rows and head (the latter in float32)."""
    sums = rows.new_zeros(2, dtype=torch.float32)
    row_gradient = torch.empty_like(rows if wanted else rows[:0])
    head_gradient = torch.zeros_like(head if wanted else head[:0], dtype=torch.float32)
    size = rows_in_chunk(head.shape[0])
    for start in range(0, rows.shape[0], size):
        part = slice(start, start + size)
        logits = (rows[part] @ head.T).float()
        gradient = _chunk(logits, labels[part], z_loss, scale, sums, wanted)
        if gradient is None:
            continue
        gradient = gradient.to(head.dtype)
        torch.mm(gradient, head, out=row_gradient[part])
        if head.dtype == torch.float32:
            head_gradient.addmm_(gradient.T, rows[part])
        else:
            head_gradient += gradient.T @ rows[part]
    return sums, row_gradient, head_gradient


def _chunk(
    logits: torch.Tensor, labels: torch.Tensor, z_loss: float, scale: float, sums: torch.Tensor, wanted: bool
) -> torch.Tensor | None:
    """Add a chunk's sums to `sums` [cross-entropy, z]; its logits' gradient, in the logits' own memory, if
    wanted.

    With p = softmax(logits): d(cross-entropy) = p - onehot, d(log² Z) = 2 · log Z · p; ignored rows get zero.
    """
    trained = labels != IGNORED
    targets = labels.clamp_min(0).unsqueeze(1)
    log_z = torch.logsumexp(logits, dim=1)
    weights = trained.float()
    sums[0] += torch.dot(log_z - logits.gather(1, targets).squeeze(1), weights)
    sums[1] += torch.dot(log_z.square(), weights)
    if not wanted:
        return None
    probabilities = logits.sub_(log_z.unsqueeze(1)).exp_()
    if z_loss:
        probabilities.mul_((1.0 + 2.0 * z_loss * log_z).unsqueeze(1))
    probabilities.scatter_add_(1, targets, logits.new_full(targets.shape, -1.0))
    return probabilities.mul_((weights * scale).unsqueeze(1))
