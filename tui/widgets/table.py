"""A table of keyed rows by the Line API: aligned columns, one selected row, and only changed rows repainted.

Textual's own DataTable repaints itself whole for one changed cell. This one draws what is visible, so that
1,000 rows cost no more
than 20, and a row that changes costs one line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import theme
from tui.format import pad
from tui.widgets.lines import text_strip

GUTTER = 3
"""Cells before the first column: the mark and the cursor."""


@dataclass(frozen=True)
class Column:
    """`width` in cells; `flexible` columns share what is left, from `width` up to `maximum`."""

    key: str
    title: str
    width: int
    justify: Literal["left", "right"] = "left"
    flexible: bool = False
    maximum: int = 1000


@dataclass(frozen=True)
class Row:
    """`cells` in the order of the columns; a heading (`selectable=False`) is skipped by the cursor. `wide`
    replaces the cells; with `span` it does so from that column on.

    A row with `make` is made when it is first to be seen: `make()` gives the row to be drawn, and is asked
    again when a row of the same key with another `stamp` takes its place.
    """

    key: str
    cells: tuple[Text | str, ...] = ()
    selectable: bool = True
    wide: Text | None = None
    span: int = 0
    stamp: object = None
    make: Callable[[], Row] | None = field(default=None, compare=False)


_AHEAD_SECONDS = 5.0
"""How long the arrows that were pressed before the rows came are remembered."""
_KEPT = 2000
"""Rows that are kept made: some screens full."""


class Table(ScrollView, can_focus=True):
    """Rows in columns under a line of titles. `set_columns` and `set_rows` may be called as often as one
    likes."""

    DEFAULT_CSS = """
    Table { width: 100%; height: 1fr; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[Binding]] = [
        Binding("up", "cursor(-1)", show=False),
        Binding("down", "cursor(1)", show=False),
        Binding("pageup", "cursor_page(-1)", show=False),
        Binding("pagedown", "cursor_page(1)", show=False),
        Binding("home", "cursor_end(-1)", show=False),
        Binding("end", "cursor_end(1)", show=False),
    ]

    class Highlighted(Message):
        """The cursor is on another row (`key` is None in an empty table)."""

        def __init__(self, table: Table, key: str | None) -> None:
            super().__init__()
            self.table, self.key = table, key

        @property
        def control(self) -> Table:
            return self.table

    class Activated(Message):
        """The selected row was clicked once more."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table, self.key = table, key

        @property
        def control(self) -> Table:
            return self.table

    def __init__(
        self, columns: Sequence[Column] = (), *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns: tuple[Column, ...] = tuple(columns)
        self.rows: list[Row] = []
        self.marked: set[str] = set()
        self._cursor: str | None = None
        self._index: dict[str, int] = {}
        self._widths: tuple[int, ...] = ()
        self._ahead: tuple[float, int] | None = None  # when, and how far the cursor is to go when rows come
        self._made: dict[str, tuple[Row, Row]] = {}  # what was drawn last for a row that is made when seen

    # -- content

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Other columns; the rows must be set again to fit them."""
        if tuple(columns) != self.columns:
            self.columns, self._widths = tuple(columns), ()
            self.refresh()

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Shows these rows; the cursor stays on its row, or goes to the nearest one where that has
        vanished."""
        before, self.rows = self.rows, list(rows)
        drawn = self._visible_content(before)
        old_position = self._index.get(self._cursor, 0) if self._cursor else 0
        seen = self.scroll_offset.y <= old_position < self.scroll_offset.y + max(1, self.size.height - 1)
        self._index = {row.key: index for index, row in enumerate(self.rows)}
        if len(before) != len(self.rows):
            self.virtual_size = Size(self.size.width, len(self.rows) + 1)
            self.refresh()
        else:
            width = self.size.width
            for y, (old, new) in enumerate(zip(drawn, self._visible_content(self.rows), strict=False)):
                if old is not new and old != new:
                    self.refresh(Region(0, y + 1, width, 1))
        if self._cursor not in self._index:
            self._set_cursor(self._nearest(min(old_position, len(self.rows) - 1)))
        elif seen and self._cursor is not None and self._index[self._cursor] != old_position:
            self._show_row(self._index[self._cursor])  # rows above it have come or gone
        self._go_ahead()

    def _go_ahead(self) -> None:
        """Does what the arrows said while there was no row yet: who types fast loses nothing."""
        if self._ahead is None or self._cursor is None:
            return
        (pressed, steps), self._ahead = self._ahead, None
        if time.monotonic() - pressed <= _AHEAD_SECONDS:
            for _step in range(abs(steps)):
                self.action_cursor(1 if steps > 0 else -1)

    def replace_rows(self, rows: Sequence[Row]) -> None:
        """Other rows of the same keys in the places of those that are there."""
        top, visible = self.scroll_offset.y, max(0, self.size.height - 1)
        for row in rows:
            index = self._index[row.key]
            before, self.rows[index] = self.rows[index], row
            if top <= index < top + visible:
                old = self._content(before)
                if old != self._content(row):
                    self._refresh_row(row.key)

    def _visible_content(self, rows: Sequence[Row]) -> list[Row]:
        top = self.scroll_offset.y
        return [self._content(row) for row in rows[top : top + max(0, self.size.height - 1)]]

    def _content(self, row: Row) -> Row:
        """The row as it is to be drawn."""
        if row.make is None:
            return row
        known = self._made.get(row.key)
        if known is None or known[0] != row:
            if len(self._made) > _KEPT:
                self._made.clear()
            known = self._made[row.key] = (row, row.make())
        return known[1]

    @property
    def cursor(self) -> str | None:
        """The key of the selected row."""
        return self._cursor

    @cursor.setter
    def cursor(self, key: str | None) -> None:
        if key is None or key in self._index:
            self._set_cursor(key)

    def toggle_mark(self) -> None:
        """Marks or unmarks the selected row and goes one row down."""
        if self._cursor is not None:
            self.marked ^= {self._cursor}
            self._refresh_row(self._cursor)
            self.action_cursor(1)

    def _nearest(self, position: int) -> str | None:
        candidates = [index for index, row in enumerate(self.rows) if row.selectable]
        if not candidates:
            return None
        return self.rows[min(candidates, key=lambda index: (abs(index - position), index))].key

    def _set_cursor(self, key: str | None) -> None:
        if key == self._cursor:
            return
        before, self._cursor = self._cursor, key
        for changed in (before, key):
            if changed is not None:
                self._refresh_row(changed)
        if key is not None:
            self._show_row(self._index[key])
        self.post_message(self.Highlighted(self, key))

    def _refresh_row(self, key: str) -> None:
        index = self._index.get(key)
        if index is not None:
            y = index - self.scroll_offset.y + 1
            if 1 <= y < self.size.height:
                self.refresh(Region(0, y, self.size.width, 1))

    def _show_row(self, index: int) -> None:
        visible, top = max(1, self.size.height - 1), self.scroll_offset.y
        if index < top or (index and not any(row.selectable for row in self.rows[:index])):
            self.scroll_to(y=0 if not any(r.selectable for r in self.rows[:index]) else index, animate=False)
        elif index >= top + visible:
            self.scroll_to(y=index - visible + 1, animate=False)

    # -- keys and mouse

    def action_cursor(self, step: int) -> None:
        if not self.rows:
            self._ahead = (time.monotonic(), max(0, (self._ahead[1] if self._ahead else 0) + step))
            return
        position = self._index.get(self._cursor, -1) if self._cursor else -1
        position += step
        while 0 <= position < len(self.rows):
            if self.rows[position].selectable:
                self._set_cursor(self.rows[position].key)
                return
            position += step

    def action_cursor_page(self, direction: int) -> None:
        position = self._index.get(self._cursor, 0) if self._cursor else 0
        self._set_cursor(self._nearest(position + direction * max(1, self.size.height - 2)))

    def action_cursor_end(self, direction: int) -> None:
        self._set_cursor(self._nearest(0 if direction < 0 else len(self.rows)))

    def on_click(self, event: events.Click) -> None:
        index = event.y - 1 + self.scroll_offset.y
        if event.y >= 1 and index < len(self.rows) and self.rows[index].selectable:
            key = self.rows[index].key
            if key == self._cursor:
                self.post_message(self.Activated(self, key))
            else:
                self._set_cursor(key)

    # -- drawing

    def on_resize(self) -> None:
        self._widths = ()
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        if self._cursor in self._index:
            self._show_row(self._index[self._cursor])

    def _column_widths(self) -> tuple[int, ...]:
        if len(self._widths) != len(self.columns):
            spare = self.size.width - GUTTER - sum(column.width + 2 for column in self.columns)
            flexible = [column for column in self.columns if column.flexible]
            extra: dict[str, int] = {}
            for position, column in enumerate(flexible):
                share = max(0, spare) // (len(flexible) - position)
                extra[column.key] = min(share, column.maximum - column.width)
                spare -= extra[column.key]
            self._widths = tuple(column.width + extra.get(column.key, 0) for column in self.columns)
        return self._widths

    def column_width(self, key: str) -> int:
        """The present width in cells of the column."""
        widths = self._column_widths()
        return next((widths[i] for i, column in enumerate(self.columns) if column.key == key), 0)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if y == 0:
            return text_strip(self._titles(), width, base)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, base)
        row = self.rows[index]
        line = self._line(self._content(row))
        if row.key == self._cursor:
            line.stylize(theme.style(f"on {theme.current().selection}"))
            if len(line.plain) < width:
                line.append(" " * (width - line.cell_len), theme.style(f"on {theme.current().selection}"))
        return text_strip(line, width, base)

    def _titles(self) -> Text:
        parts = [
            pad(column.title, width, column.justify)
            for column, width in zip(self.columns, self._column_widths(), strict=True)
        ]
        return Text(" " * GUTTER + "  ".join(parts), theme.style("muted"))

    def _line(self, row: Row) -> Text:
        selected = row.key == self._cursor
        mark = "◆" if row.key in self.marked else " "
        line = Text(end="")
        line.append(f"{mark}", theme.style("accent"))
        line.append("▸ " if selected else "  ", theme.style("bold accent" if self.has_focus else "muted"))
        for position, (column, width) in enumerate(zip(self.columns, self._column_widths(), strict=True)):
            if row.wide is not None and position == row.span:
                break
            cell = row.cells[position] if position < len(row.cells) else ""
            text = cell.copy() if isinstance(cell, Text) else Text(cell, theme.style("text"))
            text.truncate(width, overflow="ellipsis")
            space = " " * (width - text.cell_len)
            if position:
                line.append("  ")
            if column.justify == "right":
                line.append(space)
            line.append_text(text)
            if column.justify == "left":
                line.append(space)
        if row.wide is not None:
            wide = row.wide.copy()
            line.append("  " if row.span else "")
            wide.truncate(max(0, self.size.width - line.cell_len), overflow="ellipsis")
            line.append_text(wide)
        return line
