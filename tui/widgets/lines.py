"""A widget that shows lines of text and repaints only the lines that changed.

Textual resends whatever part of a widget is marked dirty. Over SSH that is what costs, so nearly every part
of the panel that is not
a table, a chart or a log is one of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget


def text_strip(text: Text, width: int, base: Style) -> Strip:
    """One line of styled text as exactly `width` cells over the widget's own style."""
    segments = [segment for segment in text.render(_console()) if segment.text and segment.text != "\n"]
    if text.style:  # Rich leaves it out where a text has no spans
        base = base + _console().get_style(text.style)
    strip = Strip(Segment.apply_style(segments, base))
    return strip.adjust_cell_length(width, base).simplify()


_CONSOLES: list[object] = []


def _console():  # type: ignore[no-untyped-def]
    if not _CONSOLES:
        from rich.console import Console

        _CONSOLES.append(Console(markup=False, highlight=False, emoji=False))
    return _CONSOLES[0]


def spread(left: Text, right: Text, width: int) -> Text:
    """`left` at the left and `right` at the right edge of a line; `left` gives way where both don't fit."""
    room = width - right.cell_len
    if left.cell_len > room - 1:
        left = left.copy()
        left.truncate(max(0, room - 1), overflow="ellipsis")
    return Text.assemble(left, " " * max(0, room - left.cell_len), right)


def wrapped(text: str, style: Style, width: int) -> list[Text]:
    """The text in lines of at most `width` cells, broken between words (or anywhere between Chinese
    characters)."""
    return list(Text(text, style).wrap(_console(), max(1, width)))


class Lines(Widget):
    """Shows what `show` was given; with `height: auto` it is as high as it has lines."""

    DEFAULT_CSS = "Lines { height: auto; }"
    can_focus = False

    def __init__(
        self, lines: Sequence[Text] = (), *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Text] = list(lines)

    @property
    def lines(self) -> list[Text]:
        """What is shown, one `Text` a line."""
        return self._lines

    def show(self, lines: Sequence[Text]) -> None:
        """Shows these lines, repainting only those that differ from what is there."""
        before, self._lines = self._lines, list(lines)
        width = self.size.width
        too_long = self.styles.is_auto_width and any(line.cell_len > width for line in self._lines)
        if len(before) != len(self._lines) or too_long:
            self.refresh(layout=True)
            return
        changed = [
            Region(0, y, width, 1)
            for y, (old, new) in enumerate(zip(before, self._lines, strict=True))
            if old.plain != new.plain or old.spans != new.spans or old.style != new.style
        ]
        if changed:
            self.refresh(*changed)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return max((line.cell_len for line in self._lines), default=0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if y < len(self._lines):
            return text_strip(self._lines[y], width, base)
        return Strip.blank(width, base)

    def plain(self) -> str:
        """The text without its styles, for copying and for tests."""
        return "\n".join(chain(line.plain.rstrip() for line in self._lines))
