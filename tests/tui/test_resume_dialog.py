"""Resuming and branching by keys alone: real supervised runs of a worker without torch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime.launch import operations
from runtime.run.checkpoints import list_checkpoints
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.workspace import Workspace
from tests.runtime.launch import conftest as launching
from tests.tui.settling import screen_text, settle
from tui.dialogs.resume_plan import ResumePlanDialog
from tui.pages.run import RunPage

SIZE = (120, 40)
workspace = launching.workspace
launch_worker = launching.launch_worker


@pytest.fixture
def stopped(launch_worker: launching.Launch) -> RunDirectory:
    """A run of 60 steps that was stopped with at least two checkpoints."""
    run = launch_worker(steps=60)
    launching.until(lambda: len(complete(run)) >= 2)
    operations.stop(run)
    assert launching.await_end(run).state == "stopped"
    return run


def complete(run: RunDirectory) -> list[int]:
    return [item.step for item in list_checkpoints(run) if item.state == "complete"]


async def _until(pilot: Any, condition: Any) -> None:
    for _attempt in range(300):
        await settle(pilot, rounds=1)
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(screen_text(pilot.app))


async def _at(pilot: Any, run: RunDirectory, downs: int = 0) -> None:
    """On the page of checkpoints, so many below the newest complete one."""
    await settle(pilot)
    pilot.app.show_page("checkpoints", run_id=run.run_id)
    await settle(pilot, rounds=3)
    await pilot.press(*["down"] * downs)
    await settle(pilot)


async def _asked(pilot: Any, key: str) -> str:
    """The dialog's text, once it has planned."""
    await pilot.press(key)
    assert isinstance(pilot.app.screen, ResumePlanDialog)
    await _until(pilot, lambda: pilot.app.screen._answer is not None)
    return screen_text(pilot.app)


async def test_a_resume_from_the_runs_page_goes_on_to_the_end(
    panel: Any, workspace: Workspace, stopped: RunDirectory
) -> None:
    newest = complete(stopped)[-1]
    app = panel(workspace)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        text = await _asked(pilot, "r")
        assert f"from {newest}" in text
        assert "bit for bit as if it had never stopped" in text
        assert "data.fingerprint" in text
        await pilot.press("enter")
        await _until(pilot, lambda: isinstance(app.screen, RunPage))
        await _until(pilot, lambda: (record := read_record(stopped)) and record.state == "completed")
        record = read_record(stopped)
        assert record is not None
        assert record.attempt == 2
        assert (record.resume or {})["step"] == newest


async def test_an_older_checkpoint_offers_a_branch_instead(
    panel: Any, workspace: Workspace, stopped: RunDirectory
) -> None:
    older = complete(stopped)[-2]
    app = panel(workspace)
    async with app.run_test(size=SIZE) as pilot:
        await _at(pilot, stopped, downs=1)
        text = await _asked(pilot, "r")
        assert f"@{older}" in text
        assert "keeps one line of history" in text
        await pilot.press("enter")
        await _until(pilot, lambda: isinstance(app.screen, RunPage))
        branched = next(run for run in workspace.runs() if run != stopped)
        assert app.screen.run_id == branched.run_id
        record = read_record(branched)
        assert record is not None
        assert record.parent == {"run_id": stopped.run_id, "step": older, "kind": "branch"}
        await _until(pilot, lambda: (record := read_record(branched)) and record.state == "completed")
    assert launching.state(stopped) == "stopped", "the run that it comes from stays as it is"


async def test_what_changes_results_has_to_be_acknowledged(
    panel: Any, workspace: Workspace, stopped: RunDirectory
) -> None:
    app = panel(workspace)
    async with app.run_test(size=SIZE) as pilot:
        await _at(pilot, stopped)
        await pilot.press("n")
        await settle(pilot)
        await _asked(pilot, "b")
        await pilot.press("o", *"train.seed=7", "enter")
        await _until(pilot, lambda: "! train.seed" in screen_text(app))
        assert "the samples come in another order" in screen_text(app)
        assert "a     acknowledge train.seed" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, ResumePlanDialog), "enter alone accepts nothing"
        await pilot.press("a")
        await settle(pilot)
        assert "✓ train.seed" in screen_text(app)
        await pilot.press("enter")
        await _until(pilot, lambda: isinstance(app.screen, RunPage))
        assert len(workspace.runs()) == 2


async def test_what_is_impossible_is_refused_with_the_reason(
    panel: Any, workspace: Workspace, stopped: RunDirectory
) -> None:
    app = panel(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await _at(pilot, stopped)
        await _asked(pilot, "r")
        await pilot.press("o", *"model.width=32 model.mlp_width=64", "enter")
        await _until(pilot, lambda: "✗ model.width" in screen_text(app))
        text = screen_text(app)
        assert "It can't go on like this" in text
        assert "tensors don't fit" in text
        assert "leave it as it is" in text, "the keys stay on the screen"
        await pilot.press("enter", "a")
        await settle(pilot)
        assert isinstance(app.screen, ResumePlanDialog)
        await pilot.press("escape")
        await settle(pilot)
        assert launching.state(stopped) == "stopped"
        assert len(workspace.runs()) == 1


async def test_a_damaged_newest_one_is_passed_over_and_told(
    panel: Any, workspace: Workspace, stopped: RunDirectory
) -> None:
    *_older, before, newest = complete(stopped)
    file = next(path for path in stopped.checkpoint(newest).iterdir() if path.name != "COMPLETE.json")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    app = panel(workspace)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        text = await _asked(pilot, "r")
        assert f"checkpoint {newest} is damaged and passed over" in text
        assert f"from {before}" in text


async def test_without_any_checkpoint_it_says_that_it_begins_again(
    panel: Any, workspace: Workspace, launch_worker: launching.Launch
) -> None:
    run = launch_worker(steps=10_000, env={"CHECKPOINT_EVERY": "100000"})
    launching.await_state(run, "running")
    operations.stop(run, kill=True)
    launching.await_end(run)
    app = panel(workspace)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "it begins again at step 0, as its next attempt" in await _asked(pilot, "r")
        await pilot.press("escape")


async def test_each_difference_is_acknowledged_by_itself(
    panel: Any, workspace: Workspace, stopped: RunDirectory
) -> None:
    app = panel(workspace)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await _asked(pilot, "r")
        await pilot.press("o", *"train.seed=7 data.holdout=0.2", "enter")
        await _until(pilot, lambda: "▸ ! data.holdout" in screen_text(app))
        await pilot.press("down")
        await settle(pilot)
        assert "▸ ! train.seed" in screen_text(app)
        await pilot.press("a")
        await settle(pilot)
        text = screen_text(app)
        assert "✓ train.seed" in text
        assert "▸ ! data.holdout" in text
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, ResumePlanDialog), "one of two is not enough"
        await pilot.press("a")
        await settle(pilot)
        assert "enter   resume" in screen_text(app)
        await pilot.press("escape")
