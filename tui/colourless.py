"""For terminals without colours and for NO_COLOR: no colour codes at all, and what stood out by its colour
does so by
reverse video or bold type."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from tui import theme


class Colourless(LineFilter):
    """Textual's own way for NO_COLOR sends shades of grey, which a vt220 can't show and which is no absence
    of
    colour. A state has its glyph and word, so only the cursor and what is selected need a sign of their
    own."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        palette = theme.current()
        standing_out = (palette.selection, palette.accent, palette.failed, palette.warning)
        return [
            Segment(text, _plain(style, standing_out) if style is not None else None, control)
            for text, style, control in segments
        ]


@lru_cache(4096)
def _plain(style: Style, standing_out: tuple[str, ...]) -> Style:
    return Style(
        bold=style.bold or None,
        underline=style.underline or None,
        reverse=(style.reverse or _behind(style) in standing_out) or None,
        meta=style.meta,
    )


class FewColours(LineFilter):
    """For 16 colours: the nearest to the background of the selected row is that of all others, so it is shown
    in
    reverse video."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        selection = theme.current().selection
        return [
            Segment(
                text,
                style + _REVERSE if style is not None and _behind(style) == selection else style,
                control,
            )
            for text, style, control in segments
        ]


_REVERSE = Style(reverse=True)


def _behind(style: Style) -> str | None:
    """The colour behind the text as `#rrggbb`, None for none or the terminal's own."""
    colour = style.bgcolor
    return colour.triplet.hex if colour is not None and colour.triplet is not None else None
