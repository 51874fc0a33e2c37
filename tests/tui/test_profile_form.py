"""A profile as a form and as a diff, by keys alone, over real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.profile import find
from runtime.run.workspace import Workspace
from tests.tui.settling import screen_text, settle
from tests.tui.test_terminal import _open as open_panel
from tui.widgets.profile_diff import ProfileDiff
from tui.widgets.profile_form import ProfileForm
from tui.widgets.profile_views import ProfileViews
from tui.widgets.value_line import ValueLine

BASE = """\
job: command
description: a base
command:
  argv: [echo, hello]
launch:
  processes: 2   # two of them
"""
CHILD = """\
extends: base
# the reason for this one
launch:
  max_restarts: 3   # it is flaky
  priority: 5
"""


@pytest.fixture
def workspace(empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """`base`, and `child` that extends it."""
    monkeypatch.setattr(find, "shipped_directory", lambda: tmp_path / "shipped")
    (empty.profiles / "base.yaml").write_text(BASE)
    (empty.profiles / "child.yaml").write_text(CHILD)
    return empty


async def _editing(pilot: Any, *keys: str) -> None:
    await settle(pilot)
    pilot.app.show_page("profiles", profile="child")
    await settle(pilot, rounds=2)
    await pilot.press("e", *keys)
    await settle(pilot)


def _go(app: Any, key: str) -> None:
    app.screen.query_one(ProfileForm).cursor = key


async def _typed(pilot: Any, text: str) -> None:
    line = pilot.app.screen.query_one(ValueLine)
    await pilot.press("enter", *["backspace"] * 12, *text)
    await settle(pilot, 1)
    assert line.is_open


async def test_a_value_is_changed_in_the_form_and_comments_stay(panel: Any, workspace: Workspace) -> None:
    app = panel(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await _editing(pilot, "tab")
        _go(app, "launch.max_restarts")
        await _typed(pilot, "7")
        await pilot.press("enter")
        _go(app, "guard.non_finite")
        await pilot.press("enter", "down", "enter")
        await pilot.press("ctrl+s")
        await settle(pilot)
        text = (workspace.profiles / "child.yaml").read_text()
        assert text == CHILD.replace("max_restarts: 3 ", "max_restarts: 7 ") + "guard:\n  non_finite: skip\n"


async def test_a_value_that_cannot_be_is_told_at_once_and_not_taken(panel: Any, workspace: Workspace) -> None:
    app = panel(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await _editing(pilot, "tab")
        _go(app, "launch.max_restarts")
        await _typed(pilot, "many")
        assert "✗ must be a whole number" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert app.screen.query_one(ValueLine).is_open
        assert "many" not in app.screen.editor.text
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen.editor.text == CHILD


async def test_a_reset_value_is_the_parents_again(panel: Any, workspace: Workspace) -> None:
    app = panel(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await _editing(pilot, "tab")
        form = app.screen.query_one(ProfileForm)
        assert form.model.origin("launch.processes") == "parent"
        _go(app, "launch.processes")
        await pilot.pause()
        assert "reset_value" not in app.screen.footer_actions()
        await _typed(pilot, "4")
        await pilot.press("enter")
        await settle(pilot)
        assert form.model.origin("launch.processes") == "own"
        await pilot.press("x")
        await settle(pilot)
        assert form.model.origin("launch.processes") == "parent"
        assert app.screen.editor.text == CHILD


async def test_the_help_of_a_key_stands_below_in_both_languages(panel: Any, workspace: Workspace) -> None:
    for language, said in (("en", "larger goes first in the queue"), ("zh", "数值大的先排到")):
        app = panel(workspace, language=language)
        async with app.run_test(size=(80, 24)) as pilot:
            await _editing(pilot, "tab")
            _go(app, "launch.priority")
            await settle(pilot, 1)
            assert said in screen_text(app)


async def test_keys_are_found_by_their_names_and_their_help(panel: Any, workspace: Workspace) -> None:
    app = panel(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await _editing(pilot, "tab", "slash", *"sigterm", "enter")
        form = app.screen.query_one(ProfileForm)
        assert [row.key for row in form.rows if row.selectable] == ["launch.kill_grace"]
        await pilot.press("escape")
        await settle(pilot)
        assert len(form.rows) > 30


async def test_the_diff_has_what_the_profile_changes_with_both_values(
    panel: Any, workspace: Workspace
) -> None:
    app = panel(workspace)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.show_page("profiles", profile="child")
        await settle(pilot, rounds=2)
        await pilot.press("tab", "tab", "tab")
        await settle(pilot)
        assert app.screen.query_one(ProfileViews).view == "diff"
        rows = [row for row in app.screen.query_one(ProfileDiff).rows if row.cells]
        told = [tuple(str(cell) for cell in row.cells) for row in rows]
        assert told == [("launch.priority", "0", "5"), ("launch.max_restarts", "0", "3")]
        assert "extends base" in screen_text(app)
        await pilot.press("tab")
        assert app.focused.id == "profiles"


async def test_on_a_narrow_screen_a_view_has_all_of_it_and_esc_leaves_it(
    panel: Any, workspace: Workspace
) -> None:
    app = panel(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.show_page("profiles", profile="child")
        await settle(pilot, rounds=2)
        await pilot.press("tab", "tab")
        await settle(pilot)
        assert app.screen.query_one(ProfileForm).size.height >= 10
        await pilot.press("escape")
        await settle(pilot)
        assert app.focused.id == "profiles"


async def test_what_is_no_yaml_can_be_mended_as_text_only(panel: Any, workspace: Workspace) -> None:
    (workspace.profiles / "child.yaml").write_text("launch: [1\n")
    app = panel(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await _editing(pilot, "tab")
        assert "mend it there first" in screen_text(app)
        assert "change_value" not in app.screen.footer_actions()


def test_the_persons_own_editor_gets_the_terminal_and_its_text_comes_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    script = tmp_path / "my editor"
    script.write_text("#!/bin/sh\nsed -i 's/it is flaky/made robust/' \"$2\"\n")
    script.chmod(0o755)
    (workspace.profiles / "base.yaml").unlink()
    child = workspace.profiles / "child.yaml"
    child.write_text(CHILD.replace("extends: base", "job: command"))
    with open_panel(workspace, tmp_path, EDITOR=f'"{script}" --wait') as terminal:
        terminal.press("2")
        terminal.read_until(lambda output: b"it is flaky" in output)
        terminal.press("e")
        terminal.read_until(lambda output: b"Edit child" in output)
        terminal.read(0.5)
        terminal.press("\x0f")
        terminal.read_until(lambda output: b"made robust" in output)
    assert "it is flaky" in child.read_text()
