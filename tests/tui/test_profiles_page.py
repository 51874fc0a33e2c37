"""Page 2 by keys alone, over real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.profile import find
from runtime.run.workspace import Workspace
from tests.tui.sample_profiles import SHIPPED, SMALL, write_profiles
from tests.tui.settling import screen_text, settle
from tui.pages.profile_editor import ProfileEditorPage
from tui.pages.profiles import ProfilesPage
from tui.widgets.table import Table

SIZE = (120, 40)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the profiles that come with Headnode, for this test."""
    directory = tmp_path / "shipped"
    monkeypatch.setattr(find, "shipped_directory", lambda: directory)
    return directory


@pytest.fixture
def profiles(empty: Workspace, shipped: Path) -> Workspace:
    """A workspace with `small`, `program`, `wrong`, and a shipped `given`."""
    write_profiles(empty, shipped)
    return empty


async def _opened(pilot: Any, name: str | None = None) -> None:
    await settle(pilot)
    pilot.app.show_page("profiles", profile=name)
    await settle(pilot, rounds=3)


def _names(app: Any) -> list[str]:
    return [Path(row.key).stem for row in app.screen.query_one(Table).rows]


async def test_own_and_shipped_are_listed_and_a_broken_one_with_its_problem(
    panel: Any, profiles: Workspace
) -> None:
    app = panel(profiles)
    async with app.run_test(size=(200, 50)) as pilot:
        await _opened(pilot)
        assert _names(app) == ["small", "program", "wrong", "given"]
        text = screen_text(app)
        assert "✗  wrong" in text
        assert "there is no such key" in text
        assert text.count("  shipped  ") == 1


async def test_a_profile_is_shown_as_it_is_written_with_what_it_comes_to(
    panel: Any, profiles: Workspace
) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "small")
        text = screen_text(app)
        for line in SMALL.splitlines()[:20]:
            assert line.split("#")[0].rstrip() in text
        assert "✓ valid" in text
        assert "100 steps" in text
        assert "12.8k tokens" in text
        assert "1 process" in text


async def test_a_key_pressed_while_the_profile_is_being_read_is_not_lost(
    panel: Any, profiles: Workspace
) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "small")
        page = app.screen
        page.refresh_page()  # as on coming back from another page: everything is read anew
        page._listed(page._listing)
        assert page.detail is None
        await pilot.press("e")
        await settle(pilot, rounds=3)
        assert type(app.screen).__name__ == "ProfileEditorPage"


async def test_every_problem_is_told_with_its_line_and_nothing_can_be_launched(
    panel: Any, profiles: Workspace
) -> None:
    app = panel(profiles)
    async with app.run_test(size=(140, 40)) as pilot:
        await _opened(pilot, "wrong")
        text = screen_text(app)
        assert "✗ 2 problems" in text
        assert "wrong.yaml:5: command.stepz: there is no such key; did you mean steps?" in text
        assert "wrong.yaml:8: launch.processes" in text
        assert "✗  5" in text
        assert "enter preflight" not in text
        await pilot.press("enter")
        assert isinstance(app.screen, ProfilesPage)


async def test_files_that_are_no_profiles_are_listed_and_break_nothing(
    panel: Any, profiles: Workspace
) -> None:
    group = profiles.profiles / "pretrain"
    (group / "huge.yaml").write_bytes(b"a" * 10_000_000)
    (group / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    (group / "escapes.yaml").write_bytes(b"name: \x1b[31mred\x1b]0;title\x07\n")
    (group / "hollow.yaml").write_bytes(b"")
    (group / "folder.yaml").mkdir()
    (group / "loop.yaml").symlink_to("loop.yaml")
    (group / "long.yaml").write_text("job: command\ndescription: " + "長" * 5000 + "\ncommand: {argv: [x]}\n")
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot)
        assert len(_names(app)) == 4 + 7
        for name in _names(app):
            app.screen.query_one(Table).cursor = next(
                row.key for row in app.screen.query_one(Table).rows if row.key.endswith(f"/{name}.yaml")
            )
            await settle(pilot)
            assert "\x1b" not in screen_text(app)
        await _opened(pilot, "huge")
        assert "larger than 1 MiB" in screen_text(app)


async def test_validating_looks_again(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await _opened(pilot, "wrong")
        (profiles.profiles / "command" / "wrong.yaml").write_text(SHIPPED)
        await pilot.press("v")
        await settle(pilot)
        assert "wrong is valid" in screen_text(app)


async def test_a_file_that_somebody_adds_appears(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot)
        (profiles.profiles / "command" / "late.yaml").write_text(SHIPPED)
        for _second in range(3):
            app._tick()
        await settle(pilot)
        assert "late" in _names(app)


async def test_filter(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot)
        await pilot.press("slash", *"GPT-2", "enter")
        assert _names(app) == ["small"]
        await pilot.press("escape")
        assert len(_names(app)) == 4


async def test_no_profiles_at_all_names_the_way_to_some(panel: Any, empty: Workspace, shipped: Path) -> None:
    app = panel(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        assert "No profiles here." in screen_text(app)
        assert "headnode init" in screen_text(app)


# -- duplicating


async def test_a_copy_gets_a_name_of_its_own_and_keeps_comments(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "small")
        await pilot.press("u")
        await settle(pilot)
        assert "small-copy" in screen_text(app)
        await pilot.press(*["backspace"] * 10, *"tiny", "enter")
        await settle(pilot, rounds=3)
        assert (profiles.profiles / "pretrain" / "tiny.yaml").read_text() == SMALL
        assert app.screen.selected.path.stem == "tiny"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("small", "one of this name"),
        ("given", "one of this name"),
        ("Ünn", "lower-case"),
        ("../x", "lower-case"),
    ],
)
async def test_a_copy_never_replaces_anything(
    panel: Any, profiles: Workspace, name: str, complaint: str
) -> None:
    app = panel(profiles)
    before = sorted(profiles.root.rglob("*.yaml"))
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "small")
        await pilot.press("u")
        await settle(pilot)
        await pilot.press(*["backspace"] * 10, *name, "enter")
        await settle(pilot)
        assert complaint in screen_text(app)
        await pilot.press("escape")
        assert sorted(profiles.root.rglob("*.yaml")) == before


async def test_a_shipped_one_is_copied_before_it_is_edited(
    panel: Any, profiles: Workspace, shipped: Path
) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _opened(pilot, "given")
        await pilot.press("e")
        await settle(pilot)
        assert "stays as it is" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, ProfileEditorPage)
        await pilot.press(*"# mine", "enter", "ctrl+s")
        await settle(pilot)
        copy = profiles.profiles / "command" / "given-copy.yaml"
        assert copy.read_text() == "# mine\n" + SHIPPED
        assert (shipped / "command" / "given.yaml").read_text() == SHIPPED


# -- editing


async def _editing(pilot: Any, name: str = "small") -> ProfileEditorPage:
    await _opened(pilot, name)
    await pilot.press("e")
    await settle(pilot)
    assert isinstance(pilot.app.screen, ProfileEditorPage)
    return pilot.app.screen


async def test_saving_writes_the_whole_text_and_marks_mistakes(panel: Any, profiles: Workspace) -> None:
    path = profiles.profiles / "pretrain" / "small.yaml"
    path.chmod(0o640)
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _editing(pilot)
        await pilot.press(*"trainn: 3", "enter", "ctrl+s")
        await settle(pilot, rounds=4)
        assert path.read_text() == "trainn: 3\n" + SMALL
        assert path.stat().st_mode & 0o777 == 0o640
        assert "small.yaml:1: trainn: there is no such key" in screen_text(app)
        assert page.editor._wrong == {1}
        await pilot.press("escape")
        await settle(pilot, rounds=3)
        assert isinstance(app.screen, ProfilesPage)
        assert "trainn: 3" in screen_text(app)


@pytest.mark.parametrize(
    ("key", "kept", "stays"), [("enter", "x" + SMALL, False), ("n", SMALL, False), ("escape", SMALL, True)]
)
async def test_leaving_with_unsaved_changes_asks(
    panel: Any, profiles: Workspace, key: str, kept: str, stays: bool
) -> None:
    path = profiles.profiles / "pretrain" / "small.yaml"
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _editing(pilot)
        await pilot.press("x", "escape")
        await settle(pilot)
        assert "small.yaml has unsaved changes" in screen_text(app)
        await pilot.press(key)
        await settle(pilot)
        assert path.read_text() == kept
        assert (app.screen is page) is stays
        if stays:
            assert page.editor.text == "x" + SMALL


async def test_neither_quitting_nor_going_elsewhere_loses_what_was_typed(
    panel: Any, profiles: Workspace
) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        page = await _editing(pilot)
        await pilot.press("x", "ctrl+q")
        await settle(pilot)
        assert "unsaved changes" in screen_text(app)
        await pilot.press("escape", "ctrl+p")
        await settle(pilot)
        assert app.screen is page
        app.show_page("runs")
        await settle(pilot)
        assert "unsaved changes" in screen_text(app)
        await pilot.press("n")
        await settle(pilot)
        assert app.screen.NAME == "runs"


async def test_what_somebody_else_wrote_meanwhile_is_not_replaced_unasked(
    panel: Any, profiles: Workspace
) -> None:
    path = profiles.profiles / "pretrain" / "small.yaml"
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _editing(pilot)
        path.write_text("# theirs\n" + SMALL)
        await pilot.press("x", "ctrl+s")
        await settle(pilot)
        assert "changed by somebody else meanwhile" in screen_text(app)
        await pilot.press("escape")
        assert path.read_text() == "# theirs\n" + SMALL
        await pilot.press("ctrl+s")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert path.read_text() == "x" + SMALL


async def test_a_text_that_is_not_changed_is_left_without_a_question(panel: Any, profiles: Workspace) -> None:
    app = panel(profiles)
    async with app.run_test(size=SIZE) as pilot:
        await _editing(pilot)
        await pilot.press("x", "backspace", "escape")
        await settle(pilot)
        assert isinstance(app.screen, ProfilesPage)
