"""Every page by keys alone, over a real openssh server and 200 ms."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tui.panel_terminal import LAST_RUN, ended_runs
from tests.tui.ssh_link import SSHD, SlowLink
from tui import pages

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.skipif(SSHD is None, reason="needs an openssh server")
@pytest.mark.parametrize(("language", "last_tab"), [("en", "Doctor"), ("zh", "体检")])
def test_every_page_works_by_keys_over_a_slow_link(tmp_path: Path, language: str, last_tab: str) -> None:
    workspace = ended_runs(tmp_path)
    environment = {
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "LANG": "C",  # as where a server accepts no locale: UTF-8 all the same
        "HEADNODE_WORKSPACE": str(workspace.root),
        "HEADNODE_LEASES": str(tmp_path / "leases"),
        "HEADNODE_SETTINGS": str(tmp_path / "settings.toml"),
    }
    command = [sys.executable, "-m", "tui", "--lang", language]
    with SlowLink(tmp_path, 0.2) as link, link.open(command, environment) as terminal:
        terminal.read_until(lambda output: LAST_RUN in output and last_tab.encode() in output, 60)
        for key in (*(tab.digit for tab in pages.TABS if tab.digit != "1"), "\x1b", "1"):
            while terminal.read(0.5):  # what the key before has brought is all there
                pass
            before = len(terminal.output)
            terminal.press(key)
            terminal.read_until(lambda output, b=before: last_tab.encode() in output[b:])
        for key, sign in (("\r", "‹"), ("？", "╭"), ("\x1b", "‹")):
            while terminal.read(0.5):  # what the key before has brought is all there
                pass
            before = len(terminal.output)
            terminal.press(key)
            terminal.read_until(lambda output, b=before, s=sign: s.encode() in output[b:])
        terminal.press("q")
        terminal.read_until(lambda output: b"headnode\r\n" in output[-200:])
    assert b"\x1b[?1003l" in terminal.output
