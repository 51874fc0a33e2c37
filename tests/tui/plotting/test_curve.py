"""Reduction to dot columns loses no extremum, and appended points cost no rebuild."""

from __future__ import annotations

import numpy as np
import pytest

from tui.plotting.curve import Curve


@pytest.mark.parametrize("points", [1, 2, 7, 100, 5_000, 300_000])
@pytest.mark.parametrize("columns", [2, 19, 240, 401])
def test_no_extremum_is_lost(points: int, columns: int) -> None:
    rng = np.random.default_rng(points)
    x = np.cumsum(rng.integers(1, 4, size=points))
    y = rng.normal(size=points)
    reduced = Curve(x, y).columns(x[0], max(x[-1], x[0] + 1), columns)
    assert reduced.low.min() == y.min()
    assert reduced.high.max() == y.max()
    assert np.all(np.diff(reduced.column) > 0)
    assert np.all((reduced.low <= reduced.first) & (reduced.first <= reduced.high))
    assert np.all((reduced.low <= reduced.last) & (reduced.last <= reduced.high))


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_each_point_is_in_the_column_nearest_to_it(kind: type) -> None:
    rng = np.random.default_rng(5)
    x = np.sort(rng.integers(0, 1_000, size=400)).astype(kind)
    y = rng.normal(size=400)
    left, right, columns = 120.0, 870.0, 50
    reduced = Curve(x, y).columns(left, right, columns)
    nearest = np.floor((x - left) / (right - left) * (columns - 1) + 0.5)
    for entry, column in enumerate(reduced.column):
        if column in range(columns):
            inside = y[nearest == column]
            assert (reduced.low[entry], reduced.high[entry]) == (inside.min(), inside.max())
            assert (reduced.first[entry], reduced.last[entry]) == (inside[0], inside[-1])


def test_a_narrow_view_keeps_the_neighbours_that_the_line_comes_from_and_goes_to() -> None:
    reduced = Curve([0, 100, 200], [1.0, 2.0, 3.0]).columns(90, 110, 21)
    assert reduced.column.tolist() == [-90, 10, 110]
    assert reduced.low.tolist() == [1, 2, 3]
    assert reduced.joined.tolist() == [False, True, True]


def test_values_that_are_not_finite_are_gaps_and_marks() -> None:
    y = [1.0, 2.0, np.nan, 4.0, np.inf, 6.0, 7.0]
    curve = Curve(range(7), y)
    reduced = curve.columns(0, 6, 7)
    assert reduced.column.tolist() == [0, 1, 3, 5, 6]
    assert reduced.joined.tolist() == [False, True, False, False, True]
    assert curve.bad.x.tolist() == [2, 4]
    assert np.isnan(curve.bad.y[0])
    assert curve.bad.y[1] == np.inf


def test_gaps_come_out_the_same_when_points_are_appended_one_by_one() -> None:
    rng = np.random.default_rng(2)
    y = np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200))
    growing = Curve()
    for end in range(1, 201):
        growing.update(np.arange(end), y[:end])
    assert growing.rebuilt == Curve().rebuilt
    whole = Curve(np.arange(200), y)
    for left, right in ((0, 199), (50, 80)):
        ours, theirs = growing.columns(left, right, 60), whole.columns(left, right, 60)
        for field in ("column", "low", "high", "first", "last", "joined"):
            assert getattr(ours, field).tolist() == getattr(theirs, field).tolist()


def test_appending_extends_and_other_points_rebuild() -> None:
    y = np.random.default_rng(0).normal(size=1000)
    curve = Curve(np.arange(500), y[:500])
    before = curve.rebuilt
    assert curve.update(np.arange(1000), y)
    assert curve.rebuilt == before
    assert not curve.update(np.arange(1000), y)
    assert curve.update(np.arange(900), y[:900])
    assert curve.rebuilt == before + 1
    other = y.copy()
    other[400:] += 1
    assert curve.update(np.arange(1000), other)
    assert curve.rebuilt == before + 2
    assert curve.y.tolist() == other.tolist()


def test_points_out_of_order_are_drawn_in_order() -> None:
    curve = Curve([0, 1, 5, 2, 3], [0.0, 1, 5, 2, 3])
    assert curve.x.tolist() == [0, 1, 2, 3, 5]
    curve.update([0, 1, 5, 2, 3, 4], [0.0, 1, 5, 2, 3, 4])
    assert curve.x.tolist() == [0, 1, 2, 3, 4, 5]
    assert curve.y.tolist() == [0, 1, 2, 3, 4, 5]


def test_limits_of_a_view() -> None:
    curve = Curve([0, 10, 20, 30], [5.0, -1.0, 2.0, 9.0])
    assert curve.limits(0, 30) == (-1, 9)
    assert curve.limits(10, 20) == (-1, 2)
    assert curve.limits(12, 18) == (-1, 2)  # nothing between them: the neighbours
    assert curve.limits(0, 20, positive=True) == (2, 5)
    assert Curve().limits(0, 1) is None
    assert Curve([1], [-3.0]).limits(0, 2, positive=True) is None


def test_nearest_point() -> None:
    curve = Curve([0, 10, 20], [1.0, 2.0, 3.0])
    assert [curve.nearest(x) for x in (-5, 4, 6, 15, 99)] == [0, 0, 1, 1, 2]
    assert Curve().nearest(1) is None


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="3 positions for 2 values"):
        Curve([1, 2, 3], [1.0, 2.0])
