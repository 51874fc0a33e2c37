"""Isolation of every test: what Headnode keeps for the whole machine or for a person (leases on devices,
settings, caches, memory) lies in the test's own directory, so that tests at the same time never meet.

A narrower conftest may set any of it anew, but must keep what `ISOLATION` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ISOLATION = ("HEADNODE_LEASES", "HEADNODE_SETTINGS")
"""What fixtures that clear every variable of Headnode's leave alone, and what they hand to processes."""

_SETTINGS = "[machine]\ncpu_slots = 64\n"
"""How many runs there may be at once is no matter of this machine's cores, but where a test is about that."""


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For fixtures of a module or a session, which come before a test's own."""
    root = tmp_path_factory.mktemp("machine")
    (root / "settings.toml").write_text(_SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, root, root / "settings.toml")
        yield root


@pytest.fixture(autouse=True)
def isolated(isolated_session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test."""
    _isolate(monkeypatch, tmp_path, isolated_session / "settings.toml")


def _isolate(patch: pytest.MonkeyPatch, root: Path, settings: Path) -> None:
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        patch.setenv(f"XDG_{name}_HOME", str(root / "home" / name.lower()))
    patch.setenv("HEADNODE_LEASES", str(root / "leases"))
    patch.setenv("HEADNODE_SETTINGS", str(settings))
    patch.delenv("HEADNODE_SIMULATE_GPUS", raising=False)
