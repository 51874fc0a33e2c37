"""What is really sent to terminals with 256, 16 and no colours, with and without the mouse."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem

from runtime.run.workspace import Workspace
from tests.tui.panel_terminal import LAST_RUN, ended_runs, open_panel
from tests.tui.terminal import Terminal
from tui import theme


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return ended_runs(tmp_path)


def _styles(terminal: Terminal) -> set[str]:
    """Every select-graphic-rendition sequence, without its frame."""
    terminal.read_until(lambda output: LAST_RUN in output and b" help" in output)
    return set(re.findall(r"\x1b\[([\d;]+)m", terminal.output.decode("utf-8", "replace")))


def _line(terminal: Terminal, text: bytes) -> bytes:
    return next(line for line in terminal.output.split(b"\n") if text in line)


def test_256_colours_are_those_of_the_palette_and_nothing_between(
    workspace: Workspace, tmp_path: Path
) -> None:
    colours = [getattr(theme.DARK, field.name) for field in fields(theme.DARK) if field.name != "dark"]
    chosen = {Color.parse(colour).downgrade(ColorSystem.EIGHT_BIT).number for colour in colours}
    with open_panel(workspace, tmp_path) as terminal:
        styles = _styles(terminal)
    used = {int(number) for style in styles for number in re.findall(r"[34]8;5;(\d+)", style)}
    assert len(used) >= 6
    assert used <= chosen
    assert not [style for style in styles if "38;2;" in style or "48;2;" in style]


def test_the_palettes_keep_their_colours_apart_in_256(workspace: Workspace) -> None:
    for palette in theme.PALETTES.values():
        numbers = {
            field.name: Color.parse(getattr(palette, field.name)).downgrade(ColorSystem.EIGHT_BIT).number
            for field in fields(palette)
            if field.name != "dark"
        }
        assert len(set(numbers.values())) == len(numbers), numbers


@pytest.mark.parametrize(
    "more", [{"TERM": "vt220"}, {"NO_COLOR": "1", "COLORTERM": "truecolor"}], ids=["vt220", "no_color"]
)
def test_without_colours_none_is_sent_and_the_cursor_is_reverse(
    workspace: Workspace, tmp_path: Path, more: dict[str, str]
) -> None:
    with open_panel(workspace, tmp_path, **more) as terminal:
        assert _styles(terminal) <= {"0", "1", "7", "1;7", "4", "1;4", "4;7"}
        assert b"\x1b[7m" in _line(terminal, b"demo-1f00")
        assert b"\xe2\x9c\x97 failed" in terminal.output  # a glyph and a word


def test_with_16_colours_the_cursor_still_stands_out(workspace: Workspace, tmp_path: Path) -> None:
    with open_panel(workspace, tmp_path, TERM="linux") as terminal:
        styles = _styles(terminal)
        assert not [style for style in styles if "8;5;" in style or "8;2;" in style]
        assert re.search(rb"\x1b\[(1;)?7;[\d;]+m", _line(terminal, b"demo-1f00"))


@pytest.mark.parametrize(
    ("term", "colorterm", "colours", "none"),
    [
        ("xterm-256color", None, None, False),
        ("alacritty", None, "256", False),
        ("tmux", None, "256", False),
        ("alacritty", "truecolor", None, False),
        ("vt220", None, None, True),
        ("dumb", None, None, True),
        ("no-such-terminal", None, None, False),
    ],
)
def test_terminals_are_known_by_their_names(
    term: str, colorterm: str | None, colours: str | None, none: bool
) -> None:
    """In a process each: what curses has been told of a terminal once, it keeps."""
    code = """
import sys
from tui.environment import prepare_colours, prepare_terminal
environment = dict(pair.split("=") for pair in sys.argv[1:])
prepare_terminal(environment)
prepare_colours(environment)
print(environment.get("TEXTUAL_COLOR_SYSTEM"), "NO_COLOR" in environment)
"""
    pairs = [f"TERM={term}", *([f"COLORTERM={colorterm}"] if colorterm else [])]
    done = subprocess.run([sys.executable, "-c", code, *pairs], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(colours), str(none)]


def test_the_mouse_is_left_to_the_terminal_where_that_is_wanted(workspace: Workspace, tmp_path: Path) -> None:
    for arguments, wanted in (((), True), (("--no-mouse",), False)):
        with open_panel(workspace, tmp_path, *arguments) as terminal:
            _styles(terminal)
            assert (b"\x1b[?1000h" in terminal.output) == wanted


def test_chinese_with_full_width_keys_over_a_terminal_without_utf8(
    workspace: Workspace, tmp_path: Path
) -> None:
    with open_panel(workspace, tmp_path, "--lang", "zh", LANG="C", SSH_CONNECTION="1 2 3 4") as terminal:
        terminal.read_until(lambda output: LAST_RUN in output and "退出".encode() in output)
        for key, seen in (("？", "按键"), ("？", "已完成"), ("６", "跟随"), ("ｑ", "回到面板")):
            while terminal.read(0.3):  # what the key before has brought is all there
                pass
            before = len(terminal.output)
            terminal.press(key)
            terminal.read_until(lambda output, b=before, s=seen: s.encode() in output[b:])
