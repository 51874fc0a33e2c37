"""Ticks are round, apart, never written twice, and stay where they are while a run grows."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, timedelta, timezone

import numpy as np
import pytest

from tui.plotting.axes import DOTS, clock_ticks, count_ticks, elapsed_ticks, linear_axis, log_axis

RANGES = [
    (2.3, 4.07), (0, 1), (300e3, 371e3), (0, 4e-4), (-5, 5), (1e-12, 3e-12), (1e20, 3e20), (5.2, 5.2001),
    (1.0000001, 1.0000005),
    (9999, 10001), (-2e6, 8e5), (0.3, 0.31), (-1e-9, 1e9), (1e-300, 1e300), (41, 43.7),
]  # fmt: skip


@pytest.mark.parametrize("limits", RANGES, ids=str)
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, 12, 18, 40, 60])
def test_linear_axis_holds_all_values_and_its_ticks_are_where_they_say(
    limits: tuple[float, float], rows: int
) -> None:
    axis = linear_axis(*limits, rows)
    dots = [(axis.top - value) / axis.per_dot for value in limits]
    assert all(-0.51 <= dot <= rows * DOTS - 0.49 for dot in dots)
    cells = [tick.cell for tick in axis.ticks]
    labels = [tick.label for tick in axis.ticks]
    assert cells == sorted(set(cells))
    assert all(0 <= cell < rows for cell in cells)
    assert len(set(labels)) == len(labels)
    assert all(len(label) <= 10 for label in labels)
    if rows >= 2:
        assert len(labels) >= 2
        assert all(after - before >= min(2, rows - 1) for before, after in itertools.pairwise(cells))
        # Little room is left empty.
        assert abs(dots[0] - dots[1]) > 0.45 * (rows * DOTS - 1)


@pytest.mark.parametrize("limits", [(2.3, 4.07), (0, 100), (-3, 7)], ids=str)
def test_a_tick_stands_in_the_row_of_its_value(limits: tuple[float, float]) -> None:
    axis = linear_axis(*limits, 20)
    for tick in axis.ticks:
        assert int((axis.top - float(tick.label)) / axis.per_dot + 0.5) // DOTS == tick.cell


def test_a_constant_stands_in_the_middle_with_its_own_value_as_the_tick() -> None:
    for value, label in ((3e-4, "3e-4"), (0.0, "0"), (-71.25, "-71.25"), (371_000.0, "371k")):
        axis = linear_axis(value, value, 5)
        assert [(tick.cell, tick.label) for tick in axis.ticks] == [(2, label)]
        assert int((axis.top - value) / axis.per_dot + 0.5) // DOTS == 2


def test_a_constant_with_rounding_errors_is_a_constant() -> None:
    axis = linear_axis(71.2, 71.2 + 1e-14, 5)
    rows = {int((axis.top - value) / axis.per_dot + 0.5) for value in (71.2, 71.2 + 1e-14)}
    assert len(rows) == 1


def test_the_vertical_axis_moves_seldom_while_a_minimum_falls() -> None:
    axes = [linear_axis(low, 10.9, 14) for low in np.linspace(3.0, 2.0, 500)]
    changes = sum(a != b for a, b in itertools.pairwise(axes))
    assert changes <= 12


@pytest.mark.parametrize(
    "limits", [(2.3, 4.07), (0.1, 30), (1e-6, 4e-4), (1e-300, 1e300), (5, 5), (0.3, 90)], ids=str
)
@pytest.mark.parametrize("rows", [1, 2, 3, 6, 12, 30])
def test_logarithmic_axis_holds_all_values(limits: tuple[float, float], rows: int) -> None:
    axis = log_axis(*limits, rows)
    assert axis.log
    dots = [(axis.top - math.log10(value)) / axis.per_dot for value in limits]
    assert all(-0.51 <= dot <= rows * DOTS - 0.49 for dot in dots)
    cells = [tick.cell for tick in axis.ticks]
    assert cells == sorted(set(cells))
    assert len({tick.label for tick in axis.ticks}) == len(cells)
    if rows >= 6 and limits[0] < limits[1]:
        assert len(cells) >= 2


def test_logarithmic_ticks_are_powers_where_there_are_many() -> None:
    assert [tick.label for tick in log_axis(1e-6, 1.0, 20).ticks] == [f"1e{-power}" for power in range(7)]
    assert [tick.label for tick in log_axis(0.5, 2000, 20).ticks] == ["1000", "100", "10", "1"]


@pytest.mark.parametrize("columns", [1, 2, 10, 24, 60, 200])
@pytest.mark.parametrize(
    "limits",
    [(0, 1), (0, 10), (1, 400), (0, 451_002), (999_000, 1_000_000), (123_456, 123_466), (0, 3.1e12), (5, 5)],
    ids=str,
)
def test_step_ticks_are_whole_apart_and_not_repeated(limits: tuple[float, float], columns: int) -> None:
    ticks = count_ticks(*limits, columns)
    assert ticks
    labels = [tick.label for tick in ticks]
    assert len(set(labels)) == len(labels)
    assert not any("." in label and label[-1].isdigit() for label in labels)
    assert all(0 <= tick.cell < columns for tick in ticks)
    for before, after in itertools.pairwise(ticks):
        assert after.cell - before.cell >= (len(before.label) + len(after.label)) / 2 + 2


def test_step_labels_are_short() -> None:
    assert [tick.label for tick in count_ticks(0, 451_002, 60)] == ["0", "100k", "200k", "300k", "400k"]
    assert [tick.label for tick in count_ticks(0, 1_300_000, 60)] == [
        "0",
        "200k",
        "400k",
        "600k",
        "800k",
        "1M",
        "1.2M",
    ]
    assert count_ticks(123_456, 123_466, 60)[0].label == "123,456"


def test_elapsed_time_is_counted_in_units_of_time() -> None:
    def labels(seconds: float) -> list[str]:
        return [tick.label for tick in elapsed_ticks(0, seconds, 50)]

    assert labels(40) == ["0", "10s", "20s", "30s", "40s"]
    assert labels(100) == ["0", "30s", "1m00", "1m30"]
    assert labels(4000) == ["0", "10m", "20m", "30m", "40m", "50m", "1h"]
    assert labels(90_000) == ["0", "6h", "12h", "18h", "1d"]
    assert labels(500_000) == ["0", "1d", "2d", "3d", "4d", "5d"]


def test_the_clock_stands_at_whole_hours_of_the_zone_and_shows_the_date_at_midnight() -> None:
    start = 1795530720.0  # 2026-11-24 14:32 UTC
    utc, shanghai = UTC, timezone(timedelta(hours=8))
    assert [tick.label for tick in clock_ticks(start, start + 5400, 40, utc)] == ["15:00", "15:30", "16:00"]
    assert [tick.label for tick in clock_ticks(start, start + 90_000, 60, utc)] == [
        "18:00",
        "11-25",
        "06:00",
        "12:00",
    ]
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert [tick.label for tick in clock_ticks(start, start + 5400, 40, kolkata)] == [
        "20:30",
        "21:00",
        "21:30",
    ]
    assert "11-25" in [tick.label for tick in clock_ticks(start, start + 20_000, 60, shanghai)]
