"""The chart as a widget: keys, title, and how little it sends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui.plotting.curves import loss, series
from tests.tui.settling import screen_text
from tui import theme
from tui.plotting.model import Drawn
from tui.widgets.chart import Chart


class ChartApp(App[None]):
    """One chart."""

    CSS = "Screen { background: #121212; }"

    def compose(self) -> ComposeResult:
        yield Chart()

    @property
    def chart(self) -> Chart:
        return self.query_one(Chart)


async def ready(pilot: Pilot[Any], points: int = 2_000) -> Chart:
    chart: Chart = pilot.app.chart  # type: ignore[attr-defined]
    chart.set_series("train/loss", [Drawn(loss(points))])
    chart.focus()
    await pilot.pause()
    return chart


async def test_keys_change_what_is_looked_at_and_the_title_says_so() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = await ready(pilot)
        first = screen_text(app)
        assert first.startswith("train/loss")
        await pilot.press("m", "m", "g", "a")
        assert "smooth 0.9" in screen_text(app)
        assert "log" in screen_text(app)
        assert "time" in screen_text(app)
        await pilot.press("m", "m", "g", "a", "a")
        assert screen_text(app) == first
        await pilot.press("plus", "plus", "less_than_sign")
        assert "held" in screen_text(app)
        assert chart.model.window is not None
        await pilot.press("end", "minus", "minus")
        assert screen_text(app) == first


async def test_inspecting_shows_step_value_time_and_attempt_and_escape_leaves_it() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = await ready(pilot)
        chart.set_series("train/loss", [Drawn(series([5.0, 4.0, 3.5], attempt_from=2))])
        await pilot.press("i")
        title = screen_text(app).splitlines()[0]
        assert "3.5" in title
        assert "step 2" in title
        assert "11-24 14:32:04" in title
        assert "attempt 2" in title
        await pilot.press("left")
        assert "step 1" in screen_text(app).splitlines()[0]
        await pilot.press("escape")
        assert "step" not in screen_text(app).splitlines()[0]
        assert chart.copy_text() == "train/loss 3.5"


async def test_an_empty_chart_says_what_it_waits_for_and_offers_nothing() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.empty_text = "waiting for the first logged step"
        app.chart.set_series("", [])
        app.chart.focus()
        await pilot.press("i", "plus", "m", "a", "g", "f", "home", "left")
        assert "waiting for the first logged step" in screen_text(app)
        assert all(not app.chart.check_action(action, ()) for action in Chart.ACTIONS)


async def test_what_has_not_changed_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = await ready(pilot)
        sent: list[tuple[Region, ...]] = []
        monkeypatch.setattr(chart, "refresh", lambda *regions, **more: sent.append(regions))
        points = loss(2_000)
        chart.set_series("train/loss", [Drawn(points)])
        assert sent == []
        chart.set_series("train/loss", [Drawn(loss(2_001).head(2_000))])
        sent.clear()
        grown = series([*points.value, float(points.value[-1])])
        chart.set_series("train/loss", [Drawn(grown)])
        rows = {region.y for regions in sent for region in regions}
        assert len(rows) < 6


async def test_names_from_outside_are_shown_without_their_control_characters() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 12)) as pilot:
        chart = await ready(pilot)
        chart.set_series("evil\x1b[31m/[bold]name[/bold]\u202e", [Drawn(loss(10))])
        await pilot.pause()
        assert "evil/[bold]name[/bold]" in screen_text(app)
        assert "\x1b" not in screen_text(app)


async def test_a_name_without_room_gives_way_to_its_value() -> None:
    app = ChartApp()
    async with app.run_test(size=(26, 8)) as pilot:
        chart = await ready(pilot)
        chart.set_series("throughput/tokens_per_second", [Drawn(series([371_000.0, 371_200.0]))])
        await pilot.pause()
        assert screen_text(app).splitlines()[0].rstrip() == "tokens_per_second  371.2k"


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (10, 3), (40, 5), (300, 80)])
async def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    app = ChartApp()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("m", "i")
        assert len(screen_text(app).splitlines()) == size[1]


async def test_not_a_number_is_marked_and_the_newest_value_is_told() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 12)) as pilot:
        chart = await ready(pilot)
        chart.set_series("train/loss", [Drawn(series([3.0, 2.5, np.nan]))])
        await pilot.pause()
        assert "train/loss  nan" in screen_text(app)
        assert "×" in screen_text(app)


async def test_the_wheel_zooms_at_the_pointer() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = await ready(pilot)
        from textual.events import MouseScrollUp

        chart.post_message(MouseScrollUp(chart, 30, 10, 0, 0, 0, False, False, False, 30, 10))
        await pilot.pause()
        left, right = chart.model.window or (0, 0)
        assert left < 2_000 * 30 / 100 < right
        assert right < 1_999


async def test_without_colours_lines_differ_by_their_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = await ready(pilot)
        lines = [Drawn(series([1.0] * 9), label="a"), Drawn(series([2.0] * 9), label="b")]
        chart.set_series("train/loss", lines)
        await pilot.pause()
        drawn = [
            line[10:90].strip()
            for line in screen_text(app).splitlines()
            if "⠒" in line or "⠤" in line or "⠉" in line or "⣀" in line
        ]
        assert len(set(drawn)) == 2


@pytest.mark.parametrize("look", ["dark", "light"])
def test_a_chart_with_everything(snap_compare: Any, look: str) -> None:
    """Raw and smoothed values, a second attempt, the branch that it replaced, and the cursor."""

    async def before(pilot: Pilot[Any]) -> None:
        theme.use(look)
        await pilot.pause()
        chart = await ready(pilot)
        live, branch = loss(20_000, attempt_from=12_000), loss(14_000, seed=1).value[12_000:] + 1
        past = series(branch.tolist(), list(range(12_000, 14_000)))
        chart.set_series("train/loss", [Drawn(live), Drawn(past, "past")])
        await pilot.press("m", "m", "i", *["left"] * 9)
        await pilot.pause()

    app = ChartApp()
    app.CSS = f"Screen {{ background: {theme.PALETTES[look].background}; }}"
    assert snap_compare(app, terminal_size=(100, 24), run_before=before)
