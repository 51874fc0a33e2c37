"""Nothing of what the panel says is cut or untrue: wrapped text beside scrollbars, values in tables, the
footer while one types, keys that come before there is anything to press them on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult

from runtime.launch.plan_row import PlanRow
from runtime.profile import find
from runtime.run.events import Event
from runtime.run.workspace import Workspace
from tests.tui.sample_profiles import write_profiles
from tests.tui.sample_workspace import NOW
from tests.tui.settling import press_character, screen_text, settle
from tui.pages.profile_editor import ProfileEditorPage
from tui.widgets import plan_rows
from tui.widgets.events_view import EventsView
from tui.widgets.lines import Lines
from tui.widgets.overrides_line import OverridesLine
from tui.widgets.profile_source import ProfileSource
from tui.widgets.table import Table


@pytest.fixture
def profiles(empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(find, "shipped_directory", lambda: tmp_path / "shipped")
    write_profiles(empty, tmp_path / "shipped")
    return empty


class _Alone(App[None]):
    """One widget in a small window."""

    CSS = "EventsView, ProfileSource { width: 34; height: 8; scrollbar-size-vertical: 1; }"

    def __init__(self, widget: Any) -> None:
        super().__init__()
        self._widget = widget

    def compose(self) -> ComposeResult:
        yield self._widget


async def test_events_that_need_a_scrollbar_lose_no_letter_to_it() -> None:
    happened = [
        Event(NOW + number, 1, "checkpoint_failed", None, {"step": 10 + number, "error": "disk full " * 7})
        for number in range(12)
    ]
    view = EventsView()
    async with _Alone(view).run_test(size=(60, 20)) as pilot:
        view.update_events(happened, NOW)
        await pilot.pause()
        room = view.scrollable_content_region.width
        assert view.show_vertical_scrollbar
        assert room == 31
        assert max(line.cell_len for line in view.query_one(Lines).lines) <= room


async def test_a_profile_that_needs_a_scrollbar_loses_no_letter_to_it() -> None:
    words = "# " + "words of every length that there may be in such a comment " * 6
    source = ProfileSource()
    async with _Alone(source).run_test(size=(60, 20)) as pilot:
        source.show(f"{words}\nsteps: 1\n", anew=True)
        await pilot.pause()
        assert source.show_vertical_scrollbar
        shown = [source.render_line(y).text for y in range(source.virtual_size.height)]
        assert not any("…" in line for line in shown)
        together = " ".join(" ".join(line[6:].split()) for line in shown)
        assert " ".join(together.replace("#", "").split()).startswith(" ".join(words[2:].split()))


@pytest.mark.parametrize("width", [66, 130])
def test_two_values_that_differ_never_look_the_same(width: int) -> None:
    then, now = "0.0005 → 0.00055 of many", "0.0005 → 0.00027 of many"
    row = PlanRow("train.optimizer.learning_rate", then, now, False, "note")
    short = PlanRow("train.seed", 1, 2, False, "note")
    lines = [line.plain for line in plan_rows._table([row, short], (), width, None)]
    assert any(then in line for line in lines)
    assert any(now in line for line in lines)
    assert any(line.split() == ["≠", "train.seed", "1", "2"] for line in lines)
    assert all(len(line) <= width for line in lines)


async def test_the_footer_promises_no_letter_while_one_types(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "q quit" in screen_text(app).splitlines()[-1]
        await pilot.press("slash")
        await settle(pilot)
        footer = screen_text(app).splitlines()[-1]
        assert footer.split() == ["ctrl+p", "palette", "esc", "back"]
        await pilot.press("q", "escape")
        await settle(pilot)
        assert app.is_running
        assert "q quit" in screen_text(app).splitlines()[-1]


async def test_keys_pressed_before_the_profiles_are_read_are_not_lost(
    panel: Any, profiles: Workspace
) -> None:
    app = panel(profiles)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for key in ("2", "down", "e"):  # in one go, as over a slow line
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await settle(pilot, rounds=4)
        assert isinstance(app.screen, ProfileEditorPage)
        assert app.screen.path.stem == "program"


async def test_runs_that_come_later_above_the_first_ones_leave_the_cursor_at_the_top(
    panel: Any, sample: Workspace
) -> None:
    oldest, *others = sorted(sample.logs.glob("*/run.json"))
    for record in others:
        os.utime(record, (NOW - 60, NOW - 60))
    os.utime(oldest, (NOW, NOW))  # written last, as after a copy
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        app.store.poll_once(at_most=1)
        await pilot.pause()
        assert app.screen.query_one(Table).cursor == oldest.parent.name
        await settle(pilot)
        table = app.screen.query_one(Table)
        assert table.cursor == table.rows[0].key != oldest.parent.name


async def test_a_dialog_grows_with_what_it_has_to_say(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot, rounds=3)
        await pilot.press("end", "e")  # a shipped one: the dialog says why it is copied
        await settle(pilot, rounds=3)
        assert "a copy of it" in screen_text(app)
        assert "can be edited." in screen_text(app)
        await press_character(pilot, "%")
        await settle(pilot)
        assert "and . only, at most 48" in screen_text(app)


async def test_overrides_that_are_too_long_say_so() -> None:
    line = OverridesLine("train.steps=30 " * 8)
    async with _Alone(line).run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        shown = line.query_one("#set", Lines).plain()
        assert shown.endswith("…   o")
        assert len(shown) <= 58


async def test_messages_stand_over_the_header_also_after_some_have_gone(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        for text in ("one", "two", "three"):
            app.say(text)
        await pilot.pause()
        assert sorted(toast.region.y for toast in app.screen.query("Toast")) == [0, 1, 2]
        app.clear_seen_toasts(after=0.0)
        await settle(pilot)
        app.say("four")
        await settle(pilot)
        assert [toast.region.y for toast in app.screen.query("Toast")] == [0]
