"""The look: one accent, four state colours, two greys; everything else is space.

The colours sit on or beside the 256-colour cube, so that they survive a terminal without true colour. No
meaning is carried by a
colour alone: a state always has a glyph and a word too, and the cursor a mark.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from rich.style import Style

from runtime.messages import N_

if TYPE_CHECKING:
    from textual.theme import Theme


@dataclass(frozen=True)
class Palette:
    """Colours as `#rrggbb`; `style(name)` gives them to Rich."""

    dark: bool
    background: str
    surface: str  # dialogs, the input line
    selection: str  # behind the selected row
    text: str
    muted: str  # secondary text, titles of panes without the focus
    faint: str  # rules, empty parts of bars
    accent: str  # focus, keys, curves
    running: str
    done: str
    warning: str
    failed: str


DARK = Palette(
    dark=True,
    background="#121212",
    surface="#1c1c1c",
    selection="#262626",
    text="#d0d0d0",
    muted="#8a8a8a",
    faint="#4e4e4e",
    accent="#5fafff",
    running="#5fd7af",
    done="#87af5f",
    warning="#ffaf5f",
    failed="#ff5f5f",
)
LIGHT = Palette(
    dark=False,
    background="#ffffff",
    surface="#f0f0f0",
    selection="#e4e4e4",
    text="#262626",
    muted="#6c6c6c",
    faint="#b2b2b2",
    accent="#005faf",
    running="#00875f",
    done="#5f8700",
    warning="#af5f00",
    failed="#d70000",
)

HIGH_CONTRAST = Palette(
    dark=True,
    background="#000000",
    surface="#121212",
    selection="#3a3a3a",
    text="#ffffff",
    muted="#d0d0d0",
    faint="#8a8a8a",
    accent="#ffff5f",
    running="#5fffff",
    done="#87ff5f",
    warning="#ffaf5f",
    failed="#ff8787",
)

PALETTES = {"dark": DARK, "light": LIGHT, "high-contrast": HIGH_CONTRAST}
NAMES = {"dark": N_("dark"), "light": N_("light"), "high-contrast": N_("high-contrast")}

_current = DARK
_styles: dict[str, Style] = {}


def current() -> Palette:
    """The palette in use."""
    return _current


def use(name: str) -> None:
    """Makes the palette of this name the one in use. The app rebuilds its pages afterwards."""
    global _current
    _current = PALETTES[name]
    _styles.clear()


def style(name: str) -> Style:
    """A Rich style by words: a colour of the palette, and `bold`, `dim` or `reverse` (`"bold accent"`)."""
    found = _styles.get(name)
    if found is None:
        colours = {field.name for field in fields(Palette)} - {"dark"}
        words = [getattr(_current, word) if word in colours else word for word in name.split()]
        found = _styles[name] = Style.parse(" ".join(words))
    return found


def textual_theme(name: str) -> Theme:
    """The palette as a Textual theme named `headnode-<name>`."""
    from textual.theme import Theme

    palette = PALETTES[name]
    return Theme(
        name=f"headnode-{name}",
        primary=palette.accent,
        secondary=palette.muted,
        accent=palette.accent,
        warning=palette.warning,
        error=palette.failed,
        success=palette.done,
        foreground=palette.text,
        background=palette.background,
        surface=palette.surface,
        panel=palette.selection,
        dark=palette.dark,
        variables={
            "muted": palette.muted,
            "faint": palette.faint,
            "selection": palette.selection,
            "running": palette.running,
            "border": palette.faint,
            "border-blurred": palette.faint,
            "block-cursor-background": palette.accent,
            "block-cursor-foreground": palette.background,
            "input-selection-background": f"{palette.accent} 30%",
            "scrollbar": palette.faint,
            "scrollbar-hover": palette.muted,
            "scrollbar-active": palette.accent,
            "scrollbar-background": palette.background,
            "scrollbar-background-hover": palette.background,
            "scrollbar-background-active": palette.background,
            "scrollbar-corner-color": palette.background,
            "footer-key-foreground": palette.accent,
        },
    )
