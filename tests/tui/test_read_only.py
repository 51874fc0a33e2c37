"""A read-only panel shows everything, offers nothing that changes anything, and changes nothing whatever is
pressed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from runtime.run.workspace import Workspace
from tests.tui.settling import screen_text, settle
from tui import keymap, pages
from tui.app import HeadnodeApp
from tui.store.memory import Memory
from tui.store.services import Services

NO_PART_OF_A_PAGE = {"quit", "back", "palette", "picture", "next_pane"}
CHANGING = {name for name, action in keymap.KEYMAP.items() if action.changes}


def _tree(root: Path) -> dict[str, str]:
    """Every path below with its content, or where it leads."""
    found = {}
    for directory, _names, files in os.walk(root):
        found[directory] = ""
        for name in files:
            path = Path(directory, name)
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture
def read_only(panel: Any, sample: Workspace) -> HeadnodeApp:
    """The panel of the other tests, but read-only."""
    services: Services = panel(sample).services
    return HeadnodeApp(sample, language="en", services=services, read_only=True)


async def _places(pilot: Any) -> Any:
    """Each page in turn: the numbered ones, and those that lie on them."""
    app = pilot.app
    for tab in pages.TABS:
        app.show_page(tab.name)
        await settle(pilot, 1)
        yield tab.name
    app.show_page("runs")
    for end in ("9c1e", "3f2a"):
        app.open_run(next(run for run in app.store.runs if run.endswith(end)))
        await settle(pilot, 1)
        yield f"run {end}"
    app.show_page("profiles")
    await settle(pilot)
    await pilot.press("enter")
    await settle(pilot, 1)
    yield "preflight"


def test_what_changes_something_is_known_by_name() -> None:
    assert {
        "stop",
        "resume",
        "save_now",
        "remove",
        "delete",
        "launch",
        "duplicate",
        "branch",
        "protect",
    } <= CHANGING
    assert not {"open", "filter", "find", "copy", "quit", "help", "zoom_in", "mark"} & CHANGING


async def test_no_key_on_any_page_writes_a_byte(read_only: HeadnodeApp, sample: Workspace) -> None:
    before = _tree(sample.root)
    async with read_only.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "read-only" in screen_text(read_only).split("\n")[0]
        async for place in _places(pilot):
            page = read_only.page
            assert not set(page.footer_actions()) & CHANGING, place
            for name in CHANGING:
                await page.perform(name)
                assert read_only.screen is page, (place, name)
            for name in page.footer_actions():
                if name not in NO_PART_OF_A_PAGE:
                    await page.perform(name)
                    await pilot.pause()
                    while read_only.screen is not page:
                        read_only.pop_screen()
                        await pilot.pause()
            if place not in ("runs", "checkpoints", "run 9c1e"):  # the gate is the same everywhere
                continue
            for key in sorted({key for name in CHANGING for key in keymap.keys(name)} - {"enter", "space"}):
                await pilot.press(key)
                while (
                    read_only.screen is not page
                ):  # another action has this key here: what it opened is closed
                    await pilot.press("escape")
                    await pilot.pause()
        await pilot.pause()
    assert _tree(sample.root) == before


async def test_what_pages_call_directly_is_refused_too(read_only: HeadnodeApp, sample: Workspace) -> None:
    before = _tree(sample.root)
    async with read_only.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        page = read_only.screen
        for run_id, view in list(read_only.store.runs.items()):
            read_only.stop_run(run_id)
            read_only.save_run(run_id)
            read_only.resume_run(run_id)
            read_only.remove_runs([view])
            await pilot.pause()
            assert read_only.screen is page
        assert {notification.message for notification in read_only._notifications} == {
            "This panel is read-only"
        }
    assert _tree(sample.root) == before


async def test_help_and_palette_leave_out_what_cannot_be_done(read_only: HeadnodeApp) -> None:
    async with read_only.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "question_mark")
        assert "stop the run" not in screen_text(read_only)
        assert "open the selected run" in screen_text(read_only)
        await pilot.press("escape", "ctrl+p")
        await pilot.pause(0.3)
        assert "stop the run" not in screen_text(read_only)


def test_a_read_only_panel_gives_no_run_a_new_supervisor(sample: Workspace, tmp_path: Path) -> None:
    services = Services(memory=Memory(tmp_path / "state"), threaded=False, watch=False)
    assert HeadnodeApp(sample, services=services, read_only=True).services.adopt is None
    assert HeadnodeApp(sample, services=services).services.adopt is not None
