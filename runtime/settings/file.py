"""From the text of a settings file to `runtime.settings.Settings`, with an error for what it doesn't
understand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from runtime.messages import N_, Message
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

SECTIONS = ("panel", "keys", "machine", "notify")
_NOTIFY_KEYS = ("on", "kind", "url_env", "url_file", "argv", "timeout")


def read_settings(path: Path) -> Settings:
    """What the file says. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(N_("{place}: can't be read: {reason}"), place=str(path), reason=reason) from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(N_("{place}: not TOML: {reason}"), place=str(path), reason=str(error)) from error
    return _Reader(path, text).settings(content)


class _Reader:
    """Knows the file, so that an error can name the line."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = _lines_of_keys(text)

    def settings(self, content: Mapping[str, Any]) -> Settings:
        for name, value in content.items():
            if name not in SECTIONS:
                self._unknown("", name, SECTIONS)
            if name == "notify":
                if not (isinstance(value, list) and all(isinstance(entry, dict) for entry in value)):
                    self._refuse(name, N_("write [[notify]], with two brackets, for each one to tell"))
            elif not isinstance(value, dict):
                self._refuse(name, N_("{name} is a section: write [{name}]"), name=name)
        return Settings(
            panel=self._panel(content.get("panel", {})),
            keys=MappingProxyType(self._keys(content.get("keys", {}))),
            machine=self._machine(content.get("machine", {})),
            notify=tuple(
                self.notification(entry, f"notify.{number}")
                for number, entry in enumerate(content.get("notify", ()))
            ),
            path=self._path,
            origins=MappingProxyType(
                {
                    f"{section}.{key}": self._lines.get(f"{section}.{key}")
                    for section in ("panel", "keys", "machine")
                    for key in content.get(section, {})
                }
            ),
        )

    def _panel(self, section: Mapping[str, Any]) -> PanelSettings:
        self._known("panel", section, PanelSettings.__dataclass_fields__)
        return PanelSettings(
            theme=self._one_of("panel.theme", section.get("theme"), THEMES),
            language=self._one_of("panel.language", section.get("language"), LANGUAGES),
            **{
                name: self._flag(f"panel.{name}", section[name])
                for name in ("mouse", "read_only", "bell")
                if name in section
            },
        )

    def _keys(self, section: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        keys: dict[str, tuple[str, ...]] = {}
        for action, value in section.items():
            given = [value] if isinstance(value, str) else value
            if not (isinstance(given, list) and given and all(isinstance(key, str) and key for key in given)):
                self._refuse(
                    f"keys.{action}", N_('a key, such as "s", or a list of keys, such as ["s", "f8"]')
                )
            keys[action] = tuple(given)
        return keys

    def _machine(self, section: Mapping[str, Any]) -> MachineSettings:
        self._known("machine", section, MachineSettings.__dataclass_fields__)
        slots, directory = section.get("cpu_slots"), section.get("lease_directory")
        if slots is not None and (isinstance(slots, bool) or not isinstance(slots, int) or slots < 1):
            self._refuse("machine.cpu_slots", N_("a whole number, 1 or larger"))
        return MachineSettings(slots, self._file("machine.lease_directory", directory))

    def notification(self, entry: Mapping[str, Any], where: str) -> Notification:
        self._known(where, entry, _NOTIFY_KEYS, shown="notify")
        kind = self._one_of(f"{where}.kind", entry.get("kind"), KINDS)
        if kind is None:
            self._refuse(where, N_("kind is missing: {choices}"), choices=", ".join(KINDS))
        argv, url_env, url_file = entry.get("argv"), entry.get("url_env"), entry.get("url_file")
        if kind == "command":
            if not (isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)):
                self._refuse(
                    where, N_('a command is written as a list of words: argv = ["notify-send", "headnode"]')
                )
        elif argv is not None:
            self._refuse(f"{where}.argv", N_('only kind = "command" has argv'))
        elif (url_env is None) == (url_file is None):
            self._refuse(
                where, N_('say where the address is, url_env = "NAME" or url_file = "path", one of the two')
            )
        if url_env is not None and not (isinstance(url_env, str) and re.fullmatch(r"[A-Za-z_]\w*", url_env)):
            self._refuse(
                f"{where}.url_env", N_("the name of an environment variable, not the address itself")
            )
        return Notification(
            kind=kind,
            on=self._occasions(f"{where}.on", entry.get("on")),
            url_env=url_env,
            url_file=self._file(f"{where}.url_file", url_file),
            argv=tuple(argv or ()),
            timeout=self._seconds(f"{where}.timeout", entry.get("timeout", 10.0)),
        )

    # -- values

    def _occasions(self, where: str, value: object) -> tuple[str, ...]:
        if value is None:
            return OCCASIONS
        given = [value] if isinstance(value, str) else value
        if not (isinstance(given, list) and given):
            self._refuse(where, N_("a list of {choices}"), choices=", ".join(OCCASIONS))
        return tuple(self._one_of(where, one, OCCASIONS) or "" for one in given)

    def _one_of(self, where: str, value: object, choices: Collection[str]) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or value not in choices:
            near = get_close_matches(str(value), choices, n=1)
            if near:
                self._refuse(
                    where, N_("{value} is not one of {choices}; did you mean {near}?"),
                    value=repr(value), choices=", ".join(choices), near=near[0],
                )  # fmt: skip
            self._refuse(
                where, N_("{value} is not one of {choices}"), value=repr(value), choices=", ".join(choices)
            )
        return value

    def _flag(self, where: str, value: object) -> bool:
        if not isinstance(value, bool):
            self._refuse(where, N_("true or false, without quotes"))
        return value

    def _file(self, where: str, value: object) -> Path | None:
        if value is not None and not (isinstance(value, str) and value):
            self._refuse(where, N_("a path in quotes"))
        return Path(value).expanduser() if isinstance(value, str) else None

    def _seconds(self, where: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 3600:
            self._refuse(where, N_("seconds, more than 0 and at most 3600"))
        return float(value)

    # -- errors

    def _known(
        self, section: str, content: Mapping[str, Any], names: Collection[str], shown: str = ""
    ) -> None:
        for key in content:
            if key not in names:
                self._unknown(section, key, names, shown)

    def _unknown(self, section: str, key: str, names: Collection[str], shown: str = "") -> NoReturn:
        where = f"{section}.{key}" if section else key
        near = get_close_matches(key, names, n=1)
        if near:
            self._refuse(where, N_("not a setting; did you mean {near}?"), near=near[0])
        if section:
            self._refuse(
                where,
                N_("not a setting; [{section}] has {choices}"),
                section=shown or section,
                choices=", ".join(names),
            )
        self._refuse(where, N_("not a section; there are {choices}"), choices=", ".join(names))

    def _refuse(self, where: str, template: str, **parameters: object) -> NoReturn:
        line = self._lines.get(where)
        place = f"{self._path}:{line}" if line else str(self._path)
        raise SettingsError(
            N_("{place}: {key}: {problem}"), place=place, key=where, problem=Message(template, parameters)
        )


def notification(entry: Mapping[str, Any], place: str) -> Notification:
    """One entry of `notify:` in a profile, by the same rules. Raises SettingsError that names `place`."""
    return _Reader(Path(place), "").notification(entry, "notify")


def _lines_of_keys(text: str) -> dict[str, int]:
    """`section.key` → line, 1-based: enough of TOML to say where a mistake is; the values are tomllib's."""
    lines: dict[str, int] = {}
    section, count = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w-]+)\s*\]", line):
            section = header[2]
            if header[1] == "[[":
                section, count = f"{section}.{count}", count + 1
            lines.setdefault(section, number)
        elif key := re.match(r"\s*([\w-]+|\"[^\"]+\")\s*=", line):
            name = key[1].strip('"')
            lines.setdefault(f"{section}.{name}" if section else name, number)
    return lines
