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
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from runtime.messages import UsageError

VARIABLE = "HEADNODE_SETTINGS"
"""The environment variable that names another file."""

THEMES = ("dark", "light", "high-contrast")
LANGUAGES = ("en", "zh")
OCCASIONS = ("start", "end", "fault", "hang")
"""What a notification can be asked for: a run started, ended well, ended or restarted for a fault, hangs."""
KINDS = ("json", "slack", "feishu", "dingtalk", "command")


class SettingsError(UsageError):
    """The settings file can't be used; the message names the file, the line if known, and the fix."""


@dataclass(frozen=True)
class PanelSettings:
    """`theme` and `language`: None when the file doesn't say; the panel then uses its own choice."""

    theme: str | None = None
    language: str | None = None
    mouse: bool = True
    read_only: bool = False
    bell: bool = True


@dataclass(frozen=True)
class MachineSettings:
    """`cpu_slots`: how many processes may train at once where there is no GPU; None: one for each core.
    `lease_directory`: where the leases on this machine's devices lie; None: found."""

    cpu_slots: int | None = None
    lease_directory: Path | None = None


@dataclass(frozen=True)
class Notification:
    """Whom to tell, and of what. `timeout` in seconds. A web address is never written here: `url_env` names
    the environment variable that holds it, `url_file` the file."""

    kind: str
    on: tuple[str, ...] = OCCASIONS
    url_env: str | None = None
    url_file: Path | None = None
    argv: tuple[str, ...] = ()
    timeout: float = 10.0


@dataclass(frozen=True)
class Settings:
    """`keys`: action → its keys, by Textual's names, not checked against the keymap. `origins`: `section.key`
    → the line of `path` that sets it."""

    panel: PanelSettings = PanelSettings()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    machine: MachineSettings = MachineSettings()
    notify: tuple[Notification, ...] = ()
    path: Path | None = None
    origins: Mapping[str, int | None] = field(default_factory=lambda: MappingProxyType({}))


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
    from runtime.settings_file import read_settings  # and tomllib: only where there is a file

    return read_settings(path) if path.exists() else Settings(path=path)
