"""Page 5: runs are picked, laid over each other, measured and told apart, by keys alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.run.metrics import MetricsWriter
from runtime.run.workspace import Workspace
from tests.tui.sample_workspace import NOW, PLANS, make_workspace
from tests.tui.settling import rest, screen_text, settle
from tui.pages.compare import ComparePage
from tui.plotting.figure import Ink
from tui.widgets.chart import Chart
from tui.widgets.table import Table

SIZES = [(80, 24), (120, 40), (200, 60)]
RUNS = ("9c1e", "3f2a", "08be", "77aa")


def ids(workspace: Workspace, *suffixes: str) -> list[str]:
    runs = [run.run_id for run in workspace.runs()]
    return [next(run_id for run_id in runs if run_id.endswith(suffix)) for suffix in suffixes]


async def until(pilot: Any, condition: Callable[[], bool]) -> None:
    for _round in range(200):
        await settle(pilot, 1)
        if condition():
            return
        pilot.app.page.tick()
    raise AssertionError("it never came to be:\n" + screen_text(pilot.app))


async def compare(pilot: Any, workspace: Workspace, *suffixes: str) -> ComparePage:
    """Opens the page with these runs, and waits for the numbers of all of them."""
    await settle(pilot)
    pilot.app.show_page("compare", runs=ids(workspace, *suffixes))
    page = pilot.app.page
    assert isinstance(page, ComparePage)
    await until(pilot, lambda: complete(page, len(suffixes)))
    return page


def complete(page: ComparePage, runs: int) -> bool:
    lines = page.sheet.lines
    return len(lines) == runs and all(line.values is not None for line in lines)


def row(app: Any, letter: str) -> str:
    """The table's line of a run."""
    lines = [line for line in screen_text(app).splitlines() if line[3:5] == f"{letter} "]
    return " ".join(lines[0].split())


async def test_an_empty_page_names_the_next_key_and_space_picks_runs(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("5")
        await settle(pilot)
        text = screen_text(app)
        assert "No runs to compare yet." in text
        assert "space  picks the runs here" in text
        await pilot.press("space")
        await settle(pilot)
        assert "0 of at most 10 marked" in screen_text(app)
        await pilot.press("slash", *"olmo", "enter", "space", "space", "enter")
        page = app.page
        await until(pilot, lambda: complete(page, 2))
        text = screen_text(app)
        assert "train/loss of 2 runs" in text
        assert "olmo-1b-9c1e" in row(app, "A")
        assert "olmo-1b-3f2a" in row(app, "B")


@pytest.mark.parametrize("filtered", [False, True])
async def test_all_keys_of_the_picker_are_seen_in_a_small_terminal(
    panel: Any, tmp_path: Path, filtered: bool
) -> None:
    plans = [replace(PLANS[3], name=f"train-{number}", suffix=f"{number:04x}") for number in range(30)]
    app = panel(make_workspace(tmp_path / "train", plans=tuple(plans)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("5", "space")
        if filtered:
            await pilot.press("slash", "t")
        await settle(pilot)
        text = screen_text(app)
        for words in (
            "0 of at most 10 marked",
            "mark or unmark",
            "compare the marked ones",
            "leave all as it is",
        ):
            assert words in text


async def test_marks_of_the_list_of_runs_are_taken_over(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        table = app.page.query_one(Table)
        table.marked = set(ids(sample, "9c1e", "3f2a"))
        await pilot.press("5")
        page = app.page
        await until(pilot, lambda: isinstance(page, ComparePage) and complete(page, 2))


async def test_a_run_is_taken_from_its_page_and_joins_those_that_are_compared(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for letters, suffix in enumerate(("9c1e", "1f00"), 1):
            app.open_run(ids(sample, suffix)[0])
            await settle(pilot)
            await pilot.press("c")
            page = app.page
            await until(pilot, lambda: isinstance(app.page, ComparePage))
            page = app.page
            await until(pilot, lambda page=page, count=letters: complete(page, count))
        assert "demo-1f00" in row(app, "B")


async def test_every_run_has_its_own_colour_and_letter(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await compare(pilot, sample, *RUNS)
        chart = page.query(Chart).first()
        picture = chart.model.picture(70, 30)
        inks = set(picture.inks.ravel().tolist())
        assert {Ink.LINE_1, Ink.LINE_2, Ink.LINE_3, Ink.LINE_4} <= inks
        drawn = "".join(picture.rows)
        assert all(letter in drawn for letter in "ABCD")


async def test_the_baseline_comes_first_and_the_others_are_measured_against_it(
    panel: Any, sample: Workspace
) -> None:
    first, second = (next(r for r in sample.runs() if r.run_id.endswith(s)) for s in ("9c1e", "3f2a"))
    for run, values in ((first, [3.0, 2.0]), (second, [3.5, 2.5, 1.0])):
        run.metrics.unlink()
        writer = MetricsWriter(run.metrics, 1)
        for step, value in enumerate(values, 1):
            writer.write(step * 10, {"train/loss": value}, NOW - 100 + step)
        writer.close()
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await compare(pilot, sample, "9c1e", "3f2a")
        assert "common step 20" in screen_text(app)
        assert "2 20 2 20 2 baseline" in row(app, "A")
        assert "1 30 1 30 2.5 +0.5" in row(app, "B")
        await pilot.press("b")
        await settle(pilot)
        assert [line.run.letter for line in page.sheet.lines] == ["B", "A"]
        assert "2 −0.5" in row(app, "A")
        await pilot.press("y")
        await settle(pilot)
        copied = app.clipboard.splitlines()
        assert copied[0].startswith("| run | train/loss (last) | step | best | at step | at 20 |")
        assert copied[2].startswith(f"| B {second.run_id} | 1 | 30 | 1 | 30 | 2.5 | baseline |")


async def test_the_cursor_shows_the_values_of_all_runs_at_its_step(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await compare(pilot, sample, "9c1e", "3f2a")
        await pilot.press("tab", "tab", "tab", "tab", "tab", "tab")  # wherever the focus is
        await pilot.press("i", *["left"] * 60)
        await settle(pilot)
        readings = page.query(Chart).first().model.readings()
        assert len(readings) == 2
        assert f"cursor at step {readings[0].step:,}" in screen_text(app)
        assert [line.values and line.values.common for line in page.sheet.lines] == [
            reading.value for reading in readings
        ]


async def test_a_metric_that_a_run_has_not_logged_is_told(panel: Any, sample: Workspace) -> None:
    run = next(run for run in sample.runs() if run.run_id.endswith("3f2a"))
    run.metrics.write_text("")
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await compare(pilot, sample, "9c1e", "3f2a")
        assert "not logged" in row(app, "B")
        assert "2.295" in row(app, "A")


async def test_a_run_that_goes_on_moves_its_values(panel: Any, sample: Workspace) -> None:
    run = next(run for run in sample.runs() if run.run_id.endswith("9c1e"))
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await compare(pilot, sample, "9c1e", "3f2a")
        writer = MetricsWriter(run.metrics, 2)
        writer.write(451_500, {"train/loss": 1.2345}, NOW)
        writer.close()
        await until(pilot, lambda: "1.234" in row(app, "A"))


async def test_in_what_profiles_differ(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await compare(pilot, sample, "9c1e", "3f2a", "08be")
        await pilot.press("d")
        await until(pilot, lambda: "run.world_size" in screen_text(app))
        text = screen_text(app)
        line = next(line for line in text.splitlines() if "run.world_size" in line)
        assert line.split()[-3:] == ["4", "4", "1"]
        assert "A olmo-1b-9c1e" in text
        await pilot.press("y")
        assert app.clipboard.startswith("| key | A ")
        await pilot.press("escape")
        await settle(pilot)
        assert "run.world_size" not in screen_text(app)
        assert isinstance(app.page, ComparePage)


async def test_keys_of_the_charts_work_from_the_table_and_hold_for_all(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await compare(pilot, sample, "9c1e", "3f2a")
        page.query_one("#runs", Table).focus()
        await pilot.press("a", "m", "g")
        await settle(pilot)
        model = page.query(Chart).first().model
        assert (model.axis, model.weight, model.log) == ("elapsed", 0.6, True)
        starts = [trace.curve.x[0] for trace in model.live]
        views = [app.store.runs[run_id].record for run_id in ids(sample, "9c1e", "3f2a")]
        firsts = [json.loads(view_metrics(sample, r.run_id))["time"] - r.started for r in views]
        assert starts == pytest.approx(firsts)
        await pilot.press("a", "a")
        await settle(pilot)
        assert model.axis == "tokens"


def view_metrics(workspace: Workspace, run_id: str) -> str:
    """The first line that a run has logged."""
    return (workspace.logs / run_id / "metrics.jsonl").read_text().splitlines()[0]


async def test_a_deleted_run_leaves_the_comparison(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await compare(pilot, sample, "9c1e", "1f00")
        (gone,) = ids(sample, "1f00")
        for path in sorted((sample.logs / gone).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (sample.logs / gone).rmdir()
        await until(pilot, lambda: len(page.views) == 1)
        await until(pilot, lambda: "space adds another run" in screen_text(app))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_compare_page(snap_compare: Any, panel: Any, sample: Workspace, size: tuple[int, int]) -> None:
    async def before(pilot: Any) -> None:
        await compare(pilot, sample, *RUNS)
        await pilot.press("b")
        await rest(pilot)

    language = "zh" if size[0] == 120 else "en"
    assert snap_compare(panel(sample, language=language), terminal_size=size, run_before=before)
