"""Moments of a run at which a fault is thrown."""

from __future__ import annotations

import time

from runtime.run.record import read_record
from tests.chaos.experiment import Stage
from tests.chaos.world import STEPS, step_of, until


def at_some_step(stage: Stage, low: int = 2, high: int = STEPS - 8) -> None:
    """Waits until the run has got past a step drawn at random, and then for some part of a step."""
    wanted = stage.draw.randint(low, high)
    stage.notes["step"] = wanted
    until(lambda: step_of(stage.run) >= wanted or over(stage), pause=0.002)
    time.sleep(stage.draw.uniform(0.0, 0.03))


def over(stage: Stage) -> bool:
    record = read_record(stage.run)
    return record is not None and record.ended_state
