"""The page of one run by keys alone."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from runtime.run.control import pending
from runtime.run.events import EventWriter
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace
from tests.tui.settling import screen_text, settle


def _run(workspace: Workspace, suffix: str) -> RunDirectory:
    return next(run for run in workspace.runs() if run.run_id.endswith(suffix))


async def test_it_shows_progress_curves_events_and_log(panel: Any, sample: Workspace) -> None:
    run = _run(sample, "9c1e")
    app = panel(sample, open_run=run.run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        text = screen_text(app)
        assert "step 451,002 of 739,328   61%   eta 2d 4h   checkpoint 4m ago" in text
        assert "train/loss" in text
        assert "hang: rank 3 was quiet for 3m 2s while training" in text
        assert "step 451002 loss" in text


async def test_save_now_drops_a_request_and_only_a_running_run_can(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        running, ended = _run(sample, "9c1e"), _run(sample, "08be")
        app.open_run(running.run_id)
        await settle(pilot)
        await pilot.press("b")
        await pilot.pause()
        assert [request.verb for request in pending(running)] == ["save"]
        await pilot.press("escape")
        app.open_run(ended.run_id)
        await settle(pilot)
        await pilot.press("b", "s")
        await pilot.pause()
        assert pending(ended) == []
        assert type(app.screen).__name__ == "RunPage"


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        ("3f2a", "Out of device memory at step 140,500 on rank 2"),
        ("c4d2", "The loss was not finite at step 3,018 on rank 0"),
        ("e0e0", "Nobody saw how it ended: the machine was restarted"),
    ],
)
async def test_a_bad_end_is_explained_on_top(panel: Any, sample: Workspace, suffix: str, words: str) -> None:
    app = panel(sample, open_run=_run(sample, suffix).run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        assert words in screen_text(app)


async def test_new_events_appear_while_it_is_open(panel: Any, sample: Workspace) -> None:
    run = _run(sample, "9c1e")
    app = panel(sample, open_run=run.run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        EventWriter(run).write(
            "checkpoint_failed", 2, "disk_full", step=451_000, error="No space left on device"
        )
        await settle(pilot)
        assert "checkpoint 451,000 could not be saved" in screen_text(app)


async def test_a_pane_is_maximised_and_esc_gives_the_others_back(panel: Any, sample: Workspace) -> None:
    app = panel(sample, open_run=_run(sample, "9c1e").run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        app.screen.query_one("EventsView").focus()
        await pilot.pause()
        await pilot.press("z")
        await settle(pilot)
        assert "train/loss" not in screen_text(app)
        assert "attempt 2 from step 402,000" in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert "train/loss" in screen_text(app)
        assert type(app.screen).__name__ == "RunPage"


async def test_a_directory_that_vanishes_while_it_is_open_is_said(panel: Any, sample: Workspace) -> None:
    run = _run(sample, "9c1e")
    app = panel(sample, open_run=run.run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        shutil.rmtree(run.path)
        await settle(pilot, 3)
        assert "its directory has vanished" in screen_text(app)
        await pilot.press("s", "b", "escape")
        await settle(pilot)
        assert type(app.screen).__name__ == "RunsPage"


@pytest.mark.parametrize("size", [(30, 10), (80, 24), (119, 30), (220, 70)])
async def test_every_size_can_be_shown(panel: Any, sample: Workspace, size: tuple[int, int]) -> None:
    app = panel(sample, open_run=_run(sample, "3f2a").run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        await pilot.resize_terminal(*size)
        await settle(pilot)
        assert len(screen_text(app).split("\n")) == size[1]


async def test_language_can_change_while_it_is_open(panel: Any, sample: Workspace) -> None:
    app = panel(sample, open_run=_run(sample, "9c1e").run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, 3)
        await app.set_language("zh")
        await settle(pilot, 3)
        text = screen_text(app)
        assert "第 451,002 / 739,328 步" in text
        assert "train/loss" in text
        assert "step 451002 loss" in text
        await pilot.press("escape")
        await settle(pilot)
        assert "运行中" in screen_text(app)
