"""Headnode itself: version, where it lies, its workspace and settings."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from runtime.doctor.check import Check, Surroundings
from runtime.messages import N_, Message

_OLDEST = (3, 11)


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Version, Python, command, workspace, settings."""
    yield _version()
    yield _python()
    yield _command(surroundings)
    yield _workspace(surroundings)
    yield _settings()


def _version() -> Check:
    try:
        version = metadata.version("headnode")
    except metadata.PackageNotFoundError:
        version = "0"
    where = Path(__file__).resolve().parents[2]
    return Check(
        "headnode",
        Message(N_("version")),
        "ok",
        Message(N_("{version} in {path}"), {"version": version, "path": where}),
        data={"version": version, "path": str(where)},
    )


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    values = {"version": version, "path": sys.executable}
    data = {**values, "environment": sys.prefix if sys.prefix != sys.base_prefix else None}
    if sys.version_info < _OLDEST:  # an interpreter that was exchanged under an installation
        fix = Message(N_("install Python 3.11 or newer, then make setup"))
        return Check(
            "python", Message(N_("Python")), "fail", Message(N_("{version} is too old"), values), fix, data
        )
    return Check("python", Message(N_("Python")), "ok", Message(N_("{version} at {path}"), values), data=data)


def _command(surroundings: Surroundings) -> Check:
    found = shutil.which("headnode", path=surroundings.environment.get("PATH", os.defpath))
    title = Message(N_("command"))
    if found is None:
        fix = Message(N_("make setup links it into ~/.local/bin: put that on your PATH"))
        return Check("command", title, "warn", Message(N_("headnode is not on your PATH")), fix)
    return Check("command", title, "ok", Message(N_("{path}"), {"path": found}), data={"path": found})


def _workspace(surroundings: Surroundings) -> Check:
    title, workspace = Message(N_("workspace")), surroundings.workspace
    if workspace is None:
        fix = Message(N_("headnode init DIR makes one"))
        return Check("workspace", title, "warn", Message(N_("there is none here")), fix)
    values = {"path": workspace.root}
    data = {"path": str(workspace.root)}
    closed = [path for path in (workspace.logs, workspace.profiles) if not os.access(path, os.W_OK | os.X_OK)]
    if workspace.logs in closed:
        message = Message(N_("{path} can't be written"), {"path": workspace.logs})
        fix = Message(N_("change its owner or mode, or use another workspace (headnode init DIR)"))
        return Check("workspace", title, "fail", message, fix, data)
    if closed:
        message = Message(N_("{path} can't be written"), {"path": workspace.profiles})
        fix = Message(N_("change its owner or mode where you want to edit profiles in the panel"))
        return Check("workspace", title, "warn", message, fix, data)
    return Check("workspace", title, "ok", Message(N_("{path} can be written"), values), data=data)


def _settings() -> Check:
    from runtime.settings import load_or_default, settings_path

    title, path = Message(N_("settings")), settings_path()
    _settings, error = load_or_default()
    data = {"path": str(path)}
    if error is not None:
        fix = Message(N_("correct the file, or move it away; until then the defaults hold"))
        return Check("settings", title, "fail", error.message, fix, data)
    if not path.exists():
        message = Message(N_("the defaults; {path} would change them"), {"path": path})
        return Check("settings", title, "ok", message, data=data)
    return Check("settings", title, "ok", Message(N_("{path} is valid"), {"path": path}), data=data)
