"""How this person wants the panel: the command line's options, then what was chosen in the panel, then the
settings
file, then what the terminal says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runtime.messages import HeadnodeError
from runtime.settings import Settings, load_or_default

if TYPE_CHECKING:
    from tui.store.memory import Memory


@dataclass(frozen=True)
class Preferences:
    """`language`: a code, or None for the system's. `keys`: action → its keys by Textual's names. `problem`:
    why the
    settings file isn't followed."""

    theme: str = "dark"
    language: str | None = None
    mouse: bool = True
    bell: bool = True
    read_only: bool = False
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problem: HeadnodeError | None = None


def gather(memory: Memory, *, read_only: bool = False, mouse: bool = True) -> Preferences:
    """Everything together; `read_only` and `mouse` are what the command line says. Never fails for the
    settings."""
    problem: HeadnodeError | None
    settings, problem = load_or_default()
    keys: Mapping[str, tuple[str, ...]] = {}
    if settings.keys:
        from tui.key_settings import keys_of

        try:
            keys = keys_of(settings)
        except HeadnodeError as error:
            problem = error
    return Preferences(
        theme=chosen(memory, "theme", settings) or background() or "dark",
        language=chosen(memory, "language", settings),
        mouse=mouse and settings.panel.mouse,
        bell=settings.panel.bell,
        read_only=read_only or settings.panel.read_only,
        keys=keys,
        problem=problem,
    )


def chosen(memory: Memory, name: str, settings: Settings) -> str | None:
    """`theme` or `language`: what was chosen in the panel, unless the settings file says something else than
    it did
    then; else what the file says."""
    written: str | None = getattr(settings.panel, name)
    choice = memory.get(name)
    if choice is not None and (memory.get(f"{name}_in_file") or "") == (written or ""):
        return choice
    return written


def choose(memory: Memory, name: str, value: str) -> None:
    """Remembers a choice made in the panel, and what the settings file said then."""
    settings, _problem = load_or_default()
    memory.set(f"{name}_in_file", getattr(settings.panel, name) or "")
    memory.set(name, value)


def language(memory: Memory) -> str | None:
    """The language that was chosen or set; None for the system's."""
    return chosen(memory, "language", load_or_default()[0])


def background(environment: Mapping[str, str] | None = None) -> str | None:
    """`light` or `dark` where the terminal says so by COLORFGBG (`foreground;background`). Asking it by an
    escape
    sequence would cost a round trip over SSH, and where nothing answers the panel would wait."""
    environment = os.environ if environment is None else environment
    colour = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not colour.isdigit():
        return None
    return "light" if int(colour) in (7, 15) else "dark"
