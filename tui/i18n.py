"""The language in which a person reads the panel and the command line.

Templates are marked with `_`, `ngettext`, `pgettext` (translated at once) or `N_` (translated where they are
shown), gathered
by `tools/messages.py` and looked up in `tui/locale`. State names, reason codes, metric names, YAML keys and
JSON are never
translated. `_` reads the language at the time of the call, so never call it while a module is being imported.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping
from pathlib import Path

from runtime.messages import N_, Message
from tui.clean import clean

__all__ = ["LANGUAGES", "N_", "Message", "_", "language", "ngettext", "pgettext", "render", "setup"]

LANGUAGES = {"en": "English", "zh": "简体中文"}
"""Language codes and their names, each in its own language."""

_LOCALE_DIRECTORY = Path(__file__).parent / "locale"
_CATALOGUES = {"zh": "zh_CN"}

_current = "en"
_translations: gettext.NullTranslations = gettext.NullTranslations()


def choose(
    wanted: str | None = None, environment: Mapping[str, str] | None = None, stored: str | None = None
) -> str:
    """The language code: `--lang`, then HEADNODE_LANG, then the stored setting, then the system's locale."""
    environment = os.environ if environment is None else environment
    system = next(
        (environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), ""
    )
    for candidate in (wanted, environment.get("HEADNODE_LANG"), stored, system):
        if candidate:
            code = candidate.replace("-", "_").split("_")[0].split(".")[0].lower()
            if code in LANGUAGES:
                return code
    return "en"


def setup(wanted: str | None = None, stored: str | None = None) -> str:
    """Makes `choose(wanted)` the language of everything shown from now on, and returns its code."""
    global _current, _translations
    _current = choose(wanted, stored=stored)
    catalogue = _CATALOGUES.get(_current)
    _translations = (
        gettext.translation("headnode", _LOCALE_DIRECTORY, [catalogue], fallback=True)
        if catalogue
        else gettext.NullTranslations()
    )
    return _current


def language() -> str:
    """The code of the language in use."""
    return _current


def _(text: str) -> str:
    """The text in the language in use."""
    return _translations.gettext(text) if text else ""


def ngettext(singular: str, plural: str, number: int) -> str:
    """The singular or plural template for `number`; the caller formats it."""
    return _translations.ngettext(singular, plural, number)


def pgettext(context: str, text: str) -> str:
    """The text in the language in use, where one English word stands for two things."""
    return _translations.pgettext(context, text)


def render(message: Message | str) -> str:
    """A message made in the runtime, in the language in use, with everything from outside cleaned of control
    characters."""
    if isinstance(message, str):
        return clean(message)
    values = {name: _value(value) for name, value in message.parameters.items()}
    try:
        return _(message.template).format(**values)
    except (
        KeyError,
        IndexError,
        ValueError,
    ):  # a translation with a wrong placeholder must not hide the message
        return clean(str(message))


def _value(value: object) -> object:
    if isinstance(value, Message):
        return render(value)
    return clean(value) if isinstance(value, str) else value
