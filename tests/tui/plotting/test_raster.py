"""Lines become the dots that a person would draw."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tui.plotting.curve import Columns, Curve
from tui.plotting.raster import BRAILLE, fill, pack, trace


def picture(dots: np.ndarray) -> list[str]:
    return ["".join("#" if dot else "." for dot in row) for row in dots]


def drawn(x: list[float], rows: list[float], width: int, height: int) -> list[str]:
    """A line through these dot rows (0 is the top), whose columns are its positions."""
    return picture(trace(Curve(x, rows).columns(0, width - 1, width), height, width))


def test_a_flat_line_has_one_dot_a_column() -> None:
    assert drawn([0, 7], [3, 3], 8, 4) == ["........", "........", "........", "########"]


def test_a_gentle_slope_is_one_dot_thin() -> None:
    assert drawn([0, 7], [0, 3], 8, 4) == ["##......", "..##....", "....##..", "......##"]


def test_a_steep_slope_has_one_dot_a_row() -> None:
    assert drawn([0, 2], [0, 7], 3, 8) == ["#..", "#..", ".#.", ".#.", ".#.", ".#.", "..#", "..#"]
    assert drawn([0, 2], [7, 0], 3, 8) == ["..#", "..#", ".#.", ".#.", ".#.", ".#.", "#..", "#.."]


def test_up_and_down_are_mirror_images() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 24, size=20).astype(float)
    x = np.arange(0, 60, 3.0)
    down = np.array([list(line) for line in drawn(x.tolist(), rows.tolist(), 58, 24)])
    up = np.array([list(line) for line in drawn(x.tolist(), (23 - rows).tolist(), 58, 24)])
    different = (down != up[::-1]).any(axis=0).mean()
    assert different < 0.35  # halves are rounded to one side, nothing else differs
    assert abs(int((down == "#").sum()) - int((up == "#").sum())) < 20


def test_every_line_is_connected() -> None:
    rng = np.random.default_rng(1)
    for count in (2, 5, 40, 300):
        x = np.sort(rng.choice(120, size=min(count, 120), replace=False)).astype(float)
        dots = trace(Curve(x, rng.uniform(0, 39, size=len(x))).columns(0, 119, 120), 40, 120)
        columns = [np.flatnonzero(dots[:, column]) for column in range(int(x[0]), int(x[-1]) + 1)]
        for left, right in pairwise(columns):
            assert len(left)
            assert len(right)
            assert np.all(np.diff(left) == 1)
            assert left[0] - 1 <= right[-1]
            assert right[0] - 1 <= left[-1]


def test_extrema_of_a_column_are_drawn() -> None:
    columns = Columns(*(np.array([float(v)]) for v in (2, 9, 1, 4, 4)), np.array([False]))
    dots = trace(columns, 12, 4)
    assert np.flatnonzero(dots[:, 2]).tolist() == list(range(1, 10))


def test_a_stretch_lower_than_a_dot_is_one_dot() -> None:
    columns = Columns(*(np.array([v]) for v in (0.0, 4.9, 4.1, 4.5, 4.5)), np.array([False]))
    assert trace(columns, 8, 1)[:, 0].sum() == 1


def test_a_gap_stays_open() -> None:
    assert drawn([0, 1, 2, 3, 4, 5, 6], [0, 0, 0, np.nan, 2, 2, 2], 7, 4)[0] == "###...."


def test_a_line_to_a_far_neighbour_leaves_the_chart_in_its_direction() -> None:
    lines = picture(trace(Curve([0, 1_000_000], [0, 1_000_000]).columns(0, 7, 8), 8, 8))
    assert lines == ["." * i + "#" + "." * (7 - i) for i in range(8)]


def test_what_lies_outside_is_cut_off() -> None:
    dots = fill(np.array([0, 1, 2, 5]), np.array([-5, 2, 9, 0]), np.array([1, 99, 12, 3]), 4, 4)
    assert picture(dots) == ["#...", "#...", ".#..", ".#.."]


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [(0, 0, "⠁"), (1, 0, "⠂"), (2, 0, "⠄"), (3, 0, "⡀"), (0, 1, "⠈"), (1, 1, "⠐"), (2, 1, "⠠"), (3, 1, "⢀")],
)
def test_each_dot_has_its_place_in_the_braille_cell(row: int, column: int, expected: str) -> None:
    dots = np.zeros((4, 2), dtype=bool)
    dots[row, column] = True
    assert chr(BRAILLE + int(pack(dots)[0, 0])) == expected
