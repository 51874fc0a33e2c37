"""What is a spike, what is done about a faulty step, and which samples are left out."""

from __future__ import annotations

import json
import math
import random
import statistics

import numpy as np
import pytest

from runtime.data.order import past_skipped
from runtime.train.guards import SKIP_SPAN, Guards, GuardSettings, merged
from runtime.train.spikes import SpikeWatch


def noisy(steps: int, seed: int = 1) -> list[tuple[float, float]]:
    """Loss and gradient norm of a training that goes well: falling, with normal and log-normal noise."""
    draw = random.Random(seed)
    return [
        (2.5 + 6 * math.exp(-step / 60) + draw.gauss(0, 0.05), math.exp(draw.gauss(-0.5, 0.35)))
        for step in range(steps)
    ]


def spikes(values: list[tuple[float, float]], sigma: float = 6.0) -> list[int]:
    watch = SpikeWatch(128, sigma)
    return [step for step, value in enumerate(values) if watch.look(*value) is not None]


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_noise_and_a_falling_loss_are_no_spikes(seed: int) -> None:
    assert spikes(noisy(2000, seed)) == []


def test_all_of_several_spikes_in_a_row_are_seen_where_mean_and_deviation_are_blind_after_the_first() -> None:
    values = noisy(600)
    for step in range(500, 505):
        values[step] = (values[step][0] * 2, values[step][1])
    assert spikes(values) == list(range(500, 505))
    before = [loss for loss, _ in values[376:504]]
    score = (values[504][0] - statistics.fmean(before)) / statistics.stdev(before)
    assert score < 6


def test_gradient_norms_are_watched_too_and_nothing_is_judged_too_early() -> None:
    values = noisy(300)
    values[250] = (values[250][0], values[250][1] * 50)
    assert spikes(values) == [250]
    early = noisy(64)
    early[40] = (1e6, 1e6)
    assert spikes(early) == []
    constant = [(1.0, 1.0)] * 200
    assert spikes([*constant, (1.0 + 1e-6, 1.0)]) == []
    assert spikes([*constant, (1.1, 1.0)]) == [200]


def test_a_new_level_is_accepted_in_the_end() -> None:
    values = noisy(400) + [(loss + 5, norm) for loss, norm in noisy(400)]
    found = spikes(values)
    assert found[0] == 400
    assert found[-1] < 400 + 70
    assert spikes([*noisy(250), (0.1, 1e-9)]) == [], "only what lies above is a spike"


def judged(guards: Guards, values: list[tuple[float, float]], first: int = 1) -> list[tuple[int, str]]:
    faults = (guards.judge(step, *value) for step, value in enumerate(values, first))
    return [(fault.step, fault.action) for fault in faults if fault is not None]


def test_state_that_went_through_json_decides_as_if_nothing_had_happened() -> None:
    values = noisy(400)
    for step in (90, 200, 201, 350):
        values[step] = (values[step][0] * 3, values[step][1])
    values[250] = (math.nan, math.inf)
    settings = GuardSettings(non_finite="skip", spike="skip", window=64, max_skips=4)
    whole = Guards(settings)
    expected = judged(whole, values)
    assert [step - 1 for step, _ in expected] == [90, 200, 201, 250, 350]
    for cut in (1, 91, 201, 251, 399):
        first, second = Guards(settings), Guards(settings)
        before = judged(first, values[:cut])
        second.restore(json.loads(json.dumps(first.to_json())))
        assert before + judged(second, values[cut:], cut + 1) == expected
        assert second.to_json() == whole.to_json()


def test_so_many_of_the_last_hundred_steps_may_be_skipped() -> None:
    guards = Guards(GuardSettings(non_finite="skip", max_skips=2))
    bad = (math.nan, 1.0)

    def action(step: int) -> str:
        fault = guards.judge(step, *bad)
        assert fault is not None
        return fault.action

    assert [action(step) for step in (1, 50, 60)] == ["skip", "skip", "stop"]
    assert action(1 + SKIP_SPAN) == "skip", "the first is too long ago to count"
    assert action(49 + SKIP_SPAN) == "stop"
    assert [Guards(GuardSettings("skip", max_skips=0)).judge(1, *bad).action] == ["stop"]  # type: ignore[union-attr]


def test_rollbacks_are_counted_over_the_run_also_past_the_checkpoint_that_they_go_back_to() -> None:
    guards = Guards(GuardSettings(non_finite="rollback", max_rollbacks=2))
    saved = guards.to_json()
    for number, ranges in ((1, ((40, 60),)), (2, ((40, 90),))):
        fault = guards.judge(6, math.nan, 1.0)
        assert fault is not None
        assert fault.action == "rollback"
        guards.rolled_back(saved, 40 if number == 1 else 60, 60 if number == 1 else 90)
        assert (guards.rollbacks, guards.skipped_samples) == (number, ranges)
    last = guards.judge(6, math.nan, 1.0)
    assert last is not None
    assert (last.action, "guard.max_rollbacks" in last.text) == ("stop", True)


def test_a_state_that_is_not_finite_can_only_be_rolled_back_or_end_the_run() -> None:
    for wished, action in (("stop", "stop"), ("skip", "stop"), ("rollback", "rollback")):
        assert Guards(GuardSettings(wished)).unsaveable(5, "NaN in w").action == action  # type: ignore[arg-type]


def test_samples_in_skipped_ranges_never_come_and_all_others_do_in_order() -> None:
    draw = random.Random(4)
    for _ in range(200):
        ranges = merged(
            [(first, first + draw.randrange(12)) for first in (draw.randrange(90) for _ in range(5))]
        )
        skipped = {number for first, end in ranges for number in range(first, end)}
        expected = [number for number in range(300) if number not in skipped][:100]
        assert past_skipped(np.arange(100), ranges).tolist() == expected
    assert merged([(5, 9), (1, 3), (3, 5), (20, 20)]) == ((1, 9),)
