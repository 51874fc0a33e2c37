"""Learning rate, parameter groups, clipping."""

from __future__ import annotations

import math

import pytest
import torch

from runtime.profile.schema import Optimizer, Train
from runtime.train.optimizer import (
    build_adamw,
    decayed_parameters,
    gradient_norm,
    materialise_state,
    scale_gradients,
    set_learning_rate,
)
from runtime.train.schedule import Schedule, schedule_of
from tests.runtime.train.small import Small, small_model


def test_warm_up_is_linear_and_the_cosine_ends_at_the_minimum() -> None:
    schedule = Schedule(peak=1.0, warmup_steps=4, decay_steps=104, minimum_ratio=0.1)
    assert [schedule.learning_rate(step) for step in (1, 2, 3, 4)] == [0.25, 0.5, 0.75, 1.0]
    assert schedule.learning_rate(54) == pytest.approx(0.55)
    assert schedule.learning_rate(29) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 4)))
    assert schedule.learning_rate(104) == pytest.approx(0.1)
    assert schedule.learning_rate(10_000) == pytest.approx(0.1)


def test_constant_holds_the_peak_after_the_warm_up() -> None:
    schedule = Schedule(1.0, 2, 10, 0.1, name="constant")
    assert [schedule.learning_rate(step) for step in (1, 2, 3, 50)] == [0.5, 1.0, 1.0, 1.0]


def test_without_a_warm_up_the_first_step_has_nearly_the_peak() -> None:
    assert Schedule(1.0, 0, 1000, 0.0).learning_rate(1) == pytest.approx(1.0, abs=1e-5)


def test_a_profile_s_warm_up_in_tokens_is_whole_steps_and_decay_ends_with_the_run() -> None:
    train = Train.model_validate(
        {"steps": 50, "batch": 4, "schedule": {"warmup_tokens": 1001, "minimum_ratio": 0.2}}
    )
    schedule = schedule_of(train, total_steps=50, tokens_per_step=100)
    assert (schedule.warmup_steps, schedule.decay_steps, schedule.minimum_ratio) == (11, 50, 0.2)


@pytest.mark.parametrize("decay_embeddings", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_weight_decay_is_for_matrices_and_embeddings_only_where_asked(
    decay_embeddings: bool, tied: bool
) -> None:
    model = small_model("gpt2", tie_embeddings=tied)
    decayed = decayed_parameters(model, decay_embeddings)
    assert not any("bias" in name or "ln_" in name for name in decayed)
    assert "transformer.h.0.attn.c_attn.weight" in decayed
    assert ("transformer.wte.weight" in decayed) == decay_embeddings
    assert ("transformer.wpe.weight" in decayed) == decay_embeddings
    assert ("lm_head.weight" in decayed) == (not tied)


def test_the_optimizer_has_every_parameter_once() -> None:
    model = small_model("olmo2", tie_embeddings=True)
    optimizer = build_adamw(model, Optimizer(weight_decay=0.1))
    parameters = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(parameters) == sorted(id(p) for p in model.parameters())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    assert set_learning_rate(optimizer, Schedule(1.0, 2, 10, 0.1), 1) == 0.5
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5]


def test_allocating_the_state_changes_no_parameter() -> None:
    small = Small.create()
    before = [p.detach().clone() for p in small.objective.parameters()]
    materialise_state(small.optimizer)
    assert len(small.optimizer.state) == len(before)
    for parameter, old in zip(small.objective.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
        assert parameter.grad is None


def test_norm_and_scaling_of_gradients_are_global() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
    parameters[0].grad, parameters[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    assert gradient_norm(parameters).item() == 5.0
    scale_gradients(parameters, 0.5)
    assert gradient_norm(parameters).item() == 2.5
