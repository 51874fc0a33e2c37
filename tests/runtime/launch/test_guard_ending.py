"""An end that a guard of the trainer brought about is named for what it was."""

from __future__ import annotations

import math

import pytest

from runtime.launch.diagnosis.explain import explain
from runtime.launch.diagnosis.remains import Remains
from runtime.launch.ending import Ending
from runtime.train.guards import Guards, GuardSettings

SETTINGS = GuardSettings(spike="stop", window=32)


@pytest.mark.parametrize(("loss", "cause"), [(50.0, "loss_spike"), (math.nan, "non_finite")])
def test_the_trainer_s_own_words_tell_a_spike_from_a_loss_that_is_not_finite(loss: float, cause: str) -> None:
    guards = Guards(SETTINGS)
    assert not any(guards.judge(step, 2.0 + step % 3 / 10, 1.0) for step in range(1, 40))
    fault = guards.judge(40, loss, 1.0)
    assert fault is not None
    ending = Ending(0, "failed", "non_finite", {"code": 22, "error": fault.text})
    found = explain(ending, Remains())
    assert (found.reason, found.evidence["cause"]) == ("non_finite", cause)
