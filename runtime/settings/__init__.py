"""What a person has set once for all workspaces: `~/.config/headnode/settings.toml`.

Read by hand, without pydantic, since the command line reads it at every start. A key that isn't known is
refused with the nearest one that is. `HEADNODE_SETTINGS` names another file. The panel never writes it: what
is
chosen there (theme, language) is the panel's memory.

    [panel]    theme = "dark"      language = "en"      mouse = true      bell = true      read_only = false
    [keys]     stop = "x"          # an action of tui.keymap = a key, or a list of keys
    [machine]  cpu_slots = 8       lease_directory = "/run/lock/headnode"
    [[notify]] on = ["end", "fault"]      kind = "slack"      url_env = "SLACK_URL"      timeout = 10
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from runtime.settings.model import (
    KINDS,
    LANGUAGES,
    OCCASIONS,
    THEMES,
    MachineSettings,
    Notification,
    PanelSettings,
    Settings,
    SettingsError,
)

__all__ = [
    "KINDS",
    "LANGUAGES",
    "OCCASIONS",
    "THEMES",
    "VARIABLE",
    "MachineSettings",
    "Notification",
    "PanelSettings",
    "Settings",
    "SettingsError",
    "forget",
    "load_or_default",
    "load_settings",
    "settings_path",
]

VARIABLE = "HEADNODE_SETTINGS"
"""The environment variable that names another file."""


def settings_path(environment: Mapping[str, str] | None = None) -> Path:
    """Where the file is, or would be."""
    environment = os.environ if environment is None else environment
    if named := environment.get(VARIABLE):
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("headnode") / "settings.toml"


def load_settings() -> Settings:
    """The settings of this person, read once a process. No file: the defaults. Raises SettingsError."""
    return _load(settings_path())


def load_or_default() -> tuple[Settings, SettingsError | None]:
    """The settings, or the defaults and why the file can't be used: for what must go on regardless."""
    try:
        return load_settings(), None
    except SettingsError as error:
        return Settings(), error


def forget() -> None:
    """Lets the next `load_settings` read the file anew."""
    _load.cache_clear()


@cache
def _load(path: Path) -> Settings:
    from runtime.settings.file import read_settings  # and tomllib: only where there is a file

    return read_settings(path) if path.exists() else Settings(path=path)
