"""A profile as it is written: numbered lines in three colours, and a mark where something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import theme
from tui.widgets.lines import text_strip
from tui.widgets.profile_yaml import wrapped_yaml, yaml_line

_MOST_WRAPPED = 5000  # lines; what is longer is no profile that anybody reads
_NARROWEST = 20  # cells


class ProfileSource(ScrollView, can_focus=True):
    """Draws only the lines that are to be seen, so that a megabyte costs no more than a page."""

    DEFAULT_CSS = """
    ProfileSource { height: 1fr; padding: 0 1; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source: list[str] = []
        self._rows: list[tuple[int, Text]] = []
        self._marked: frozenset[int] = frozenset()

    def show(self, text: str, marked: Iterable[int] = (), *, anew: bool) -> None:
        """Shows this text with marks at these lines (counted from 1); `anew` begins at the top, or at the
        first mark."""
        self._source, self._marked = text.split("\n"), frozenset(marked)
        if self._source and not self._source[-1]:
            self._source.pop()
        self._lay_out()
        if anew:
            first = min(self._marked, default=1) - 1
            row = next((y for y, (index, _text) in enumerate(self._rows) if index == first), first)
            self.scroll_to(y=max(0, row - self.size.height // 3), animate=False)

    def _lay_out(self) -> None:
        """Which part of which line stands in each row: long lines are broken, unless there are very many."""
        width, height = self.size
        self._rows = self._broken(width)
        if (len(self._rows) or len(self._source)) > height:  # a scrollbar comes, and must not hide letters
            self._rows = self._broken(width - self.styles.scrollbar_size_vertical)
        self.virtual_size = Size(width, len(self._rows) or len(self._source))
        self.refresh()

    def _broken(self, width: int) -> list[tuple[int, Text]]:
        """The rows of all lines in `width` cells; none where the lines stay as long as they are."""
        room = width - self._gutter
        if len(self._source) > _MOST_WRAPPED or room < _NARROWEST:
            return []
        return [(index, part) for index, line in enumerate(self._source) for part in wrapped_yaml(line, room)]

    def on_resize(self) -> None:
        self._lay_out()

    @property
    def _gutter(self) -> int:
        return max(2, len(str(len(self._source)))) + 4

    def _row(self, row: int) -> tuple[int, Text, bool]:
        """Number of the line, its part in this row, and whether that is the line's first part."""
        if self._rows:
            index, part = self._rows[row]
            return index, part, row == 0 or self._rows[row - 1][0] != index
        return row, yaml_line(self._source[row]), True

    def render_line(self, y: int) -> Strip:
        width, row = self.scrollable_content_region.width, y + self.scroll_offset.y
        if row >= (len(self._rows) or len(self._source)):
            return Strip.blank(width, self.rich_style)
        index, part, first = self._row(row)
        wrong = first and index + 1 in self._marked
        line = Text(end="")
        line.append("✗ " if wrong else "  ", theme.style("failed"))
        number = f"{index + 1 if first else '':>{self._gutter - 4}}  "
        line.append(number, theme.style("failed" if wrong else "faint"))
        line.append_text(part)
        line.truncate(width, overflow="ellipsis")
        return text_strip(line, width, self.rich_style)

    def copy_text(self) -> str:
        """All of it."""
        return "\n".join(self._source) + "\n"
