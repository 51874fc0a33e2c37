"""The real panel, as its user starts it, in a real terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from runtime.run.workspace import Workspace
from tests.tui.sample_workspace import PLANS, make_workspace
from tests.tui.terminal import Terminal

LAST_RUN = b"probe-e0e0"
"""The name in the lowest line of the table: with it, the Runs page stands."""


def ended_runs(directory: Path) -> Workspace:
    """A workspace in which all is over: nothing asks to be adopted."""
    return make_workspace(directory / "train", plans=tuple(plan for plan in PLANS if plan.ended is not None))


def open_panel(
    workspace: Workspace, home: Path, *arguments: str, size: tuple[int, int] = (80, 24), **more: str
) -> Terminal:
    """`headnode` with these arguments; `more` are environment variables."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "HEADNODE_WORKSPACE": str(workspace.root),
        "HEADNODE_LEASES": os.environ["HEADNODE_LEASES"],
        "HEADNODE_SETTINGS": os.environ["HEADNODE_SETTINGS"],
        **more,
    }
    return Terminal([sys.executable, "-m", "tui", *arguments], environment, size)
