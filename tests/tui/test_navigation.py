"""From page to page and back, the palette, copies and pictures, the mouse."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from runtime.run.workspace import Workspace
from tests.tui.settling import screen_text, settle
from tui import pages
from tui.appearance import COPY_BYTES, fitting_copy
from tui.widgets.footer import Footer
from tui.widgets.header import Header, tab_at


def _page(app: Any) -> str:
    return type(app.page).__name__


async def _run(pilot: Any, suffix: str) -> None:
    app = pilot.app
    app.open_run(next(run for run in app.store.runs if run.endswith(suffix)))
    await settle(pilot)


async def test_esc_leads_back_to_where_one_came_from(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await _run(pilot, "9c1e")
        for digit, name in (("6", "LogsPage"), ("4", "CheckpointsPage")):
            await pilot.press(digit)
            await settle(pilot)
            assert _page(app) == name
        for name in ("LogsPage", "RunPage", "RunsPage", "RunsPage"):
            await pilot.press("escape")
            await settle(pilot, 1)
            assert _page(app) == name


async def test_a_page_that_lies_below_is_gone_back_to_and_never_there_twice(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await _run(pilot, "9c1e")
        await pilot.press("6")
        await settle(pilot, 1)
        await _run(pilot, "9c1e")
        assert _page(app) == "RunPage"
        assert len(app.screen_stack) == 2
        for digit in "641641":
            await pilot.press(digit)
            await settle(pilot, 1)
        assert _page(app) == "RunsPage"
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_tabs_are_never_cut(panel: Any, sample: Workspace, width: int, language: str) -> None:
    app = panel(sample, language=language)
    async with app.run_test(size=(width, 24)) as pilot:
        await settle(pilot)
        line = screen_text(app).split("\n")[1]
        assert [tab.digit for tab in pages.TABS] == [mark for mark in line if mark.isdigit()]
        assert "…" not in line


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_palette_finds_languages_themes_and_actions_of_the_page(
    panel: Any, sample: Workspace, language: str
) -> None:
    app = panel(sample, language=language)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for typed, found in (
            ("lang", "简体中文" if language == "en" else "English"),
            ("doctor", "9"),
            ("olmo-1b-9", "9c1e"),
        ):
            await pilot.press("ctrl+p", *typed)
            while found not in screen_text(app):
                await pilot.pause(0.05)
            await pilot.press("escape")
            await pilot.pause()
        await pilot.press("down", "down", "ctrl+p", *"stop")
        while app.screen.query_one("CommandList").option_count == 0:
            await pilot.pause(0.05)
        await pilot.press("enter")
        while type(app.screen).__name__ != "StopDialog":
            await pilot.pause(0.05)


async def test_the_palette_never_opens_over_a_dialog(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark", "ctrl+p")
        assert type(app.screen).__name__ == "HelpDialog"
        await pilot.press("escape", "ctrl+p", "ctrl+p")
        assert [type(screen).__name__ for screen in app.screen_stack] == ["RunsPage", "Palette"]


async def test_a_click_on_a_tab_opens_its_page_and_on_a_key_is_that_key(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        line = screen_text(app).split("\n")[1]
        await pilot.click(Header, offset=(line.index("Logs") + 1, 1))
        await settle(pilot)
        assert _page(app) == "LogsPage"
        footer = screen_text(app).split("\n")[-1]
        await pilot.click(Footer, offset=(footer.index("? help") + 3, 0))
        await pilot.pause()
        assert type(app.screen).__name__ == "HelpDialog"


def test_the_space_between_two_tabs_is_neither() -> None:
    assert [tab_at("runs", 100, x) for x in (0, 5, 6, 8, 9, 500)] == [
        "runs",
        "runs",
        None,
        None,
        "profiles",
        None,
    ]


async def test_a_picture_is_saved_and_its_path_told(panel: Any, sample: Workspace, tmp_path: Path) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+e")
        await pilot.pause()
        said = next(iter(app._notifications)).message
    (path,) = tmp_path.glob("headnode-runs-*.svg")  # noqa: ASYNC240
    assert "olmo-1b-9c1e" in path.read_text(encoding="utf-8")
    assert str(path) in said


def test_a_copy_never_exceeds_what_terminals_take_and_ends_with_a_whole_line() -> None:
    short = "one\ntwo"
    assert fitting_copy(short) == short
    lines = "\n".join(f"{number} 步 loss" for number in range(20_000))
    fitting = fitting_copy(lines)
    assert len(base64.b64encode(fitting.encode())) <= COPY_BYTES
    assert lines.startswith(fitting + "\n")
    assert len(base64.b64encode(fitting_copy("步" * 60_000).encode())) <= COPY_BYTES


async def test_a_message_that_was_seen_goes_with_the_next_key_but_an_error_stays(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        app.say("said")
        app.complain(OSError("wrong"))
        await pilot.pause()
        assert len(app._notifications) == 2
        app.clear_seen_toasts(after=0.0)
        assert [notification.message for notification in app._notifications] == ["wrong"]
