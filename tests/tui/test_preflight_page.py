"""Preflight by keys alone: checks, overrides, and a launch of a real run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from runtime.profile import find, read_frozen
from runtime.run.record import read_record
from runtime.run.workspace import Workspace, init_workspace
from tests.runtime.launch.conftest import workspace as cleared_workspace
from tests.tui.sample_profiles import write_profiles
from tests.tui.settling import screen_text, settle
from tui.pages.preflight import PreflightPage
from tui.pages.run import RunPage

SIZE = (120, 40)
workspace = cleared_workspace
"""A workspace in which no process is left after the test."""


@pytest.fixture
def profiles(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with `small`, `program` and `wrong`."""
    monkeypatch.setattr(find, "shipped_directory", lambda: tmp_path / "shipped")
    write_profiles(workspace, tmp_path / "shipped")
    return workspace


async def _opened(pilot: Any, path: str) -> PreflightPage:
    await settle(pilot)
    page = PreflightPage(pilot.app.workspace.profiles / path)
    pilot.app.open_page(page)
    await settle(pilot, rounds=3)
    return page


async def _until(pilot: Any, condition: Any) -> None:
    for _attempt in range(300):
        await settle(pilot, rounds=1)
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(screen_text(pilot.app))


async def test_enter_launches_and_goes_to_the_run(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "command/program.yaml")
        assert "ready" in screen_text(app)
        await pilot.press("o", *"launch.env.WHO=me", "enter")
        await settle(pilot, rounds=3)
        assert "launch.env.WHO=me" in screen_text(app)
        await pilot.press("enter")
        await _until(pilot, lambda: isinstance(app.screen, RunPage))
        (run,) = profiles.runs()
        assert app.screen.run_id == run.run_id
        assert "vanished" not in screen_text(app)
        assert read_frozen(run.profile).launch.env == {"WHO": "me"}
        await _until(pilot, lambda: (record := read_record(run)) and record.state == "completed")
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen.NAME == "runs"


async def test_memory_time_cost_and_command_are_shown(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=(120, 60)) as pilot:
        await _opened(pilot, "pretrain/small.yaml")
        text = screen_text(app)
        for word in ("weights", "gradients", "optimizer state", "activations", "logits and loss", "in all"):
            assert word in text
        for word in ("of h100", "12,800 (12.8k", "FLOPs", "USD", "runtime.jobs", "HEADNODE_RUN"):
            assert word in text


async def test_a_check_that_fails_says_why_and_enter_does_nothing(panel: Any, profiles: Workspace) -> None:
    (profiles.root / "text.txt").unlink()
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _opened(pilot, "pretrain/small.yaml")
        text = screen_text(app)
        assert "can't be launched: there is no file or directory" in text
        assert "correct data.sources.0.path" in text
        assert "enter launch" not in text
        await pilot.press("enter")
        await settle(pilot)
        assert app.screen is page
        assert profiles.runs() == []


async def test_a_wrong_override_is_told_while_it_is_typed(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _opened(pilot, "pretrain/small.yaml")
        await pilot.press("o", *"train.stepz=5")
        await pilot.pause(0.4)
        await settle(pilot, rounds=3)
        assert "there is no such key; did you mean steps?" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot, rounds=3)
        assert page.typing, "it stays open until it is right"
        await pilot.press(*["backspace"] * 3, *"s=5", "enter")
        await settle(pilot, rounds=3)
        assert not page.typing
        assert "640" in screen_text(app)
        await pilot.press("o", *" train.batch=", "escape")
        await settle(pilot, rounds=3)
        assert page._overrides == ("train.steps=5",)
        assert "ready" in screen_text(app)


async def test_a_quotation_without_an_end_is_told(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "pretrain/small.yaml")
        await pilot.press("o", *"description='half")
        await pilot.pause(0.4)
        await settle(pilot)
        assert "a quotation mark has no partner" in screen_text(app)


async def test_a_profile_that_has_become_wrong_is_shown_as_such(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _opened(pilot, "command/wrong.yaml")
        text = screen_text(app)
        assert "can't be launched: the profile is wrong" in text
        assert "wrong.yaml:8: launch.processes" in text
        assert not page.can("launch")


async def test_what_can_be_copied_is_the_command_of_a_shell(panel: Any, tmp_path: Path) -> None:
    made = init_workspace(tmp_path / "a b")
    write_profiles(made, tmp_path / "shipped")
    app = panel(made)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "pretrain/small.yaml")
        await pilot.press("y")
        assert app.clipboard == f"headnode launch '{made.profiles / 'pretrain' / 'small.yaml'}'"


async def test_a_long_line_of_overrides_shows_where_one_types(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot, "pretrain/small.yaml")
        await pilot.press(
            "o", *"train.steps=5 train.optimizer.learning_rate=1e-4 train.schedule.warmup_steps=2 train.z"
        )
        await settle(pilot)
        assert "train.schedule.warmup_steps=2 train.z" in screen_text(app)


async def test_the_arrows_reach_the_last_line_of_a_small_screen(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot, "pretrain/small.yaml")
        assert "the same from a shell" not in screen_text(app)
        await pilot.press(*["down"] * 60)
        await settle(pilot, rounds=3)
        assert "the same from a shell" in screen_text(app)
