"""What can be set, and what holds where nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from runtime.messages import UsageError

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
