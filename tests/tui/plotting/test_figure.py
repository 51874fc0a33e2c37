"""Whole charts as characters."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tui.plotting.curves import loss
from tui.plotting.curve import Curve
from tui.plotting.figure import LINE_WEIGHT, PAST_WEIGHT, RAW_WEIGHT, Ink, Line, Marker, View, draw
from tui.plotting.smoothing import smooth


def rows(*lines: Line, view: View, width: int, height: int, **more: object) -> list[str]:
    return [row.rstrip() for row in draw(lines, view, width, height, **more).rows]  # type: ignore[arg-type]


def test_a_falling_line() -> None:
    assert rows(Line(Curve([0, 50, 100], [4.0, 3.0, 2.0])), view=View(0, 100), width=24, height=8) == [
        " 4 ┤⠢⢄⡀",
        "   │  ⠈⠑⠤⣀",
        "   │      ⠑⠢⢄⡀",
        " 3 ┤         ⠈⠒⠤⣀",
        "   │             ⠉⠢⢄⡀",
        " 2 ┤                ⠈⠑⠢⢄",
        "   └┬─────────┬────────┬",
        "    0         50     100",
    ]


def test_constant() -> None:
    assert rows(Line(Curve([0, 100], [3e-4, 3e-4])), view=View(0, 100), width=20, height=7) == [
        "     │",
        "     │",
        "3e-4 ┤⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒",
        "     │",
        "     │",
        "     └┬──────┬─────┬",
        "      0      50  100",
    ]


def test_single_point_is_a_mark_that_can_be_seen() -> None:
    lines = rows(Line(Curve([5], [1.0])), view=View(5, 6), width=20, height=7)
    assert lines[:5] == ["   │", "   │", " 1 ┤•", "   │", "   │"]


def test_one_and_two_rows() -> None:
    curve = Curve(np.arange(100), np.linspace(4, 2, 100))
    assert rows(Line(curve), view=View(0, 99), width=20, height=1) == ["⠉⠉⠉⠑⠒⠒⠒⠒⠒⠒⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀"]
    two = rows(Line(curve), view=View(0, 99), width=20, height=2)
    assert two == [" 4 ┤⠉⠑⠒⠢⠤⠤⣀⣀", " 2 ┤        ⠉⠉⠒⠒⠢⠤⢄⣀"]


def test_gap_and_marks_of_values_that_are_not_finite() -> None:
    curve = Curve([0, 1, 2, 3, 4, 5], [1, 2, np.nan, 3, np.inf, 2.5])
    picture = draw([Line(curve)], View(0, 5), 40, 8)
    text = "\n".join(picture.rows)
    assert text.count("×") == 1
    assert text.count("▲") == 1
    assert "▲" in picture.rows[0]
    assert "×" in picture.rows[picture.plot_height - 1]
    assert {
        row[column]
        for row, inks in zip(picture.rows, picture.inks, strict=True)
        for column in np.flatnonzero(inks == Ink.BAD)
    } == {"×", "▲"}


def test_only_values_that_are_not_finite_leave_nothing_to_draw() -> None:
    assert draw([Line(Curve([0, 1], [np.nan, np.inf]))], View(0, 1), 30, 8).axis is None
    assert draw([Line(Curve())], View(0, 1), 30, 8).axis is None
    assert draw([], View(0, 1), 0, 0).rows == ()


def test_values_without_a_logarithm_lie_on_the_lower_edge() -> None:
    curve = Curve(np.arange(5), [100.0, 10.0, 0.0, -5.0, 1.0])
    picture = draw([Line(curve)], View(0, 4, log=True), 30, 10)
    assert picture.axis is not None
    assert picture.axis.log
    lowest = picture.rows[picture.plot_height - 1]
    assert any("⠁" <= character <= "⣿" for character in lowest)
    assert draw([Line(Curve([0, 1], [-1.0, 0.0]))], View(0, 1, log=True), 30, 10).axis is None


def test_the_smoothed_line_is_alone_in_its_cells_and_dim_raw_values_around_it() -> None:
    points = loss(50_000)
    raw = Curve(points.step, points.value)
    smoothed = Curve(points.step, smooth(points.step, points.value, 0.9))
    view = View(0, 50_000)
    both = draw([Line(raw, Ink.RAW, RAW_WEIGHT), Line(smoothed, Ink.LINE_1)], view, 80, 20)
    alone = draw([Line(smoothed, Ink.LINE_1)], view, 80, 20)
    assert np.count_nonzero(both.inks == Ink.RAW) > 50
    assert np.count_nonzero(both.inks == Ink.LINE_1) >= 70
    # The smoothed line is as thin as if there were nothing else.
    thick = [
        row[c]
        for row, inks in zip(both.rows, both.inks, strict=True)
        for c in np.flatnonzero(inks == Ink.LINE_1)
    ]
    assert sum(bin(ord(cell) - 0x2800).count("1") for cell in thick) / len(thick) < 4
    assert alone.axis is not None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_greater_weight_wins_whatever_the_order(order: tuple[int, int]) -> None:
    flat = Curve([0, 10], [1.0, 1.0])
    lines = [Line(flat, Ink.PAST, PAST_WEIGHT), Line(flat, Ink.LINE_1, LINE_WEIGHT)]
    inks = set(draw([lines[i] for i in order], View(0, 10), 30, 8).inks.ravel().tolist())
    assert Ink.LINE_1 in inks
    assert Ink.PAST not in inks


def test_lines_of_equal_weight_share_dots_and_the_later_one_colours_the_cell() -> None:
    rising, falling = Curve([0, 10], [0.0, 1.0]), Curve([0, 10], [1.0, 0.0])
    picture = draw([Line(rising, Ink.LINE_1), Line(falling, Ink.LINE_2)], View(0, 10), 24, 9)
    both = (
        draw([Line(rising, Ink.LINE_1)], View(0, 10), 24, 9),
        draw([Line(falling, Ink.LINE_2)], View(0, 10), 24, 9),
    )
    for y in range(picture.plot_height):
        for x in range(picture.gutter, 24):
            dots = [0 if p.rows[y][x] == " " else ord(p.rows[y][x]) - 0x2800 for p in (*both, picture)]
            assert dots[2] == dots[0] | dots[1]
            if dots[1]:
                assert picture.inks[y, x] == Ink.LINE_2


def test_dashes_tell_lines_apart_without_colours() -> None:
    flat = Curve([0, 10], [1.0, 1.0])
    texts = {
        rows(Line(flat, dash=dash), view=View(0, 10), width=30, height=6)[2]
        for dash in (None, (6, 2), (3, 3), (1, 2))
    }
    assert len(texts) == 4


def test_attempt_marker_stands_behind_the_line_with_its_word_where_there_is_room() -> None:
    curve = Curve(np.arange(101), np.linspace(10, 2, 101))
    picture = draw([Line(curve)], View(0, 100), 60, 12, markers=[Marker(60, "attempt 2")])
    column = picture.rows[0].index("╎")
    assert "attempt 2 ╎" in "\n".join(picture.rows)
    crossed = [row[column] for row in picture.rows[: picture.plot_height]]
    assert crossed.count("╎") >= picture.plot_height - 2
    assert any("⠁" <= cell <= "⣿" for cell in crossed)
    narrow = draw([Line(curve)], View(0, 100), 30, 12, markers=[Marker(60, "attempt 2")])
    assert "attempt" not in "\n".join(narrow.rows)
    assert "╎" in "\n".join(narrow.rows)
    outside = draw([Line(curve)], View(0, 50), 60, 12, markers=[Marker(60, "attempt 2")])
    assert "╎" not in "\n".join(outside.rows)


def test_cursor_line_and_point() -> None:
    curve = Curve(np.arange(101), np.linspace(10, 2, 101))
    picture = draw([Line(curve)], View(0, 100), 60, 12, cursor=(50.0, 6.0))
    text = "\n".join(picture.rows)
    assert text.count("●") == 1
    column = next(row.index("●") for row in picture.rows if "●" in row)
    assert all(
        row[column] in "│●┬" or "⠁" <= row[column] <= "⣿" for row in picture.rows[: picture.plot_height]
    )


@pytest.mark.parametrize("width", [1, 2, 3, 8, 14, 80, 200])
@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 6, 24, 60])
@pytest.mark.parametrize("log", [False, True])
def test_any_size_is_filled_exactly(width: int, height: int, log: bool) -> None:
    points = loss(3_000)
    curve = Curve(points.step, points.value)
    picture = draw([Line(curve)], View(0, 3_000, log), width, height, [Marker(1500, "attempt 2")], (100, 5.0))
    assert len(picture.rows) == height
    assert all(len(row) == width for row in picture.rows)
    assert picture.inks.shape == (height, width)


def test_the_same_data_gives_the_same_picture() -> None:
    points = loss(10_000)
    grown = Curve()
    for end in range(1_000, 10_001, 1_000):
        grown.update(points.step[:end], points.value[:end])
    first = draw([Line(grown)], View(0, 10_000), 100, 30)
    again = draw([Line(Curve(points.step, points.value))], View(0, 10_000), 100, 30)
    assert first.rows == again.rows
    assert np.array_equal(first.inks, again.inks)
