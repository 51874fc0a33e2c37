"""The colours of the lines of a chart, as `tui.theme.style` takes them."""

from __future__ import annotations

from tui import theme

_NAMED = ("accent", "warning", "done", "failed", "running", "text")
# Further ones lie on the 256-colour cube too, so that each stays apart from the others there.
_MORE = {
    True: ("#d787ff", "#ffff87", "#5fffff", "#ff87af"),
    False: ("#8700af", "#875f00", "#008787", "#d7005f"),
}


def line_colour(number: int) -> str:
    """The colour of the n-th line, counted from 0; ten are different."""
    colours = (*_NAMED, *_MORE[theme.current().dark])
    return colours[number % len(colours)]
