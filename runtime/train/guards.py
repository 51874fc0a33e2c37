"""What happens when a step's numbers are wrong: the decision, and the state that it depends on.

    stop      the run ends before the step's update; what is on disk is from before the fault
    skip      the step counts, its data is used up and the learning rate goes on by its number, but there is
              no update: weights and the optimizer's moments (its own count of updates too) stay as they were,
              and its tokens count as not trained on. Random generators have moved on by its forward passes,
              as in any step
    rollback  weights, moments, random states and windows become those of the newest valid checkpoint (of
              step c; without one, those of the beginning), and the samples of all steps from c + 1 up to the
              faulty one are jumped over for good (as in Chowdhery et al., "PaLM", 2022, section 5.1: the same
              data in another state makes no spike, and another state is what is wanted)
    warn      (spikes only) it is told, and nothing else happens

Limits keep a broken run from going on for ever: `max_skips` of the last 100 steps, `max_rollbacks` of the
whole run. What is counted, and what is compared with, is part of every checkpoint (`guard.json`). So a
resumed run decides as the undisturbed one does: what happened after the checkpoint happens again, just so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from runtime.train.spikes import SpikeWatch

Action = Literal["stop", "skip", "rollback", "warn"]
SKIP_SPAN = 100
"""Steps over which skips are counted."""


@dataclass(frozen=True)
class GuardSettings:
    """A profile's `guard` section, as far as numbers are concerned; `spike` None is off."""

    non_finite: Action = "stop"
    spike: Action | None = None
    window: int = 128
    sigma: float = 6.0
    max_skips: int = 10
    max_rollbacks: int = 3


@dataclass(frozen=True)
class Fault:
    """A faulty step and what is done about it. `cause`: "non_finite" or "spike"; `facts` are its numbers."""

    cause: Literal["non_finite", "spike"]
    action: Action
    step: int
    facts: Mapping[str, Any]
    text: str
    """One line for the log, and for the exit record if the run ends by it."""


@dataclass
class Guards:
    """Judges each step, the same on every rank that is given the same numbers."""

    settings: GuardSettings
    skipped_steps: list[int] = field(default_factory=list)
    """Of the last SKIP_SPAN steps, those without an update."""
    rollbacks: int = 0
    skipped_samples: tuple[tuple[int, int], ...] = ()
    """Ranges [first, last) of sample numbers that are jumped over, in order."""

    def __post_init__(self) -> None:
        self._watch = SpikeWatch(self.settings.window, self.settings.sigma) if self.settings.spike else None

    def judge(self, step: int, loss: float, grad_norm: float) -> Fault | None:
        """What is wrong with the step, if anything; it is counted. `loss` in nats a token, before the
        update."""
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            facts = {"loss": loss, "grad_norm": grad_norm}
            what = f"step {step}: loss {loss}, gradient norm {grad_norm}"
            return self._fault("non_finite", self.settings.non_finite, step, facts, what)
        spike = self._watch.look(loss, grad_norm) if self._watch is not None else None
        if spike is None or self.settings.spike is None:
            return None
        facts = {"quantity": spike.quantity, "value": spike.value, "limit": spike.limit}
        name = {"loss": "loss", "grad_norm": "gradient norm"}[spike.quantity]
        what = f"step {step}: spike: {name} {spike.value:.4g}, above {spike.limit:.4g}"
        return self._fault("spike", self.settings.spike, step, facts, what)

    def unsaveable(self, step: int, error: str) -> Fault:
        """The state itself turned out not to be finite: there is nothing to skip."""
        wished = self.settings.non_finite
        action: Action = "rollback" if wished == "rollback" else "stop"
        what = f"step {step}: the state is not finite ({error})"
        return self._fault("non_finite", action, step, {"error": error}, what)

    def _fault(
        self,
        cause: Literal["non_finite", "spike"],
        action: Action,
        step: int,
        facts: Mapping[str, Any],
        what: str,
    ) -> Fault:
        self.skipped_steps = [earlier for earlier in self.skipped_steps if earlier > step - SKIP_SPAN]
        if action == "skip" and len(self.skipped_steps) >= self.settings.max_skips:
            limit = f"{len(self.skipped_steps)} of the last {SKIP_SPAN} steps were skipped already"
            return Fault(cause, "stop", step, facts, f"{what}: stopped, {limit} (guard.max_skips)")
        if action == "rollback" and self.rollbacks >= self.settings.max_rollbacks:
            limit = f"rolled back {self.rollbacks} times already"
            return Fault(cause, "stop", step, facts, f"{what}: stopped, {limit} (guard.max_rollbacks)")
        if action == "skip":
            self.skipped_steps.append(step)
        done = {"stop": "stopped before the optimizer step", "skip": "skipped", "rollback": "rolling back"}
        done |= {"stop": "stopped"} if "error" in facts else {}
        return Fault(cause, action, step, facts, f"{what}: {done.get(action, 'goes on')}")

    def rolled_back(self, to: Mapping[str, Any], first_sample: int, end_sample: int) -> None:
        """Go on with the state `to` of a checkpoint; samples [first_sample, end_sample) are jumped over from
        now on."""
        rollbacks, skipped = self.rollbacks + 1, self.skipped_samples
        self.restore(to)
        self.rollbacks = rollbacks
        self.skipped_samples = merged([*skipped, (first_sample, end_sample)])

    def to_json(self) -> dict[str, Any]:
        """What a checkpoint has to hold."""
        return {
            "schema": 1,
            "skipped_steps": list(self.skipped_steps),
            "rollbacks": self.rollbacks,
            "skipped_samples": [list(part) for part in self.skipped_samples],
            "windows": self._watch.to_json() if self._watch is not None else {},
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Go on from `to_json`; {} is the beginning. Windows of another size keep their newest values."""
        self.skipped_steps = [int(step) for step in value.get("skipped_steps") or ()]
        self.rollbacks = int(value.get("rollbacks") or 0)
        self.skipped_samples = merged([(int(a), int(b)) for a, b in value.get("skipped_samples") or ()])
        if self._watch is not None:
            self._watch.restore(value.get("windows") or {})


def merged(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same numbers in ranges [first, end) that neither touch nor overlap, in order."""
    found: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif first < end:
            found.append((first, end))
    return tuple(found)
