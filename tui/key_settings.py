"""The section `[keys]` of the settings: from what a person wrote to keys that Textual knows, without
clashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import combinations
from typing import NoReturn

from textual.keys import Keys, _character_to_key

from runtime.messages import N_, Message
from runtime.settings import Settings, SettingsError
from tui import keymap, pages

_ARRIVE_AS_OTHERS = {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m"}
_ENDING = {"ctrl+c", "ctrl+q", "ctrl+z"}
_MOVING = ("up", "down", "left", "right", "home", "end", "pageup", "pagedown", *keymap.ARROWS)
_MODIFIERS = ("ctrl+", "shift+", "alt+")
_NAMED = {str(key.value) for key in Keys} | {"space", "plus", "minus"}
_WRITTEN = {shown: name for name, shown in keymap._NAMES.items()}


def keys_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The keys of each action that `[keys]` names. Raises SettingsError: an unknown action or key, a key that
    is
    taken."""
    own: dict[str, tuple[str, ...]] = {}
    for action, written in settings.keys.items():
        if action not in keymap.KEYMAP:
            near = get_close_matches(action, keymap.KEYMAP, n=1)
            if near:
                _refuse(settings, action, N_("no action of this name; did you mean {near}?"), near=near[0])
            _refuse(settings, action, N_("no action of this name; headnode settings --keys lists them"))
        own[action] = tuple(_key(settings, action, key) for key in written)
    _check_clashes(settings, own)
    return own


def _key(settings: Settings, action: str, written: str) -> str:
    key = _WRITTEN.get(written) or (_character_to_key(written) if len(written) == 1 else written.lower())
    if key in _ARRIVE_AS_OTHERS:
        _refuse(settings, action, N_("{key} arrives as backspace, tab or enter: use another"), key=written)
    if key in _ENDING:
        _refuse(settings, action, N_("{key} leaves programs: use another"), key=written)
    if key in _MOVING:
        _refuse(settings, action, N_("{key} moves the cursor: use another"), key=written)
    if any(key == tab.digit for tab in pages.TABS):
        _refuse(settings, action, N_("{key} opens a page: use another"), key=written)
    bare = key
    for modifier in _MODIFIERS:
        bare = bare.removeprefix(modifier)
    if len(written) > 1 and key not in _NAMED and len(bare) > 1 and bare not in _NAMED:
        _refuse(settings, action, N_("{key} is no key; write one as s, ?, ctrl+s, space or f5"), key=written)
    return key


def _check_clashes(settings: Settings, own: Mapping[str, tuple[str, ...]]) -> None:
    """Two actions may share a key only where they do so without settings, as `n` does: they are never offered
    together."""
    for one, other in combinations(keymap.KEYMAP, 2):
        if one not in own and other not in own:
            continue
        together = set(keymap.KEYMAP[one].keys) & set(keymap.KEYMAP[other].keys)
        for key in own.get(one, keymap.KEYMAP[one].keys):
            if key in own.get(other, keymap.KEYMAP[other].keys) and not together:
                blamed = one if one in own else other
                _refuse(
                    settings,
                    blamed,
                    N_("{key} would be both {one} and {other}; give one of them another key"),
                    key=keymap.key_name(key),
                    one=one,
                    other=other,
                )


def _refuse(settings: Settings, action: str, template: str, **parameters: object) -> NoReturn:
    line = settings.origins.get(f"keys.{action}")
    place = f"{settings.path}:{line}" if line else str(settings.path)
    raise SettingsError(
        N_("{place}: {key}: {problem}"),
        place=place,
        key=f"keys.{action}",
        problem=Message(template, parameters),
    )


def as_textual(own: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """For `App.set_keymap`: an action's name is the id of its bindings."""
    return {action: ",".join(keys) for action, keys in own.items()}
