"""The blockwise smoothing is the documented sum, and goes on where it stopped."""

from __future__ import annotations

import numpy as np
import pytest

from tui.plotting.smoothing import RESOLUTION, Smoother, smooth, smoothing_distance


def by_definition(x: np.ndarray, y: np.ndarray, weight: float) -> np.ndarray:
    distance = smoothing_distance(x)
    result = []
    for index in range(len(x)):
        weights = weight ** ((x[index] - x[: index + 1]) / distance)
        result.append((weights * y[: index + 1]).sum() / weights.sum())
    return np.array(result)


@pytest.mark.parametrize("weight", [0.6, 0.9, 0.99])
@pytest.mark.parametrize("points", [1, 2, 3, 255, 256, 257, 1500])
def test_equals_the_documented_sum(points: int, weight: float) -> None:
    rng = np.random.default_rng(points)
    x = np.cumsum(rng.integers(1, 6, size=points)).astype(float)
    y = rng.normal(size=points)
    np.testing.assert_allclose(smooth(x, y, weight), by_definition(x, y, weight), rtol=1e-11, atol=1e-12)


def test_evenly_spaced_points_give_the_debiased_moving_average() -> None:
    y = np.random.default_rng(0).normal(size=500)
    last, shown = 0.0, []
    for index, value in enumerate(y):
        last = 0.9 * last + 0.1 * value
        shown.append(last / (1 - 0.9 ** (index + 1)))
    np.testing.assert_allclose(smooth(np.arange(500.0), y, 0.9), shown, rtol=1e-11)


def test_whole_numbers_as_positions_give_the_same() -> None:
    y = np.random.default_rng(0).normal(size=700)
    assert smooth(np.arange(700), y, 0.9).tolist() == smooth(np.arange(700.0), y, 0.9).tolist()


def test_no_weight_changes_nothing() -> None:
    y = np.random.default_rng(0).normal(size=50)
    assert smooth(np.arange(50.0), y, 0.0).tolist() == y.tolist()


def test_a_constant_stays_and_a_curve_stays_within_its_limits() -> None:
    x = np.arange(5000.0)
    np.testing.assert_allclose(smooth(x, np.full(5000, 3.5), 0.99), 3.5, rtol=1e-12)
    y = np.random.default_rng(0).uniform(-1, 1, size=5000)
    assert np.abs(smooth(x, y, 0.9)).max() <= 1


def test_a_jump_in_the_steps_forgets_what_was_before() -> None:
    shown = smooth(np.array([*range(10), 1e15]), np.array([9.0] * 10 + [1.0]), 0.6)
    assert shown.tolist() == pytest.approx([9.0] * 10 + [1.0])


def test_appended_points_continue_the_curve() -> None:
    rng = np.random.default_rng(3)
    x = np.arange(900.0)
    y = rng.normal(size=900)
    smoother = Smoother(0.9)
    kept = 0
    for end in (1, 2, 300, 301, 302, 650, 900):
        smoother.update(x[:end], y[:end], kept)
        kept = end
        np.testing.assert_allclose(smoother.values, smooth(x[:end], y[:end], 0.9), rtol=1e-11, atol=1e-12)


def test_the_distance_stays_while_a_run_grows_and_doubles_with_its_length() -> None:
    distances = {smoothing_distance(np.arange(float(end))) for end in range(40_000, 60_000, 1_000)}
    assert distances == {65536 / RESOLUTION}
    assert smoothing_distance(np.arange(100_000.0)) == 2 * 65536 / RESOLUTION
    assert smoothing_distance(np.arange(0.0, 3000.0, 10.0)) == 10  # the interval of logging


@pytest.mark.parametrize("weight", [-0.1, 1.0, 2.0])
def test_weights_out_of_range_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="smoothing weight"):
        Smoother(weight)
