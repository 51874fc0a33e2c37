"""GPUs, queue and dry run on the preflight page, by keys alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runtime.launch import leases
from runtime.profile import read_frozen
from runtime.run.record import read_record
from runtime.run.workspace import Workspace, user_cache_directory
from tests.tui.settling import press_character, screen_text, settle
from tests.tui.test_preflight_page import SIZE, _opened, _until, profiles, workspace
from tui.pages.preflight import PreflightPage
from tui.pages.run import RunPage
from tui.widgets.overrides_line import OverridesLine

__all__ = ["profiles", "workspace"]
UUID = "GPU-51111a7e-d000-4000-8000-{:012d}"


async def _shown(pilot: Any, condition: Any) -> None:
    """As `_until`, but without waiting for the page's threads, of which the dry run is one."""
    for _attempt in range(3000):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError(screen_text(pilot.app))


def _lines(app: Any, word: str) -> list[str]:
    return [line for line in screen_text(app).splitlines() if word in line]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_who_is_on_each_gpu_is_told_and_space_chooses(
    panel: Any, profiles: Workspace, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "4")
    leases.take(UUID.format(3), "20261124-120000-other-1f00", Path("/run/other"))
    app = panel(profiles)
    async with app.run_test(size=size) as pilot:
        page = await _opened(pilot, "pretrain/small.yaml")
        await pilot.press("space")
        await settle(pilot, rounds=3)
        text = screen_text(app)
        for word in ("olmo-1b-9c1e", "jupyter-lab (pid 398113 of mlin, 21.1 GiB)", "other-1f00", "simulated"):
            assert word in " ".join(text.split()) or all(part in text for part in word.split())
        await pilot.press("down", "down", "space")
        await _until(pilot, lambda: page._overrides == ("launch.gpus=[2]", "launch.processes=1"))
        await _until(pilot, lambda: len(_lines(app, "■ 2")) == 1)
        await pilot.press("up", "space")
        await _until(pilot, lambda: page._overrides == ("launch.gpus=[1,2]", "launch.processes=2"))
        await pilot.press("space", "down", "space")
        await _until(pilot, lambda: page._overrides == ())


async def test_space_leaves_one_out_of_those_that_the_queue_would_give(
    panel: Any, profiles: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "idle-4")
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _opened(pilot, "command/program.yaml")
        await pilot.press("o")
        for character in "launch.gpus=3":
            await press_character(pilot, character)
        await pilot.press("enter")
        await _until(pilot, lambda: not page.query_one(OverridesLine).is_open)
        await _until(pilot, lambda: len(_lines(app, "■ ")) == 3)
        await pilot.press("space")
        await pilot.press("down", "space")
        await _until(pilot, lambda: "launch.gpus=[0,2]" in page._overrides)


async def test_a_launch_on_chosen_gpus_has_them(
    panel: Any, profiles: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "idle-4")
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _opened(pilot, "command/program.yaml")
        await pilot.press("space", "down", "down", "space")
        await _until(pilot, lambda: page.can("launch") and page._report.wants.names == (2,))
        await pilot.press("down", "enter")
        await _until(pilot, lambda: isinstance(app.screen, RunPage))
        (run,) = profiles.runs()
        assert read_frozen(run.profile).launch.gpus == (2,)
        await _until(pilot, lambda: (record := read_record(run)) and record.state == "completed")
        record = read_record(run)
        assert record is not None
        assert record.devices == (UUID.format(2),)


async def test_the_queue_is_forecast(
    panel: Any, profiles: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "idle-1")
    leases.take(UUID.format(0), "20261124-120000-other-1f00", Path("/run/other"))
    app = panel(profiles)
    async with app.run_test(size=(120, 60)) as pilot:
        await _opened(pilot, "command/program.yaml")
        assert "waits for 1 GPU; 0 of 1 are free" in " ".join(screen_text(app).split())


async def test_a_dry_run_makes_steps_and_leaves_nothing(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        path = profiles.profiles / "pretrain/small.yaml"
        app.open_page(PreflightPage(path, ("evaluate.every_steps=null", "checkpoint.keep_best=null")))
        await settle(pilot, rounds=3)
        await _until(pilot, lambda: app.screen.can("dry_run"))
        await pilot.press("d")
        await _shown(pilot, lambda: "d breaks it off" in screen_text(app))
        await settle(pilot, rounds=3)  # which waits for its thread
        text = screen_text(app)
        assert "✓ it runs:" in text, text
        assert "until the first step" in text
    assert profiles.runs() == []
    assert leases.held() == {}
    assert os.listdir(user_cache_directory() / "dry-runs") == []  # noqa: PTH208


@pytest.mark.long
async def test_a_dry_run_that_fails_says_why(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=(120, 60)) as pilot:
        page = await _opened(pilot, "pretrain/small.yaml")
        await _until(pilot, lambda: page.can("dry_run"))
        await pilot.press("d")
        await settle(pilot, rounds=3)
        text = " ".join(screen_text(app).split())
        assert "✗ it fails" in text
        assert "There is nothing to evaluate on" in text


async def test_a_dry_run_is_broken_off_by_the_same_key(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=(120, 60)) as pilot:
        page = await _opened(pilot, "pretrain/small.yaml")
        await _until(pilot, lambda: page.can("dry_run"))
        await pilot.press("d")
        await _shown(pilot, lambda: page._dry._runner is not None)
        await pilot.press("d")
        await settle(pilot, rounds=3)
        assert "broken off" in screen_text(app)
    assert leases.held() == {}


async def test_somebodys_own_program_has_no_dry_run(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _opened(pilot, "command/program.yaml")
        assert not page.can("dry_run")
