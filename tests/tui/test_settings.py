"""What a person's settings do to the panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.messages import HeadnodeError
from runtime.run.control import pending
from runtime.run.workspace import Workspace
from runtime.settings import forget, load_settings
from tests.tui.settling import screen_text, settle
from tui import i18n, keymap, theme
from tui.key_settings import keys_of

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the settings file."""
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("HEADNODE_SETTINGS", str(path))
    forget()

    def written(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        forget()
        return path

    return written


async def test_theme_and_language_of_the_file_hold_from_the_start(
    panel: Any, sample: Workspace, write: Write
) -> None:
    write('[panel]\ntheme = "light"\nlanguage = "zh"\n')
    app = panel(sample, language=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.theme == "headnode-light"
        assert "运行" in screen_text(app)


async def test_a_choice_in_the_panel_holds_until_the_file_says_something_else(
    panel: Any, sample: Workspace, write: Write
) -> None:
    write('[panel]\ntheme = "dark"\n')
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await app.set_theme("high-contrast")
    assert panel(sample).preferences.theme == "high-contrast"
    write('[panel]\ntheme = "light"\n')
    assert panel(sample).preferences.theme == "light"


def test_a_terminal_that_says_its_background_is_light_gets_the_light_theme(
    panel: Any, sample: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, shown in (("0;15", "light"), ("15;0", "dark"), ("0;default;15", "light"), ("nonsense", "dark")):
        monkeypatch.setenv("COLORFGBG", said)
        assert panel(sample).preferences.theme == shown


async def test_a_bad_file_is_told_and_the_panel_goes_on_without_it(
    panel: Any, sample: Workspace, write: Write
) -> None:
    write('[panel]\ntheem = "light"\n')
    app = panel(sample)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        assert app.theme == "headnode-dark"
        assert "did you mean theme?" in next(iter(app._notifications)).message


async def test_an_action_has_the_key_of_the_settings_and_no_longer_its_own(
    panel: Any, sample: Workspace, write: Write
) -> None:
    write('[keys]\nstop = "S"\nhelp = ["f1", "?"]\n')
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        footer = screen_text(app).split("\n")[-1]
        assert "S stop" in footer
        assert "f1 help" in footer
        await pilot.press("s")
        assert type(app.screen).__name__ == "RunsPage"
        await pilot.press("S")
        assert type(app.screen).__name__ == "StopDialog"
        await pilot.press("escape", "f1")
        assert type(app.screen).__name__ == "HelpDialog"
        assert "S  " in screen_text(app)
    assert not any(pending(run) for run in sample.runs())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[keys]\nstop = "x"\n', ("x", "stop", "remove")),
        ('[keys]\nstop = "w"\nresume = "w"\n', ("w", "stop", "resume")),
        ('[keys]\nstop = "1"\n', ("opens a page",)),
        ('[keys]\nstop = "j"\n', ("moves the cursor",)),
        ('[keys]\nstop = "ctrl+m"\n', ("backspace, tab or enter",)),
        ('[keys]\nstop = "ctrl+c"\n', ("leaves programs",)),
        ('[keys]\nstop = "hyper+s"\n', ("is no key",)),
        ('[keys]\nstoop = "S"\n', ("did you mean stop?",)),
    ],
)
def test_keys_that_clash_or_cannot_be_are_refused_by_name(
    write: Write, text: str, said: tuple[str, ...]
) -> None:
    path = write(text)
    with pytest.raises(HeadnodeError) as caught:
        keys_of(load_settings())
    message = str(caught.value)
    assert message.startswith(f"{path}:2: keys.")
    assert [part for part in said if part not in message] == []


def test_a_key_that_two_actions_share_anyway_may_be_moved_for_both(write: Write) -> None:
    write('[keys]\nremove = "D"\ndelete = "D"\n')
    assert keys_of(load_settings()) == {"remove": ("D",), "delete": ("D",)}


def test_keys_are_written_as_people_write_them(write: Write) -> None:
    write('[keys]\npicture = ["Ctrl+G", "+"]\n')
    with pytest.raises(HeadnodeError, match="zoom_in"):
        keys_of(load_settings())
    write('[keys]\npicture = ["Ctrl+G", "F5", "S", "!"]\n')
    assert keys_of(load_settings())["picture"] == ("ctrl+g", "f5", "S", "exclamation_mark")


async def test_the_bell_can_be_silenced(
    panel: Any, sample: Workspace, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bell in ("true", "false"):
        write(f"[panel]\nbell = {bell}\n")
        app, rung = panel(sample), []
        monkeypatch.setattr(app, "bell", lambda rung=rung: rung.append(1))
        app.ring()
        assert bool(rung) == (bell == "true")


@pytest.fixture(autouse=True)
def as_before() -> Any:
    yield
    keymap.use({})
    theme.use("dark")
    i18n.setup("en")
    forget()
