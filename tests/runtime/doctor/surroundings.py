"""Machines made of files, and the checks that a test asks for by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from runtime.doctor import Check, Surroundings, Terminal
from runtime.run.workspace import Workspace


def surroundings(
    root: Path = Path("/"),
    environment: Mapping[str, str] | None = None,
    workspace: Workspace | None = None,
    columns: int | None = 120,
) -> Surroundings:
    """A terminal of 120×40 with this environment alone."""
    rows = None if columns is None else 40
    return Surroundings(workspace, Terminal(dict(environment or {}), columns, rows), root)


def file(root: Path, name: str, text: str) -> None:
    """Writes a file below the root, with its directories."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def named(checks: Iterable[Check]) -> dict[str, Check]:
    """By name; each must be complete: a problem without a fix helps nobody."""
    found = {check.name: check for check in checks}
    for check in found.values():
        str(check.title), str(check.message), str(check.fix)
        assert check.status == "ok" or check.fix is not None or check.name == "devices", check
    return found
