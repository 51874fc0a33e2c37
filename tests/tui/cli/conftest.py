"""A workspace of its own for each test, an empty home, and the command line as a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ISOLATION

from .runs import make_run

ROOT = Path(__file__).parents[3]
Done = subprocess.CompletedProcess[str]


class CommandLine:
    """`cli("ls", "--json")` runs `headnode ls --json` in the workspace, without a terminal."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "TZ": "UTC",
            **{name: os.environ[name] for name in ISOLATION},
        }
        self.preexec: Callable[[], None] | None = None
        self.command = [sys.executable, "-m", "tui.cli"]

    def __call__(self, *arguments: str, stdin: str | None = None, **changes: str) -> Done:
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.directory,
            env={**self.environment, **changes},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            preexec_fn=self.preexec,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "profiles").mkdir(parents=True)
    (root / "logs").mkdir()
    return root


@pytest.fixture
def cli(workspace: Path, tmp_path: Path) -> CommandLine:
    home = tmp_path / "home"
    home.mkdir()
    return CommandLine(workspace, home)


@pytest.fixture
def new_run(workspace: Path) -> Callable[..., Path]:
    """Makes an ended run by hand: `new_run("demo-0001", state="failed", …)`."""

    def make(name: str, **record: object) -> Path:
        return make_run(workspace, name, **record)

    return make
