"""A panel over a sample workspace, with clock, home and sampler of the test's own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from runtime.run.workspace import Workspace, init_workspace
from tests.tui.sample_telemetry import sampler
from tests.tui.sample_workspace import NOW, make_workspace
from tests.tui.settling import rest
from tui import i18n, theme
from tui.store.memory import Memory
from tui.store.services import Services


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The same time zone, language and colours wherever the tests run."""
    for name in ("HEADNODE_LANG", "LANG", "LC_ALL", "LC_MESSAGES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    time.tzset()
    i18n.setup("en")
    yield
    i18n.setup("en")
    theme.use("dark")
    os.environ.pop("TZ", None)
    time.tzset()


@pytest.fixture
def sample(tmp_path: Path) -> Workspace:
    """A run in each state, in `~/train`."""
    return make_workspace(tmp_path / "train")


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """No runs at all, in `~/train`."""
    return init_workspace(tmp_path / "train")


@pytest.fixture
def snap_compare(snap_compare: Callable[..., bool]) -> Callable[..., bool]:
    """pytest-textual-snapshot's, but for pictures of screens at rest only."""

    def compare(app: Any, *, run_before: Callable[[Pilot[Any]], Any] | None = None, **arguments: Any) -> bool:
        async def before(pilot: Pilot[Any]) -> None:
            if run_before is not None:
                await run_before(pilot)
            await rest(pilot)

        return snap_compare(app, run_before=before, **arguments)

    return compare


@pytest.fixture
def panel(tmp_path: Path) -> Callable[..., Any]:
    """`panel(workspace, language="zh", left=seconds ago, **services)`: an app that looks only when told to,
    see `settle`."""
    from tui.app import HeadnodeApp

    def make(
        workspace: Workspace,
        *,
        language: str = "en",
        left: float | None = None,
        open_run: str | None = None,
        **more: Any,
    ) -> HeadnodeApp:
        memory = Memory(tmp_path / "state")
        if left is not None:
            memory.leave(workspace.root, NOW - left)
        services = Services(
            clock=lambda: NOW,
            home=tmp_path,
            memory=memory,
            sampler=sampler,
            adopt=None,
            threaded=False,
            watch=False,
        )
        return HeadnodeApp(
            workspace, language=language, open_run=open_run, services=replace(services, **more)
        )

    return make
