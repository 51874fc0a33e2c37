"""The log view: following, moving, searching, and that nothing raw reaches the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tests.tui.settling import screen_text
from tui.widgets.log_view import LogView


class LogApp(App[None]):
    """One log."""

    CSS = "Screen { background: #121212; }"

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.path = path

    def compose(self) -> ComposeResult:
        yield LogView()

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def on_mount(self) -> None:
        self.log_view.show(self.path)
        self.log_view.lines.focus()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"muted": "#8a8a8a", "faint": "#4e4e4e"}


def rows(app: LogApp) -> list[str]:
    return [line.strip() for line in screen_text(app).splitlines()]


async def look(pilot: Pilot[Any]) -> None:
    """What the timer does four times a second."""
    pilot.app.log_view.lines.poll()  # type: ignore[attr-defined]
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


def write(path: Path, text: str) -> None:
    path.write_text(text)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def rotate(path: Path) -> None:
    path.rename(path.with_suffix(".1"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "rank-0.log"
    path.write_text("".join(f"line {number}\n" for number in range(1000)))
    return path


async def test_the_end_is_shown_and_followed(log: Path) -> None:
    app = LogApp(log)
    async with app.run_test(size=(40, 10)) as pilot:
        await look(pilot)
        assert rows(app) == [f"line {number}" for number in range(990, 1000)]
        with log.open("a") as stream:
            stream.write("line 1000\nhalf a li")
        await look(pilot)
        assert rows(app)[-2:] == ["line 1000", "half a li"]
        with log.open("a") as stream:
            stream.write("ne\n")
        await look(pilot)
        assert rows(app)[-1] == "half a line"
        assert "following" in app.log_view.status


async def test_one_who_reads_is_not_carried_away(log: Path) -> None:
    app = LogApp(log)
    async with app.run_test(size=(40, 10)) as pilot:
        await press(pilot, "pageup")
        shown = rows(app)
        assert shown[0] == "line 981"
        with log.open("a") as stream:
            stream.write("more\n" * 50)
        await look(pilot)
        assert rows(app) == shown
        await press(pilot, "end")
        assert rows(app)[-1] == "more"
        await press(pilot, "home")
        assert rows(app)[0] == "line 0"
        await press(pilot, *["pagedown"] * 200)
        assert rows(app)[-1] == "more"
        assert "following" in app.log_view.status


async def test_the_cursor_moves_and_its_line_is_copied(log: Path) -> None:
    app = LogApp(log)
    async with app.run_test(size=(40, 10)) as pilot:
        assert app.log_view.copy_text() == "line 999"
        await press(pilot, "up", "up")
        assert app.log_view.copy_text() == "line 997"
        await press(pilot, *["up"] * 12)
        assert app.log_view.copy_text() == "line 985"
        assert rows(app)[0] == "line 985"
        await press(pilot, *["down"] * 14)
        assert app.log_view.copy_text() == "line 999"
        await press(pilot, "down")
        assert "following" in app.log_view.status


async def test_search_goes_both_ways_and_around(log: Path) -> None:
    app = LogApp(log)
    async with app.run_test(size=(40, 10)) as pilot:
        await press(pilot, "slash", *"line 50", "enter")
        assert app.log_view.copy_text() == "line 509"  # from the end that was followed, backwards
        assert "line 509" in screen_text(app)
        await press(pilot, "p")
        assert app.log_view.copy_text() == "line 508"
        await press(pilot, "n", "n")
        assert app.log_view.copy_text() == "line 50"
        assert "from the top again" in app.log_view.status
        await press(pilot, "p")
        assert app.log_view.copy_text() == "line 509"
        await press(pilot, "escape")
        assert app.log_view.lines.needle is None
        await press(pilot, "slash", *"zzz", "enter")
        assert "not found" in app.log_view.status


async def test_a_match_far_to_the_right_is_brought_into_view(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 300 + "needle" + "y" * 300 + "\n")
    app = LogApp(path)
    async with app.run_test(size=(40, 10)) as pilot:
        assert "needle" not in screen_text(app)
        await press(pilot, "slash", *"needle", "enter")
        assert "needle" in screen_text(app).replace(" needle", "", 1)


async def test_the_next_error_is_found_from_the_top_of_a_followed_log(log: Path) -> None:
    with log.open("a") as stream:
        stream.write("ValueError: first\nfine\nRuntimeError: second\nfine\n" + "tail\n" * 50)
    app = LogApp(log)
    async with app.run_test(size=(40, 10)) as pilot:
        for expected in ("ValueError: first", "RuntimeError: second", "ValueError: first"):
            await press(pilot, "e")
            assert app.log_view.copy_text() == expected


async def test_truncation_rotation_and_removal(log: Path) -> None:
    app = LogApp(log)
    async with app.run_test(size=(40, 10)) as pilot:
        await press(pilot, "home")
        write(log, "new\n")
        await look(pilot)
        assert rows(app)[0] == "new"
        rotate(log)
        await look(pilot)
        assert "nothing printed yet" in screen_text(app)
        write(log, "rotated\n")
        await look(pilot)
        assert rows(app)[0] == "rotated"
        truncate(log)
        await look(pilot)
        assert "nothing printed yet" in screen_text(app)


async def test_a_log_that_does_not_exist_yet_is_shown_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    app = LogApp(path)
    async with app.run_test(size=(40, 10)) as pilot:
        assert "nothing printed yet" in screen_text(app)
        assert not app.log_view.check_action("find", ())
        write(path, "here\n")
        await look(pilot)
        assert rows(app)[0] == "here"
        assert app.log_view.check_action("find", ())


HOSTILE = (
    b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\n"
    b"[bold]no markup[/bold] [@click=app.quit]x[/]\n"
    b"nul \x00 bell \x07 c1 \xc2\x9b31m\n"
    b"\xff\xfe\xfa invalid\n"
    + "bidi \u202egnp.exe\u202c\n".encode()
    + "训练：损失 2.41，继续\n".encode()
    + b" 10%|#|\r 90%|##|\r100%|###| done\n"
    + b"z" * 1_000_000
)


async def test_hostile_lines_neither_break_the_view_nor_reach_the_terminal_raw(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(HOSTILE)
    app = LogApp(path)
    async with app.run_test(size=(60, 30)) as pilot:
        for keys in ([], ["home"], ["w"], ["t"], ["end"], ["pageup"], ["right"], ["w"], ["home"]):
            await press(pilot, *keys)
            text = screen_text(app)
            assert all(
                character == "\n" or (ord(character) >= 32 and not 0x7F <= ord(character) < 0xA0)
                for character in text
            )
            assert "\u202e" not in text
            assert len(text.splitlines()) == 30
        shown = rows(app)
        assert shown[:4] == [
            "red",
            "[bold]no markup[/bold] [@click=app.quit]x[/]",
            "nul  bell  c1",
            "��� invalid",
        ]
        assert shown[5] == "训练：损失 2.41，继续"
        assert shown[6] == "100%|###| done"


async def test_wrapped_lines_show_everything_and_wide_characters_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("前" * 30 + "\n" + "0123456789" * 10 + "\n")
    app = LogApp(path)
    async with app.run_test(size=(23, 12)) as pilot:
        await press(pilot, "w")
        lines = rows(app)
        assert lines[:3] == ["前" * 10] * 3
        assert "".join(lines[3:8]) == "0123456789" * 10


async def test_scrolling_through_wrapped_lines_passes_every_row(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(chr(97 + i) * (i * 7 + 1) + "\n" for i in range(20)))
    app = LogApp(path)
    async with app.run_test(size=(22, 6)) as pilot:
        await press(pilot, "w", "home")
        seen = before = rows(app)
        while not app.log_view.lines.follow:
            app.log_view.lines.scroll_rows(1)
            await pilot.pause()
            if rows(app) != before:
                assert rows(app)[:-1] == before[1:]
                seen = [*seen, rows(app)[-1]]
                before = rows(app)
        assert "".join(seen) == "".join(chr(97 + i) * (i * 7 + 1) for i in range(20))


async def test_times_can_be_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("2026-11-24 14:32:05 step 1\nno time here\n")
    app = LogApp(path)
    async with app.run_test(size=(60, 6)) as pilot:
        assert rows(app)[0] == "2026-11-24 14:32:05 step 1"
        await press(pilot, "t")
        assert rows(app)[:2] == ["step 1", "no time here"]
        await press(pilot, "t")
        write(path, "nothing to take\n")
        await look(pilot)
        await press(pilot, "t")
        assert "no times" in app.log_view.status


async def test_only_changed_rows_are_sent(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = LogApp(log)
    async with app.run_test(size=(40, 10)) as pilot:
        await press(pilot, "up")
        sent: list[int] = []
        lines = app.log_view.lines
        monkeypatch.setattr(
            lines, "refresh", lambda *regions, **more: sent.extend(region.y for region in regions)
        )
        await look(pilot)
        assert sent == []
        await press(pilot, "up")
        assert sorted(sent) == [7, 8]
