"""The training loop: one for every strategy. Read it from `Loop.run` downwards."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import nn

from runtime.data.batches import MicroBatch, TrainingBatches
from runtime.train.checkpointing import Facts
from runtime.train.evaluation import Evaluator
from runtime.train.faults import fault_factors, fault_point
from runtime.train.guards import Fault, Guards
from runtime.train.objective import IGNORED, CausalObjective
from runtime.train.optimizer import gradient_norm, scale_gradients, set_learning_rate
from runtime.train.orders import Decision, OrderExchange
from runtime.train.recorder import Recorder, SampleRecorder
from runtime.train.restoring import Restored
from runtime.train.saving import Saving
from runtime.train.schedule import Schedule
from runtime.train.state import State, training_state
from runtime.train.strategies import Strategy


@dataclass(frozen=True)
class Settings:
    """The numbers of the profile that the loop itself needs. Steps count optimizer steps, from 1."""

    total_steps: int
    clip: float | None
    precision: Literal["float32", "bf16"]
    evaluate_every: int | None
    checkpoint_every: int | None
    checkpoint_at_end: bool


@dataclass
class Parts:
    """What the loop drives. `objective` is the model with its loss, `module` the same as the strategy wrapped
    it. `rewind` puts the state back to the newest valid checkpoint up to a step, or to the beginning.
    """

    strategy: Strategy
    objective: CausalObjective
    module: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    batches: TrainingBatches
    orders: OrderExchange
    saving: Saving
    guards: Guards
    rewind: Callable[[int], Restored]
    recorder: Recorder
    evaluator: Evaluator | None
    samples: SampleRecorder | None
    heartbeat: Callable[[str, int], None]
    report: Callable[..., None]


@dataclass(frozen=True)
class Ending:
    """How training ended: outcome and reason as an exit record has them, the same on every rank."""

    outcome: Literal["finished", "stopped", "failed"]
    reason: str
    step: int
    error: str | None = None


@dataclass(frozen=True)
class StepLosses:
    """Global sums of a step over ranks and micro-batches, and the gradient's global norm before clipping.

    All are the same numbers on every rank.
    """

    cross_entropy: float
    z: float
    tokens: float
    grad_norm: float

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats a token; not finite either where only the z-loss isn't."""
        return self.cross_entropy / self.tokens if math.isfinite(self.z) else self.z


AGAIN: Literal["again"] = "again"
"""What a step gives that ended with a rollback."""


class Loop:
    """Trains from `begun` to `settings.total_steps`."""

    def __init__(self, settings: Settings, parts: Parts, begun: Restored) -> None:
        self.settings, self.parts = settings, parts
        self.step, self.tokens, self._loss = begun.step, begun.tokens, _loss_of(begun)
        self._batches = parts.batches
        self._save_asked = False
        self._parameters = [p for group in parts.optimizer.param_groups for p in group["params"]]

    def run(self) -> Ending:
        """Train to the end, a stop or a fault. Collective."""
        parts = self.parts
        gc.collect()
        gc.freeze()  # what lives as long as the run need not be looked at by each collection
        parts.objective.train()
        parts.heartbeat("step", self.step)
        ending: Ending | Literal["again"] = AGAIN
        while ending == AGAIN:
            ending = self._steps()
        return ending

    def _steps(self) -> Ending | Literal["again"]:
        """The steps from here to the end, a stop, a fault or a rollback."""
        parts = self.parts
        self._batches = batches = parts.batches.skipping(parts.guards.skipped_samples)
        steps = batches.steps(
            self.step + 1,
            self.settings.total_steps,
            before=lambda step: fault_point("data", batches.batch_number(step)),
        )
        with closing(cast("Generator[list[MicroBatch]]", steps)) as read:
            for micro_batches in parts.recorder.waiting(read):
                ending = self._one_step(self.step + 1, micro_batches)
                if ending is not None:
                    return ending
        wanted = self.settings.checkpoint_at_end or self._due(self.settings.checkpoint_every)
        return self._end(Ending("finished", "finished", self.step), save=wanted)

    def _one_step(self, step: int, micro_batches: list[MicroBatch]) -> Ending | Literal["again"] | None:
        parts = self.parts
        fault_point("step", step)
        parts.orders.begin(give_up=parts.saving.unsaveable is not None)
        if parts.samples is not None:
            parts.samples.step(step, micro_batches)
        losses = self._gradients(step, micro_batches)
        fault = parts.guards.judge(step, losses.loss, losses.grad_norm)
        if fault is not None:
            self._tell(fault)
            if fault.action in ("stop", "rollback"):
                return self._leave(fault, parts.orders.finish())
        fault_point("update", step)
        rate = self._update(step, losses.grad_norm, skip=fault is not None and fault.action == "skip")
        self.step = step
        if fault is None or fault.action != "skip":
            self.tokens, self._loss = self.tokens + int(losses.tokens), losses.loss
        z = losses.z / losses.tokens if parts.objective.z_loss else None
        parts.recorder.step(step, int(losses.tokens), losses.loss, losses.grad_norm, rate, z)
        if self._due(self.settings.evaluate_every) or (self.settings.evaluate_every and self._at_end):
            self._evaluate()
        return self._obey(parts.orders.finish())

    def _gradients(self, step: int, micro_batches: list[MicroBatch]) -> StepLosses:
        """Forward and backward over all micro-batches: gradients are of the mean over the *global* tokens.

        The host waits for the device once, for loss and norm together, which logging and guards both need.
        """
        strategy, device = self.parts.strategy, self.parts.strategy.device
        pending = strategy.begin_sum([float(count_tokens(micro_batches))])
        local = torch.zeros(2, dtype=torch.float64, device=device)
        tokens = 0.0
        of_loss, of_gradient = fault_factors(self._batches.batch_number(step))
        for number, batch in enumerate(micro_batches):
            inputs = torch.from_numpy(batch.inputs).to(device, non_blocking=True)
            labels = torch.from_numpy(batch.labels).to(device, non_blocking=True)
            tokens = tokens or pending.wait()[0]
            with strategy.synchronised(self.parts.module, last=number == len(micro_batches) - 1):
                with self._autocast():
                    scale = strategy.loss_scale() / max(tokens, 1.0) * of_gradient
                    sums = self.parts.module(inputs, labels, scale)
                sums.objective.backward()
            local += torch.stack([sums.cross_entropy, sums.z]).double()
        norm = gradient_norm(self._parameters)
        *sums_here, norm_here = torch.cat([local, norm.double().reshape(1)]).tolist()
        sums_here = [value * of_loss for value in sums_here]
        # The norms are equal but for a fault of one rank, and then all shall see it.
        cross_entropy, z, norms = strategy.begin_sum([*sums_here, norm_here]).wait()
        return StepLosses(cross_entropy, z, tokens, norms / strategy.world_size)

    def _update(self, step: int, norm: float, *, skip: bool) -> float:
        """Clip, set the learning rate, step (unless `skip`), clear. Returns the rate."""
        rate = set_learning_rate(self.parts.optimizer, self.parts.schedule, step)
        if not skip:
            clip = self.settings.clip
            if clip is not None and norm > clip:
                scale_gradients(self._parameters, clip / norm)
            self.parts.optimizer.step()
        self.parts.optimizer.zero_grad(set_to_none=True)
        return rate

    def _evaluate(self) -> None:
        parts, evaluator = self.parts, self.parts.evaluator
        if evaluator is None:
            return
        began = time.perf_counter()
        parts.heartbeat("evaluate", self.step)
        fault_point("evaluate", self.step)
        values = evaluator.run(parts.objective, parts.strategy, self._autocast())
        parts.recorder.evaluated(self.step, values)
        seconds = time.perf_counter() - began
        parts.recorder.pause(seconds)
        if parts.strategy.rank == 0:
            parts.report("evaluated", step=self.step, seconds=seconds, metrics=values)

    def _obey(self, decision: Decision) -> Ending | Literal["again"] | None:
        """What all ranks do at the end of a step: give up, stop, save, or go on."""
        parts = self.parts
        if decision.give_up:
            parts.saving.settle(self.step)
            error = parts.saving.unsaveable or "the state is not finite"
            fault = parts.guards.unsaveable(self.step, error)
            self._tell(fault)
            return self._leave(fault, decision)
        if decision.stop and not self._at_end:
            return self._end(Ending("stopped", "user", self.step), save=decision.save)
        parts.saving.poll()
        asked = decision.save or self._save_asked
        self._save_asked = False
        if asked or (self._due(self.settings.checkpoint_every) and not self._at_end):
            parts.saving.save(self.step, self._snapshot, asked=asked)
        parts.heartbeat("step", self.step)
        return None

    def _leave(self, fault: Fault, decision: Decision) -> Ending | Literal["again"]:
        """Stop because of a fault, or go back; what is on disk is from before it."""
        self.parts.optimizer.zero_grad(set_to_none=True)
        if fault.action == "stop":
            return self._end(Ending("failed", "non_finite", fault.step, fault.text), save=False)
        self._roll_back(fault)
        if decision.stop:
            return self._end(Ending("stopped", "user", self.step), save=decision.save)
        self._save_asked = decision.save
        return AGAIN

    def _roll_back(self, fault: Fault) -> None:
        """Take the state back to the newest checkpoint, and leave out the data from there to the fault."""
        parts = self.parts
        began = time.perf_counter()
        parts.saving.settle(self.step)
        parts.heartbeat("load", self.step)
        restored = parts.rewind(self.step)
        skipped = self._batches.number(restored.step + 1), self._batches.number(fault.step + 1)
        parts.guards.rolled_back(restored.guards, *skipped)
        self.step, self.tokens, self._loss = restored.step, restored.tokens, _loss_of(restored)
        parts.saving.rewound(restored.step)
        parts.recorder.rewound(restored.metrics)
        parts.heartbeat("step", self.step)
        if parts.strategy.rank == 0:
            parts.report(
                "rolled_back",
                **{"from": fault.step, "to": restored.step, "skipped_samples": list(skipped)},
                cause=fault.cause,
                seconds=time.perf_counter() - began,
            )
            where = f"step {restored.step}" if restored.step else "the beginning"
            print(f"back to {where}; samples {skipped[0]} to {skipped[1] - 1} are left out", flush=True)

    def _tell(self, fault: Fault) -> None:
        if self.parts.strategy.rank == 0:
            self.parts.report(fault.cause, step=fault.step, action=fault.action, **fault.facts)
            print(fault.text, flush=True)

    def _snapshot(self) -> tuple[State, Facts]:
        parts = self.parts
        facts = Facts(
            self.step, self.tokens, self._loss, dict(parts.recorder.last), guards=parts.guards.to_json()
        )
        return training_state(parts.objective.model, parts.optimizer), facts

    def _end(self, ending: Ending, save: bool) -> Ending:
        """Bring the last save home. If it fails, that is the run's end."""
        parts = self.parts
        parts.heartbeat("checkpoint", self.step)
        parts.saving.settle(self.step)
        unsaved = parts.saving.last(self.step, self._snapshot) if save else None
        if unsaved is not None:
            return Ending("failed", unsaved.reason, self.step, unsaved.error)
        parts.heartbeat("finish", self.step)
        fault_point("finish", self.step)
        return ending

    def _due(self, every: int | None) -> bool:
        return every is not None and self.step % every == 0

    @property
    def _at_end(self) -> bool:
        return self.step == self.settings.total_steps

    def _autocast(self) -> Any:
        enabled = self.settings.precision == "bf16"
        return torch.autocast(self.parts.strategy.device.type, torch.bfloat16, enabled=enabled)


def _loss_of(begun: Restored) -> float:
    return begun.loss if begun.loss is not None else math.nan


def count_tokens(micro_batches: Iterable[MicroBatch]) -> int:
    """Tokens that are trained on, of this rank's share of a step."""
    return sum(int((batch.labels != IGNORED).sum()) for batch in micro_batches)
