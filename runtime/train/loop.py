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
from runtime.train.checkpointing import CheckpointSaver, Facts, SaveOutcome
from runtime.train.evaluation import Evaluator
from runtime.train.faults import fault_factors, fault_point
from runtime.train.objective import IGNORED, CausalObjective
from runtime.train.optimizer import gradient_norm, scale_gradients, set_learning_rate
from runtime.train.orders import Decision, OrderExchange
from runtime.train.recorder import Recorder, SampleRecorder
from runtime.train.schedule import Schedule
from runtime.train.state import training_state
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
    it.
    """

    strategy: Strategy
    objective: CausalObjective
    module: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    batches: TrainingBatches
    orders: OrderExchange
    saver: CheckpointSaver
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
    """Global sums of a step over ranks and micro-batches, and the gradient's global norm before clipping."""

    cross_entropy: float
    z: float
    tokens: float
    grad_norm: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.cross_entropy) and math.isfinite(self.z) and math.isfinite(self.grad_norm)


class Loop:
    """Trains from step `step` (already made) with `tokens` (already seen) to `settings.total_steps`."""

    def __init__(self, settings: Settings, parts: Parts, step: int, tokens: int) -> None:
        self.settings, self.parts = settings, parts
        self.step, self.tokens = step, tokens
        self._saved_step = step if step else None
        self._loss = math.nan
        self._unsaveable: str | None = None
        self._parameters = [p for group in parts.optimizer.param_groups for p in group["params"]]

    def run(self) -> Ending:
        """Train to the end, a stop or a fault. Collective."""
        parts = self.parts
        gc.collect()
        gc.freeze()  # what lives as long as the run need not be looked at by each collection
        parts.objective.train()
        parts.heartbeat("step", self.step)
        steps = parts.batches.steps(
            self.step + 1, self.settings.total_steps, before=lambda step: fault_point("data", step)
        )
        with closing(cast("Generator[list[MicroBatch]]", steps)) as batches:
            for micro_batches in parts.recorder.waiting(batches):
                ending = self._one_step(self.step + 1, micro_batches)
                if ending is not None:
                    return ending
        wanted = self.settings.checkpoint_at_end or self._due(self.settings.checkpoint_every)
        return self._end(Ending("finished", "finished", self.step), save=wanted)

    def _one_step(self, step: int, micro_batches: list[MicroBatch]) -> Ending | None:
        parts = self.parts
        fault_point("step", step)
        parts.orders.begin(give_up=self._unsaveable is not None)
        if parts.samples is not None:
            parts.samples.step(step, micro_batches)
        losses = self._gradients(step, micro_batches)
        if not losses.finite:
            return self._non_finite(step, losses)
        fault_point("update", step)
        rate = self._update(step, losses.grad_norm)
        self.step, self.tokens = step, self.tokens + int(losses.tokens)
        self._loss = losses.cross_entropy / losses.tokens
        z = losses.z / losses.tokens if parts.objective.z_loss else None
        parts.recorder.step(step, int(losses.tokens), self._loss, losses.grad_norm, rate, z)
        if self._due(self.settings.evaluate_every) or (self.settings.evaluate_every and self._at_end):
            self._evaluate()
        decision = parts.orders.finish()
        if decision.give_up:
            return self._end(Ending("failed", "non_finite", step, self._unsaveable), save=False)
        if decision.stop and not self._at_end:
            return self._end(Ending("stopped", "user", step), save=decision.save)
        self._save_if_due(decision)
        parts.heartbeat("step", step)
        return None

    def _gradients(self, step: int, micro_batches: list[MicroBatch]) -> StepLosses:
        """Forward and backward over all micro-batches: gradients are of the mean over the *global* tokens."""
        strategy, device = self.parts.strategy, self.parts.strategy.device
        pending = strategy.begin_sum([float(count_tokens(micro_batches))])
        local = torch.zeros(2, dtype=torch.float64, device=device)
        tokens = 0.0
        of_loss, of_gradient = fault_factors(step)
        for number, batch in enumerate(micro_batches):
            inputs = torch.from_numpy(batch.inputs).to(device, non_blocking=True)
            labels = torch.from_numpy(batch.labels).to(device, non_blocking=True)
            tokens = tokens or pending.wait()[0]
            with strategy.synchronised(self.parts.module, last=number == len(micro_batches) - 1):
                with self._autocast():
                    scale = strategy.loss_scale() / max(tokens, 1.0) * of_gradient
                    sums = self.parts.module(inputs, labels, scale)
                sums.objective.backward()
            local += torch.stack([sums.cross_entropy, sums.z]).double() * of_loss
        norm = gradient_norm(self._parameters)
        *sums_here, norm_here = torch.cat([local, norm.double().reshape(1)]).tolist()
        cross_entropy, z = strategy.begin_sum(sums_here).wait()
        return StepLosses(cross_entropy, z, tokens, norm_here)

    def _update(self, step: int, norm: float) -> float:
        """Clip, set the learning rate, step, clear. Returns the rate."""
        clip = self.settings.clip
        if clip is not None and norm > clip:
            scale_gradients(self._parameters, clip / norm)
        rate = set_learning_rate(self.parts.optimizer, self.parts.schedule, step)
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

    def _save_if_due(self, decision: Decision) -> None:
        self._tell(self.parts.saver.poll())
        if decision.save or (self._due(self.settings.checkpoint_every) and not self._at_end):
            self._save()

    def _save(self) -> None:
        """Start a save of the present state, unless this step has one; the save before must end first."""
        if self._saved_step == self.step:
            return
        parts = self.parts
        if parts.saver.busy:
            began = time.perf_counter()
            parts.heartbeat("checkpoint", self.step)
            self._tell(parts.saver.wait())
            parts.recorder.pause(time.perf_counter() - began)
        state = training_state(parts.objective.model, parts.optimizer)
        parts.saver.start(state, Facts(self.step, self.tokens, self._loss, dict(parts.recorder.last)))
        self._saved_step = self.step

    def _tell(self, outcome: SaveOutcome | None) -> None:
        """Report how a save ended. A failed one is no end of the run: the checkpoints before it are still
        there.
        """
        if outcome is None:
            return
        if outcome.reason is not None and self._saved_step == outcome.step:
            self._saved_step = None
        if outcome.reason == "non_finite":
            self._unsaveable = outcome.error
        if self.parts.strategy.rank != 0:
            return
        if outcome.reason is None:
            self.parts.report(
                "checkpoint_saved", step=outcome.step, seconds=outcome.seconds, bytes=outcome.bytes
            )
            print(f"step {outcome.step} checkpoint saved in {outcome.seconds:.1f} s", flush=True)
        else:
            self.parts.report(
                "checkpoint_failed", step=outcome.step, reason=outcome.reason, error=outcome.error
            )
            print(f"step {outcome.step} checkpoint not saved: {outcome.error}", flush=True)

    def _end(self, ending: Ending, save: bool) -> Ending:
        """Bring the last save home. If it fails, that is the run's end."""
        parts = self.parts
        parts.heartbeat("checkpoint", self.step)
        self._tell(parts.saver.wait())
        if save:
            self._save()
            outcome = parts.saver.wait()
            self._tell(outcome)
            if outcome is not None and outcome.reason is not None:
                return Ending("failed", outcome.reason, self.step, outcome.error)
        parts.heartbeat("finish", self.step)
        fault_point("finish", self.step)
        return ending

    def _non_finite(self, step: int, losses: StepLosses) -> Ending:
        """Stop before the optimizer step; what is on disk is from before the fault."""
        self.parts.orders.finish()
        error = (
            f"step {step}: loss {losses.cross_entropy / losses.tokens}, gradient norm {losses.grad_norm}: "
            "stopped before the optimizer step"
        )
        self.parts.optimizer.zero_grad(set_to_none=True)
        return self._end(Ending("failed", "non_finite", step, error), save=False)

    def _due(self, every: int | None) -> bool:
        return every is not None and self.step % every == 0

    @property
    def _at_end(self) -> bool:
        return self.step == self.settings.total_steps

    def _autocast(self) -> Any:
        enabled = self.settings.precision == "bf16"
        return torch.autocast(self.parts.strategy.device.type, torch.bfloat16, enabled=enabled)


def count_tokens(micro_batches: Iterable[MicroBatch]) -> int:
    """Tokens that are trained on, of this rank's share of a step."""
    return sum(int((batch.labels != IGNORED).sum()) for batch in micro_batches)
