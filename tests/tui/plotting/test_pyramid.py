"""Minimum and maximum of any stretch are exact, however the array was built."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tui.plotting.pyramid import BLOCK, Pyramid

SIZES = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK**2 - 1, BLOCK**2 + 1, 70_000, BLOCK**3 + 5]


def check(pyramid: Pyramid, values: np.ndarray, bounds: np.ndarray) -> None:
    low, high = pyramid.ranges(bounds[:-1], bounds[1:])
    for index, (start, stop) in enumerate(pairwise(bounds)):
        assert low[index] == values[start:stop].min()
        assert high[index] == values[start:stop].max()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stretches", [1, 3, 40, 400])
def test_extrema_of_random_stretches_are_exact(size: int, stretches: int) -> None:
    rng = np.random.default_rng(size + stretches)
    values = rng.normal(size=size)
    bounds = np.unique(np.concatenate([[0, size], rng.integers(0, size + 1, size=stretches - 1)]))
    check(Pyramid(values), values, bounds)


@pytest.mark.parametrize("size", SIZES)
def test_extending_piece_by_piece_equals_building_at_once(size: int) -> None:
    rng = np.random.default_rng(size)
    values = rng.normal(size=size)
    pyramid = Pyramid()
    for end in sorted({*rng.integers(0, size + 1, size=12).tolist(), size}):
        pyramid.extend(values[:end])
    bounds = np.unique(np.linspace(0, size, 30).astype(int))
    check(pyramid, values, bounds)


def test_stretches_with_gaps_between_them() -> None:
    values = np.random.default_rng(1).normal(size=100_000)
    start = np.arange(0, 99_000, 1_000)
    stop = start + 137
    low, high = Pyramid(values).ranges(start, stop)
    assert low.tolist() == [values[a:b].min() for a, b in zip(start, stop, strict=True)]
    assert high.tolist() == [values[a:b].max() for a, b in zip(start, stop, strict=True)]


def test_fewer_values_than_before_are_refused() -> None:
    with pytest.raises(ValueError, match="build a new pyramid"):
        Pyramid(np.arange(10.0)).extend(np.arange(9.0))
