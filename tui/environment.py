"""What must be settled before Textual is imported, since it reads its environment once."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_HAVE_256 = {"alacritty", "contour", "foot", "ghostty", "kitty", "rio", "tmux", "wezterm", "xterm-ghostty"}
"""Terminals that are often unknown to the terminfo of the machine that one logs in to."""


def prepare_terminal(environment: MutableMapping[str, str] | None = None) -> None:
    """No animations anywhere; over SSH also fewer frames, since each one crosses the wire. What the person
    has set stays."""
    environment = os.environ if environment is None else environment
    environment.setdefault("TEXTUAL_ANIMATIONS", "none")
    environment.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        # a frame every 33 ms still answers a key within 50; idle traffic doesn't depend on it
        environment.setdefault("TEXTUAL_FPS", "30")
    if _underrated(environment) and (
        environment["TERM"] in _HAVE_256 or (colours_of(environment["TERM"]) or 0) >= 256
    ):
        environment.setdefault("TEXTUAL_COLOR_SYSTEM", "256")


def prepare_colours(environment: MutableMapping[str, str] | None = None) -> None:
    """Sets NO_COLOR on a terminal that has no colours, such as a vt220; before the app is made."""
    environment = os.environ if environment is None else environment
    term = environment.get("TERM", "")
    if environment.get("COLORTERM") or not term:
        return
    colours = colours_of(term)
    if term in ("dumb", "unknown") or (colours is not None and colours <= 0):
        environment.setdefault("NO_COLOR", "1")


def colours_of(term: str) -> int | None:
    """How many colours the terminal has by terminfo, -1 for none; None where it isn't known there."""
    try:
        import curses

        curses.setupterm(term, 1)
        return curses.tigetnum("colors")
    except (ImportError, OSError, curses.error):
        return None


def _underrated(environment: MutableMapping[str, str]) -> bool:
    """Terminals that Rich takes for 16 colours by their name, though many have 256: `tmux`, `alacritty`,
    `foot`."""
    term = environment.get("TERM", "")
    known = term.endswith(("-256color", "-16color", "-kitty")) or term in ("", "dumb", "unknown")
    return not known and not environment.get("COLORTERM")
