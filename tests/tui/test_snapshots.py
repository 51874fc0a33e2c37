"""Pictures of the pages at the three sizes that we promise, in both languages. `pytest --snapshot-update`
after looking at them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from runtime.run.workspace import Workspace, init_workspace
from tests.tui.sample_workspace import PLANS, make_run
from tests.tui.settling import settle

SIZES = [(80, 24), (120, 40), (200, 60)]
RUNNING, FAILED = "9c1e", "3f2a"


def _opening(*keys: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        for key in keys:
            if key.startswith("run:"):
                run_id = next(run for run in pilot.app.store.runs if run.endswith(key[4:]))  # type: ignore[attr-defined]
                pilot.app.open_run(run_id)  # type: ignore[attr-defined]
            else:
                await pilot.press(key)
            await settle(pilot)

    return before


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_runs_page(
    snap_compare: Any, panel: Any, sample: Workspace, size: tuple[int, int], language: str
) -> None:
    app = panel(sample, language=language, left=9 * 3600)
    assert snap_compare(app, terminal_size=size, run_before=_opening())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_run_page(snap_compare: Any, panel: Any, sample: Workspace, size: tuple[int, int]) -> None:
    assert snap_compare(panel(sample), terminal_size=size, run_before=_opening(f"run:{RUNNING}"))


def test_run_page_in_chinese(snap_compare: Any, panel: Any, sample: Workspace) -> None:
    app = panel(sample, language="zh")
    assert snap_compare(app, terminal_size=(120, 40), run_before=_opening(f"run:{RUNNING}"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_failed_run_says_why(snap_compare: Any, panel: Any, sample: Workspace, language: str) -> None:
    app = panel(sample, language=language)
    assert snap_compare(app, terminal_size=(80, 24), run_before=_opening(f"run:{FAILED}"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_stop_dialog(snap_compare: Any, panel: Any, sample: Workspace, language: str) -> None:
    app = panel(sample, language=language)
    assert snap_compare(app, terminal_size=(80, 24), run_before=_opening("down", "down", "s"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_help(snap_compare: Any, panel: Any, sample: Workspace, language: str) -> None:
    app = panel(sample, language=language)
    assert snap_compare(app, terminal_size=(120, 40), run_before=_opening("question_mark"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_empty_workspace_names_the_next_key(
    snap_compare: Any, panel: Any, empty: Workspace, language: str
) -> None:
    app = panel(empty, language=language)
    assert snap_compare(app, terminal_size=(80, 24), run_before=_opening())


def test_light_theme(snap_compare: Any, panel: Any, sample: Workspace) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.app.set_theme("light")  # type: ignore[attr-defined]
        await settle(pilot)

    assert snap_compare(panel(sample), terminal_size=(120, 40), run_before=before)


def test_preparation_shows_rate_and_time_left(snap_compare: Any, panel: Any, tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "train")
    run = make_run(workspace, next(plan for plan in PLANS if plan.state == "starting"))
    run.attempt(1).report(0).write_text(
        '{"time":1,"event":"progress","phase":"tokens","done":31457280,"total":104857600,"unit":"bytes","rate":3145728}\n'
    )
    assert snap_compare(panel(workspace), terminal_size=(80, 24), run_before=_opening("enter"))
