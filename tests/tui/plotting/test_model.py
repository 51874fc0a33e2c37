"""What a chart looks at: following, zoom, pan, axes, smoothing and the cursor."""

from __future__ import annotations

from datetime import UTC

import numpy as np
import pytest

from tests.tui.plotting.curves import START, loss, series
from tui.plotting.figure import Ink
from tui.plotting.model import ChartModel, Drawn


def model_of(points: int = 1_000, **more: object) -> ChartModel:
    model = ChartModel()
    model.zone = UTC
    model.set_series([Drawn(loss(points, **more))])  # type: ignore[arg-type]
    return model


def test_everything_is_shown_at_first_and_a_little_room_is_left_to_grow() -> None:
    view = model_of(1_000).view()
    assert view.left == 0
    assert 999 <= view.right <= 999 * 1.025


def test_the_view_stands_still_for_most_new_points() -> None:
    points, model = loss(5_000), ChartModel()
    views, pictures = set(), set()
    for end in range(4_000, 4_400):
        model.set_series([Drawn(points.head(end))])
        views.add(model.view())
        pictures.add(model.picture(80, 20).rows[-1])
    assert len(views) <= 9
    assert len(pictures) <= len(views)


def test_a_followed_window_keeps_its_width_and_moves_with_the_end() -> None:
    points, model = loss(5_000), ChartModel()
    model.set_series([Drawn(points.head(4_000))])
    assert model.zoom(0.5)
    assert model.zoom(0.5)
    left, right = model.window or (0, 0)
    assert right == model.extent[1]
    model.set_series([Drawn(points)])
    assert model.window is not None
    assert model.window[1] == model.extent[1]
    assert model.window[1] - model.window[0] == pytest.approx(right - left)


def test_a_held_window_stays() -> None:
    points, model = loss(5_000), ChartModel()
    model.set_series([Drawn(points.head(4_000))])
    assert model.toggle_follow()
    held = model.view()
    model.set_series([Drawn(points)])
    assert model.view() == held
    assert model.toggle_follow()
    assert model.view().right >= 4_999


def test_zooming_in_and_out_comes_back_to_everything() -> None:
    model = model_of()
    whole = model.view()
    steps = 0
    while model.zoom(0.5):
        steps += 1
    assert 5 < steps < 12
    assert (model.window or (0, 0))[1] - (model.window or (0, 0))[0] >= 4
    for _step in range(steps):
        model.zoom(2.0)
    assert model.view() == whole
    assert not model.zoom(2.0)


def test_panning_stays_within_the_data_and_follows_again_at_the_end() -> None:
    model = model_of()
    assert not model.pan(-0.25)  # everything is shown
    model.zoom(0.25)
    assert model.pan(-0.25)
    assert not model.follow
    for _step in range(20):
        model.pan(-0.25)
    assert model.view().left == 0
    assert not model.pan(-0.25)
    for _step in range(20):
        model.pan(0.25)
    assert model.view().right == model.extent[1]
    assert model.follow


def test_home_and_end() -> None:
    model = model_of()
    model.zoom(0.25)
    assert model.go(end=False)
    assert model.view().left == 0
    assert not model.follow
    assert model.go(end=True)
    assert model.view().right == model.extent[1]
    assert model.follow


def test_axes_look_at_the_same_points() -> None:
    model = model_of()
    model.tokens_per_step = 1_000.0
    model.window, model.follow = (200.0, 600.0), False
    model.toggle_inspect()
    seen = {}
    for _axis in range(4):
        view = model.view()
        seen[model.axis] = (view.left, view.right, view.unit, model.cursor)
        model.cycle_axis()
    assert model.axis == "step"
    assert seen["step"] == (200, 600, "count", 600)
    assert seen["elapsed"] == (400, 1200, "elapsed", 1200)
    assert seen["clock"] == (START + 400, START + 1200, "clock", START + 1200)
    assert seen["tokens"] == (200_000, 600_000, "count", 600_000)


def test_tokens_are_no_axis_where_nobody_knows_them() -> None:
    assert model_of().axes == ["step", "elapsed", "clock"]


def test_smoothing_goes_round_and_shows_raw_values_behind() -> None:
    model = model_of()
    weights = []
    for _press in range(4):
        model.cycle_smoothing()
        weights.append(model.weight)
        inks = set(model.picture(80, 20).inks.ravel().tolist())
        assert (Ink.RAW in inks) == (model.weight > 0)
    assert weights == [0.6, 0.9, 0.99, 0.0]


def test_a_smoothed_curve_that_grew_equals_one_made_at_once() -> None:
    points, grown, fresh = loss(3_000), ChartModel(), ChartModel()
    for model in (grown, fresh):
        model.set_smoothing(0.9)
    for end in (10, 1_500, 1_501, 3_000):
        grown.set_series([Drawn(points.head(end))])
    fresh.set_series([Drawn(points)])
    assert grown.picture(100, 30).rows == fresh.picture(100, 30).rows


def test_another_axis_smooths_the_same_values() -> None:
    """Also where the clock doesn't run as the steps do, and where values are missing."""
    points = loss(400)
    points.time = points.time + np.where(points.step > 200, 5_000.0, 0.0)
    points.value[50:60] = np.nan
    shown = []
    for axis in ("step", "elapsed", "clock", "step"):
        model = ChartModel()
        model.set_smoothing(0.9)
        model.set_series([Drawn(points.head(300))])
        model.set_axis(axis)  # type: ignore[arg-type]
        model.set_series([Drawn(points)])
        smoothed = model.live[0].smoothed
        assert smoothed is not None
        shown.append(smoothed.y)
        assert len(smoothed.x) == len(model.live[0].curve.x) == 390
    for values in shown[1:]:
        np.testing.assert_allclose(values, shown[0], rtol=1e-12)


def test_the_cursor_reads_what_was_logged() -> None:
    model = ChartModel()
    model.set_series([Drawn(series([5.0, 4.0, 3.0, 2.5, 2.25, 2.0], attempt_from=4))])
    model.set_smoothing(0.6)
    assert model.toggle_inspect()
    (reading,) = model.readings()
    assert (reading.step, reading.value, reading.attempt, reading.time) == (5, 2.0, 2, START + 10)
    assert reading.smoothed is not None
    assert 2.0 < reading.smoothed < 3.0
    for expected in (4, 3, 2, 1, 0):
        assert model.move_cursor(-1, 40)
        assert model.readings()[0].step == expected
    assert not model.move_cursor(-1, 40)
    assert model.readings()[0].attempt == 1
    assert model.toggle_inspect()
    assert model.readings() == []


def test_the_cursor_moves_about_a_cell_among_many_points_and_takes_the_window_along() -> None:
    model = model_of(100_000)
    model.toggle_inspect()
    model.move_cursor(-1, 100)
    assert 900 <= 99_999 - model.readings()[0].step <= 1_100
    model.zoom(0.25)
    for _press in range(300):
        model.move_cursor(-1, 100)
    view = model.view()
    assert view.left <= (model.cursor or -1) <= view.right
    assert view.right < 60_000


def test_the_cursor_passes_over_values_that_are_not_finite() -> None:
    model = ChartModel()
    model.set_series([Drawn(series([5.0, np.nan, 3.0]))])
    model.toggle_inspect()
    model.move_cursor(-1, 40)
    assert model.readings()[0].step == 0


def test_a_new_attempt_replaces_the_line_and_leaves_the_old_branch_dimmed() -> None:
    model = ChartModel()
    before = loss(1_000)
    model.set_series([Drawn(before)])
    resumed = loss(1_200, noise=0.0, attempt_from=800)
    branch = series((before.value[800:] + 2).tolist(), before.step[800:].tolist())
    assert model.set_series([Drawn(resumed), Drawn(branch, "past")])
    picture = model.picture(100, 30, lambda attempt: f"attempt {attempt}")
    assert "attempt 2 ╎" in "\n".join(picture.rows)
    inks = set(picture.inks.ravel().tolist())
    assert {Ink.LINE_1, Ink.PAST, Ink.MARKER} <= inks
    assert len(model.live) == 1


def test_nothing_changes_where_nothing_is_new() -> None:
    points, model = loss(1_000), ChartModel()
    assert model.set_series([Drawn(points)])
    assert not model.set_series([Drawn(points.head(1_000))])


def test_many_lines_have_colours_of_their_own_and_dashes_without() -> None:
    model = ChartModel()
    model.set_series([Drawn(series([1.0 + n] * 10), label=str(n)) for n in range(6)])
    inks = set(model.picture(80, 30).inks.ravel().tolist())
    assert {Ink(Ink.LINE_1 + n) for n in range(6)} <= inks
    colourless = model.picture(80, 30, colourless=True)
    lines = {row[10:60] for row in colourless.rows if any("⠁" <= cell <= "⣿" for cell in row)}
    assert len(lines) == 6


def test_an_empty_chart_takes_every_key() -> None:
    model = ChartModel()
    assert model.empty
    model.set_series([Drawn(series([]))])
    for act in (
        lambda: model.zoom(0.5),
        lambda: model.pan(0.5),
        model.toggle_inspect,
        model.cycle_axis,
        model.toggle_follow,
    ):
        act()
    assert model.picture(40, 10).axis is None
    assert model.readings() == []


def test_one_point() -> None:
    model = ChartModel()
    model.set_series([Drawn(series([3.0], [7]))])
    assert model.view().left == 7
    assert "•" in "\n".join(model.picture(40, 10).rows)
    model.toggle_inspect()
    assert model.readings()[0].value == 3.0


def test_charts_look_at_the_same_steps() -> None:
    one, other = model_of(), model_of(500, seed=2)
    one.zoom(0.5)
    one.cycle_smoothing()
    one.cycle_axis()
    one.toggle_inspect()
    assert other.look_like(one)
    assert (other.window, other.weight, other.axis, other.cursor) == (
        one.window,
        one.weight,
        one.axis,
        one.cursor,
    )
    assert not other.look_like(one)


def branch_of(parent_points: int = 1_000, step: int = 400, points: int = 200) -> ChartModel:
    """A branch at `step` that has logged `points` steps, a day later, before its parent's curve."""
    parent, model = loss(parent_points), ChartModel()
    model.zone = UTC
    steps = np.arange(step + 1, step + 1 + points)
    own = series([3.0] * points, steps)  # type: ignore[arg-type]
    own.time = START + 86_400 + np.arange(points)
    model.set_series([Drawn(own), Drawn(parent, "parent", "demo-1f00@400", origin=float(parent.time[step]))])
    return model


def test_a_parents_curve_is_shown_up_to_the_branch_and_beyond() -> None:
    model = branch_of()
    view = model.view()
    assert (view.left, view.right >= 999) == (0, True)
    inks = model.picture(80, 20).inks
    assert (inks == Ink.PAST).any(axis=0)[8:].sum() > 10, "dimmed, dotted, from one end to the other"
    assert (inks == Ink.LINE_1).any()
    assert model.points == 200, "what counts is the branch"
    assert model.newest == 3.0


def test_on_the_axes_of_time_the_branch_alone_says_what_is_shown() -> None:
    model = branch_of()
    model.set_axis("elapsed")
    view = model.view()
    assert view.left == 0
    assert view.right < 210
    assert (model.picture(80, 20).inks == Ink.PAST).any(), (
        "what the parent did in the same time after the branch"
    )
    model.set_axis("clock")
    assert model.view().left == START + 86_400


def test_the_cursor_reads_the_parent_at_the_branchs_step() -> None:
    model = branch_of()
    model.toggle_inspect()
    (reading,) = model.readings()
    assert reading.step == 600
    assert model.parent is not None
    assert model.parent_value() == pytest.approx(float(loss(1_000).value[600]))
    beyond = branch_of(parent_points=500)
    beyond.toggle_inspect()
    assert beyond.parent_value() is None


def test_a_parent_is_never_smoothed_and_follows_zoom_and_tokens() -> None:
    model = branch_of()
    model.tokens_per_step = 100.0
    model.set_smoothing(0.9)
    model.set_axis("tokens")
    assert model.parent is not None
    assert model.parent.smoothed is None
    assert model.parent.curve.x[-1] == 999 * 100
    model.zoom(0.25)
    assert model.picture(80, 20).axis is not None
