"""The grid of a run's metrics: what is where, what loads when, and that all look at the same steps."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from runtime.run.metrics import MetricsWriter
from runtime.run.metrics_reader import MetricsReader
from tests.tui.plotting.curves import Points, loss, series
from tests.tui.settling import screen_text
from tui.plotting.layout import arrange, neighbour, ordered, page_of
from tui.widgets.chart import Chart
from tui.widgets.chart_grid import ChartGrid

NAMES = [
    "eval/holdout/loss", "custom/thing", "memory/reserved_gib", "throughput/mfu",
    "throughput/tokens_per_second",
    "optim/grad_norm", "optim/learning_rate", "train/perplexity", "train/loss",
]  # fmt: skip


class Source:
    """Metrics in memory; `exact` as set."""

    def __init__(self, names: list[str], points: int = 500) -> None:
        self.curves: dict[str, Points] = {name: loss(points, seed=seed) for seed, name in enumerate(names)}
        self.exact = True
        self.polls = 0
        self.changed = True
        self.closed = False
        self.threads: set[int] = set()

    def poll(self) -> bool:
        self.polls += 1
        self.threads.add(threading.get_ident())
        changed, self.changed = self.changed, False
        return changed

    def names(self) -> list[str]:
        return list(self.curves)

    def series(self, name: str) -> Points:
        return self.curves[name]

    def replaced(self, name: str) -> list[Points]:
        return []

    def close(self) -> None:
        self.closed = True


class GridApp(App[None]):
    """One grid."""

    CSS = "Screen { background: #121212; }"

    def compose(self) -> ComposeResult:
        yield ChartGrid()

    @property
    def grid(self) -> ChartGrid:
        return self.query_one(ChartGrid)


async def loaded(pilot: Pilot[Any]) -> None:
    for _round in range(3):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


def titles(app: GridApp) -> list[str]:
    return [chart.title for chart in app.query(Chart) if chart.display]


def test_sections_come_in_order_and_the_loss_first() -> None:
    assert ordered(NAMES) == [
        "train/loss", "train/perplexity", "optim/grad_norm", "optim/learning_rate", "throughput/mfu",
        "throughput/tokens_per_second", "memory/reserved_gib", "eval/holdout/loss", "custom/thing",
    ]  # fmt: skip
    assert ordered(["speed", "my_loss"]) == ["my_loss", "speed"]
    assert ordered([]) == []


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 40])
@pytest.mark.parametrize(
    "size", [(20, 3), (80, 10), (80, 20), (99, 40), (120, 14), (120, 36), (200, 50), (400, 100)]
)
def test_charts_lie_within_the_grid_and_do_not_overlap(size: tuple[int, int], count: int) -> None:
    places = arrange(*size, count)
    assert 1 <= len(places) <= count
    taken: set[tuple[int, int]] = set()
    for place in places:
        cells = {
            (x, y)
            for x in range(place.x, place.x + place.width)
            for y in range(place.y, place.y + place.height)
        }
        assert cells
        assert not cells & taken
        assert max(x for x, _y in cells) < size[0]
        assert max(y for _x, y in cells) < size[1]
        taken |= cells


def test_columns_follow_the_width() -> None:
    def columns(width: int) -> int:
        return len({place.x for place in arrange(width, 40, 20)})

    assert [columns(width) for width in (80, 120, 200)] == [1, 3, 4]


def test_every_metric_is_on_some_page_and_the_first_on_all() -> None:
    names = [f"m{i}" for i in range(12)]
    pages = [page_of(names, 5, page)[0] for page in range(page_of(names, 5, 0)[1])]
    assert all(page[0] == "m0" for page in pages)
    assert {name for page in pages for name in page} == set(names)
    assert all(len(page) <= 5 for page in pages)
    assert page_of(names, 20, 0) == (names, 1)


def test_arrows_go_to_the_chart_that_is_there() -> None:
    places = arrange(120, 22, 7)  # a big one, and two columns of three
    assert neighbour(places, 0, 1, 0) == 1
    assert neighbour(places, 1, 1, 0) == 2
    assert neighbour(places, 2, -1, 0) == 1
    assert neighbour(places, 1, 0, 1) == 3
    assert neighbour(places, 4, 0, -1) == 2
    assert neighbour(places, 5, -1, 0) == 0
    assert neighbour(places, 2, 1, 0) is None


async def test_metrics_are_read_in_a_thread_and_laid_out_by_section() -> None:
    app, source = GridApp(), Source(NAMES)
    async with app.run_test(size=(120, 24)) as pilot:
        await loaded(pilot)
        assert "waiting for the first logged step" in screen_text(app)
        app.grid.set_source(source)
        await loaded(pilot)
        assert titles(app) == ordered(NAMES)[:7]
        assert threading.get_ident() not in source.threads
        assert "page 1 of 2" in screen_text(app)
    assert source.closed


async def test_pages_and_focus() -> None:
    app = GridApp()
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(Source(NAMES))
        await loaded(pilot)
        app.query(Chart).first().focus()
        await pilot.press("right", "right")
        assert app.grid.focused_chart is not None
        assert app.grid.focused_chart.title == "optim/grad_norm"
        await pilot.press("pagedown")
        await loaded(pilot)
        assert titles(app) == ["train/loss", *ordered(NAMES)[7:]]
        assert all(chart.model.points == 500 for chart in app.query(Chart) if chart.display)
        await pilot.press("pagedown")
        assert titles(app) == ordered(NAMES)[:7]


async def test_all_charts_look_at_the_same_steps_and_each_has_its_own_scale() -> None:
    app = GridApp()
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(Source(NAMES))
        await loaded(pilot)
        main, other = list(app.query(Chart))[:2]
        main.focus()
        await pilot.press("plus", "m", "a", "g", "i")
        assert other.model.window == main.model.window
        assert (other.model.weight, other.model.axis) == (0.6, "elapsed")
        assert other.model.cursor == main.model.cursor
        assert (main.model.log, other.model.log) == (True, False)
        await pilot.press("pagedown")
        await loaded(pilot)
        assert all(chart.model.window == main.model.window for chart in app.query(Chart) if chart.display)


async def test_new_points_new_metrics_and_nothing_new() -> None:
    app, source = GridApp(), Source(["train/loss"], 100)
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(source)
        await loaded(pilot)
        source.curves["train/loss"] = series([9.0] * 101)
        source.curves["optim/grad_norm"] = series([1.0, 2.0])
        source.changed = True
        app.grid.changed()
        await loaded(pilot)
        assert titles(app) == ["train/loss", "optim/grad_norm"]
        assert [chart.model.points for chart in app.query(Chart)] == [101, 2]
        polls = source.polls
        app.grid.changed()
        await loaded(pilot)
        assert source.polls == polls + 1


async def test_a_sample_is_marked_until_the_exact_curve_is_there() -> None:
    app, source = GridApp(), Source(["train/loss"], 100)
    source.exact = False
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(source)
        await loaded(pilot)
        assert "sampled" in screen_text(app)
        source.curves["train/loss"] = loss(70_000)
        source.exact = source.changed = True
        app.grid.changed()
        await loaded(pilot)
        assert "sampled" not in screen_text(app)
        assert app.query(Chart).first().model.points == 70_000


async def test_a_grid_given_all_room_shows_the_focused_chart_alone() -> None:
    app = GridApp()
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(Source(NAMES))
        await loaded(pilot)
        list(app.query(Chart))[2].focus()
        await pilot.pause()
        app.grid.zoom_changed(True)
        await loaded(pilot)
        assert titles(app) == ["optim/grad_norm"]
        await pilot.press("pagedown")
        await loaded(pilot)
        assert titles(app) == ["optim/learning_rate"]
        app.grid.zoom_changed(False)
        await loaded(pilot)
        assert titles(app) == ordered(NAMES)[:7]
        assert app.grid.focused_chart is not None
        assert app.grid.focused_chart.title == "optim/learning_rate"


async def test_large_metrics_are_smoothed_aside_and_come_to_look_alike() -> None:
    app, source = GridApp(), Source(["train/loss", "train/perplexity", "optim/grad_norm"], 60_000)
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(source)
        await loaded(pilot)
        app.query(Chart).last().focus()
        await pilot.press("m", "m", "a", "plus")
        await loaded(pilot)
        models = [chart.model for chart in app.query(Chart)]
        assert {(model.weight, model.axis, model.window) for model in models} == {
            (0.9, "elapsed", models[2].window)
        }
        assert all(model.live[0].smoothed is not None for model in models)
        source.curves["train/loss"] = series([1.0] * 60_001)
        source.changed = True
        app.grid.changed()
        await loaded(pilot)
        assert app.query(Chart).first().model.weight == 0.9
        assert app.query(Chart).first().model.points == 60_001


async def test_another_run_forgets_the_one_before() -> None:
    app, first, second = GridApp(), Source(NAMES), Source(["train/loss"], 7)
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(first)
        await loaded(pilot)
        app.grid.set_source(second)
        await loaded(pilot)
        assert titles(app) == ["train/loss"]
        assert app.query(Chart).first().model.points == 7
        app.grid.set_source(None)
        await pilot.pause()
        assert "waiting for the first logged step" in screen_text(app)
    assert first.closed
    assert second.closed


async def test_a_real_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = MetricsWriter(path, 1)
    app = GridApp()
    async with app.run_test(size=(120, 24)) as pilot:
        app.grid.set_source(MetricsReader(path, tmp_path / "cache"))
        await loaded(pilot)
        assert "waiting" in screen_text(app)
        for step in range(50):
            writer.write(
                step, {"train/loss": 4.0 - step / 50, "optim/grad_norm": float("nan") if step == 20 else 1.0}
            )
        app.grid.changed()
        await loaded(pilot)
        assert titles(app) == ["train/loss", "optim/grad_norm"]
        assert [chart.model.points for chart in app.query(Chart)] == [50, 50]
        assert "×" in screen_text(app)
    writer.close()
