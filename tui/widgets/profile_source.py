"""A profile as it is written: numbered lines in three colours, and a mark where something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import theme
from tui.widgets.lines import text_strip
from tui.widgets.profile_yaml import yaml_line


class ProfileSource(ScrollView, can_focus=True):
    """Draws only the lines that are to be seen, so that a megabyte costs no more than a page."""

    DEFAULT_CSS = """
    ProfileSource { height: 1fr; padding: 0 1; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[Binding]] = [
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
        self._marked: frozenset[int] = frozenset()

    def show(self, text: str, marked: Iterable[int] = (), *, anew: bool) -> None:
        """Shows this text with marks at these lines (counted from 1); `anew` begins at the top, or at the
        first mark."""
        self._source, self._marked = text.split("\n"), frozenset(marked)
        if self._source and not self._source[-1]:
            self._source.pop()
        self.virtual_size = Size(self.size.width, len(self._source))
        self.refresh()
        if anew:
            first = min(self._marked, default=1)
            self.scroll_to(y=max(0, first - 1 - self.size.height // 3), animate=False)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._source))

    def render_line(self, y: int) -> Strip:
        width, index = self.size.width, y + self.scroll_offset.y
        if index >= len(self._source):
            return Strip.blank(width, self.rich_style)
        digits = max(2, len(str(len(self._source))))
        wrong = index + 1 in self._marked
        line = Text(end="")
        line.append("✗ " if wrong else "  ", theme.style("failed"))
        line.append(f"{index + 1:>{digits}}  ", theme.style("failed" if wrong else "faint"))
        line.append_text(yaml_line(self._source[index]))
        line.truncate(width, overflow="ellipsis")
        return text_strip(line, width, self.rich_style)

    def copy_text(self) -> str:
        """All of it."""
        return "\n".join(self._source) + "\n"
