"""The rules that the table of keys keeps."""

from __future__ import annotations

import string

from tui import keymap


def test_no_key_that_some_terminals_cannot_send() -> None:
    keys = {key for action in keymap.KEYMAP.values() for key in action.keys}
    forbidden = {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m"}
    assert not keys & forbidden
    assert not [key for key in keys if key.startswith(("alt+", "f1", "shift+"))]


def test_nothing_destructive_is_the_shift_of_another_key() -> None:
    letters = {key for name in ("stop", "remove", "delete") for key in keymap.KEYMAP[name].keys}
    assert not letters & set(string.ascii_uppercase)


def test_one_letter_means_one_thing() -> None:
    """The letters that two actions share mean the same to a person: a new run, the next match, a check, a
    deletion, space and enter."""
    shared = {*"nvxeafptsrboudmcgi", "space", "enter", "slash"}
    for action, other in (("stop", "sort"), ("save_now", "branch"), ("smooth", "mark"), ("quit", "help")):
        assert not set(keymap.KEYMAP[action].keys) & set(keymap.KEYMAP[other].keys)
    owners: dict[str, list[str]] = {}
    for name, action in keymap.KEYMAP.items():
        for key in action.keys:
            owners.setdefault(key, []).append(name)
    assert {key for key, names in owners.items() if len(names) > 1} <= shared


def test_full_width_characters_of_an_input_method_are_their_keys() -> None:
    pairs = {
        "？": "?",
        "，": ",",
        "。": ".",
        "／": "/",
        "１": "1",
        "ｑ": "q",
        "、": "/",
        "　": " ",
        "＋": "+",
    }
    assert {character: keymap.half_width(character) for character in pairs} == pairs
    assert keymap.half_width("?") is None
    assert keymap.half_width("停") is None
