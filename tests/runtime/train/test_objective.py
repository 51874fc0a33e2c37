"""The chunked loss is the plain one, in value and in gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from runtime.train import objective as module
from runtime.train.objective import IGNORED, CausalObjective
from tests.runtime.train.small import VOCABULARY, small_model


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(0, VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(0))
    labels = tokens[:, 1:].clone()
    labels[0, :4] = IGNORED
    return tokens[:, :-1], labels


def plain(model: torch.nn.Module, z_loss: float, scale: float) -> torch.Tensor:
    """The textbook: all logits at once, autograd for the gradient."""
    inputs, labels = batch()
    logits = model(input_ids=inputs, use_cache=False).logits.float().flatten(0, 1)
    trained = (labels.flatten() != IGNORED).float()
    entropy = functional.cross_entropy(logits, labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return scale * (entropy + z_loss * (logits.logsumexp(1).square() * trained).sum())


@pytest.mark.parametrize("architecture", ["olmo", "olmo2", "gpt2", "llama"])
@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
@pytest.mark.parametrize("rows", [5, 512])
def test_value_and_gradients_are_those_of_the_textbook(
    architecture: str, z_loss: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "rows_in_chunk", lambda vocabulary: rows)
    model = small_model(architecture)
    expected = plain(model, z_loss, 0.25)
    expected.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    sums = CausalObjective(model, z_loss)(*batch(), 0.25)
    sums.objective.backward()
    torch.testing.assert_close(sums.objective, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        0.25 * (sums.cross_entropy + z_loss * sums.z), expected.detach(), rtol=1e-6, atol=1e-6
    )
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-6)


def test_the_gradient_follows_what_is_done_to_the_loss() -> None:
    model = small_model()
    objective = CausalObjective(model)
    objective(*batch(), 1.0).objective.backward()
    once = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    (objective(*batch(), 1.0).objective * 3).backward()
    for parameter, gradient in zip(model.parameters(), once, strict=True):
        torch.testing.assert_close(parameter.grad, 3 * gradient)


def test_bf16_stays_close_to_float32_and_gradients_stay_float32() -> None:
    model = small_model()
    objective = CausalObjective(model)
    exact = objective(*batch(), 1 / 29).objective
    with torch.autocast("cpu", torch.bfloat16):
        sums = objective(*batch(), 1 / 29)
    sums.objective.backward()
    assert sums.cross_entropy.dtype == torch.float32
    assert abs(sums.objective.item() - exact.item()) < 2e-2
    assert {p.grad.dtype for p in model.parameters() if p.grad is not None} == {torch.float32}


def test_no_gradient_is_computed_where_none_is_wanted() -> None:
    objective = CausalObjective(small_model())
    with torch.no_grad():
        sums = objective(*batch(), 1.0)
    assert not sums.objective.requires_grad
    inputs, labels = batch()
    with torch.no_grad():
        everything_ignored = objective(inputs, torch.full_like(labels, IGNORED), 1.0)
    assert everything_ignored.cross_entropy.item() == 0.0


def test_a_head_with_a_bias_is_refused() -> None:
    model = small_model()
    model.lm_head = torch.nn.Linear(16, VOCABULARY, bias=True)
    with pytest.raises(ValueError, match="bias"):
        CausalObjective(model)
