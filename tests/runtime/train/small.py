"""A tiny model with everything around it that a checkpoint holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch

from runtime.jobs.failures import reason_of
from runtime.model.build import build
from runtime.profile.schema import Model, Optimizer
from runtime.run.checkpoints import CheckpointInfo
from runtime.run.layout import RunDirectory
from runtime.train.checkpointing import CheckpointSaver, Facts
from runtime.train.objective import CausalObjective
from runtime.train.optimizer import build_adamw
from runtime.train.state import State, training_state
from runtime.train.strategies import Strategy

VOCABULARY = 64


def small_model(architecture: str = "olmo2", seed: int = 0, **numbers: Any) -> Any:
    values = {"layers": 1, "width": 16, "heads": 2, "mlp_width": 32, "context_length": 16, **numbers}
    model = Model.model_validate_json(json.dumps({"architecture": architecture, **values}))
    return build(model, VOCABULARY, seed)


@dataclass
class Small:
    """A model and its optimizer, trained on fixed random tokens."""

    objective: CausalObjective
    optimizer: torch.optim.Optimizer

    @classmethod
    def create(cls, architecture: str = "olmo2", **numbers: Any) -> Small:
        model = small_model(architecture, **numbers)
        return cls(CausalObjective(model), build_adamw(model, Optimizer(learning_rate=1e-2)))

    @property
    def state(self) -> State:
        return training_state(self.objective.model, self.optimizer)

    def step(self, step: int) -> None:
        tokens = torch.randint(0, VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(step))
        self.objective(tokens[:, :-1], tokens[:, 1:], 1.0 / 16).objective.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def saver(run_dir: RunDirectory, strategy: Strategy, **options: Any) -> CheckpointSaver:
    info = CheckpointInfo(
        step=0,
        tokens=0,
        loss=None,
        world_size=strategy.world_size,
        strategy=strategy.name,
        data_fingerprint="data",
        versions={},
        time=0.0,
        attempt=1,
        run_id=run_dir.run_id,
    )
    return CheckpointSaver(run_dir, strategy, info=info, classify=reason_of, **options)


def facts(step: int) -> Facts:
    return Facts(step=step, tokens=step * 100, loss=1.0 / step, metrics={"eval/holdout/loss": 1.0 / step})
