"""The panel in a real terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from runtime.run.workspace import Workspace
from tests.tui.sample_workspace import PLANS, make_workspace
from tests.tui.terminal import Terminal

QUIET_BYTES_PER_SECOND = 20_000


def _open(workspace: Workspace, tmp_path: Path, **more: str) -> Terminal:
    code = """
import sys
from pathlib import Path
from runtime.run.workspace import Workspace
from tui.app import run_panel
sys.exit(run_panel(Workspace(Path(sys.argv[1]))))
"""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(tmp_path),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        **more,
    }
    return Terminal([sys.executable, "-c", code, str(workspace.root)], environment)


def _ended(tmp_path: Path) -> Workspace:
    """Runs that are over: nothing in them asks to be adopted."""
    return make_workspace(tmp_path / "train", plans=tuple(plan for plan in PLANS if plan.ended is not None))


def test_q_gives_the_terminal_back_and_says_how_to_return(tmp_path: Path) -> None:
    with _open(_ended(tmp_path), tmp_path) as terminal:
        terminal.read_until(lambda output: b"bert-base-08be" in output)
        terminal.press("q")
        terminal.read_until(lambda output: b"Back: headnode" in output)
        assert b"\x1b[?1049l" in terminal.output
        assert terminal.process.wait(10) == 0


def test_it_works_in_chinese_without_a_utf8_locale_and_without_colours(tmp_path: Path) -> None:
    with _open(_ended(tmp_path), tmp_path, LANG="C", HEADNODE_LANG="zh", NO_COLOR="1") as terminal:
        terminal.read_until(lambda output: "已停止".encode() in output)
        terminal.press("q")
        terminal.read_until(lambda output: "回到面板：headnode".encode() in output)


def test_a_quiet_panel_sends_little_over_ssh(tmp_path: Path) -> None:
    with _open(_ended(tmp_path), tmp_path, SSH_CONNECTION="1 2 3 4") as terminal:
        terminal.read_until(lambda output: b"bert-base-08be" in output)
        terminal.read(3.0)
        seconds = 4.0
        assert len(terminal.read(seconds)) < QUIET_BYTES_PER_SECOND * seconds
