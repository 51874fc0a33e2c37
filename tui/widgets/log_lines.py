"""The visible part of a log file, by the Line API: only what is on screen is read, and only changed rows
are sent.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui import theme
from tui.format import size as size_text
from tui.i18n import _
from tui.logs.file import Piece, TextFile
from tui.logs.search import Needle, Pattern
from tui.logs.text import LogText, crop, read_line, width_of, wrap
from tui.logs.times import clock
from tui.widgets.line_colours import line_colour

_KEPT_LINES = 4000
_MOST_ROWS = 60
"""A wrapped line takes at most so many rows."""
_PAN = 16
_STYLE_BYTES = 150
"""What the colours of a row take beside its text."""


@dataclass(frozen=True)
class Row:
    """One row on screen: a text with styled spans (start, end, style)."""

    start: int
    text: str
    spans: tuple[tuple[int, int, str], ...] = ()
    current: bool = False


class LogLines(Widget, can_focus=True):
    """A window on a `LogFile`. The line with the cursor is what `y` copies and where a search goes on."""

    DEFAULT_CSS = "LogLines { height: 1fr; width: 100%; }"
    BINDINGS: ClassVar[list[Binding]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "to_start", show=False),
        Binding("end", "to_end", show=False),
        Binding("left", "pan(-1)", show=False),
        Binding("right", "pan(1)", show=False),
    ]

    class Moved(Message):
        """Another part of the file is shown, or the file has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.file: TextFile | None = None
        self.empty_text = ""
        self.follow = True
        self.wrap = False
        self.times = True
        """Whether the times with which lines begin are shown."""
        self.clocks = False
        """Whether each line begins with when it came instead."""
        self.needle: Needle | Pattern | None = None
        self.pan = 0
        self.cursor = 0
        """Offset of the line with the cursor."""
        self._top = (0, 0)
        """Offset of the first line on screen, and how many of its rows are above the screen."""
        self._rows: list[Row] = []
        self.sent = 0
        """About so many bytes went to the terminal for rows that changed."""
        self._texts: OrderedDict[tuple[int, int], LogText] = OrderedDict()

    # -- the file

    def open(self, file: TextFile | None) -> None:
        """Shows the end of this file, and follows it."""
        if self.file is not None:
            self.file.close()
        self.file = file
        self.follow, self.pan = True, 0
        self._start_over()
        if file is not None:
            file.poll()
        self.update_rows()

    def poll(self) -> None:
        """Looks whether the file has changed, and shows it."""
        if self.file is None:
            return
        change = self.file.poll()
        if change == "same":
            return
        if change in ("replaced", "missing"):
            self.follow = True
            self._start_over()
        self.update_rows()

    def _start_over(self) -> None:
        self._texts.clear()
        self._top, self.cursor = (0, 0), 0

    def line(self, piece: Piece) -> LogText:
        """The text of a piece, kept for the next time."""
        key = (piece.start, len(piece.raw))
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = read_line(piece.raw)
            if len(self._texts) > _KEPT_LINES:
                self._texts.popitem(last=False)
        return text

    @property
    def current_text(self) -> str | None:
        """The line with the cursor, whole as far as it is shown at all."""
        piece = self.file.piece_at(self.cursor) if self.file is not None else None
        return self.line(piece).text if piece is not None else None

    @property
    def has_times(self) -> bool:
        """Whether a line on screen begins with its time."""
        pieces = [self.file.piece_at(row.start) for row in self._rows] if self.file is not None else []
        return any(piece is not None and self.line(piece).timestamp for piece in pieces)

    # -- rows

    def _rows_of(self, piece: Piece) -> list[Row]:
        line = self.line(piece)
        hidden = 0 if self.times and not self.clocks else line.timestamp
        text = line.text[hidden:]
        before = self._before(piece, line)
        mark = before + ("⋯ " if piece.continued else "")
        rest = "  " + _("… {size} more").format(size=size_text(line.cut)) if line.cut else ""
        body = mark + text + rest
        spans: list[tuple[int, int, str]] = []
        if line.level:
            spans.append((len(before), len(body), "failed" if line.level == "error" else "warning"))
        if not hidden and line.timestamp and not piece.continued:
            spans.append((len(before), len(before) + line.timestamp, "muted"))
        if mark:
            spans.append((0, len(mark), "faint"))
        if piece.label:
            label = len(before) - len(piece.label) - 1
            spans.append((label, label + len(piece.label), line_colour(piece.source)))
        if rest:
            spans.append((len(body) - len(rest), len(body), "faint"))
        if self.needle is not None:
            spans += [(a, b, "bold reverse accent") for a, b in self.needle.spans(body)]
        current = piece.start == self.cursor and not self.follow
        width = max(self.size.width, 1)
        if not self.wrap:
            start, stop = crop(body, self.pan, width)
            return [_row(piece.start, body, start, stop, spans, current)]
        starts = wrap(body, width)[:_MOST_ROWS]
        stops = [*starts[1:], len(body) if len(starts) < _MOST_ROWS else starts[-1] + width]
        return [_row(piece.start, body, a, b, spans, current) for a, b in zip(starts, stops, strict=True)]

    def _before(self, piece: Piece, line: LogText) -> str:
        """When the line came and of which log it is, as far as that is shown."""
        moment = ""
        if self.clocks and self.file is not None:
            moment = (line.clock or clock(self.file.moment(piece))) + " "
        return moment + (piece.label + " " if piece.label else "")

    def _height_of(self, piece: Piece) -> int:
        return len(self._rows_of(piece)) if self.wrap else 1

    def _top_for_end(self, stop: int, height: int) -> tuple[int, int]:
        """The top at which the row before offset `stop` is the last on screen."""
        assert self.file is not None
        left, top = height, (0, 0)
        while left > 0 and (piece := self.file.piece_before(stop)) is not None:
            rows = self._height_of(piece)
            top = (piece.start, max(rows - left, 0))
            left -= rows
            stop = piece.start
        return top

    def _visible(self) -> list[Row]:
        if self.file is None:
            return []
        height = self.size.height
        if self.follow:
            self._top = self._top_for_end(self.file.size, height)
            last = self.file.piece_before(self.file.size)
            self.cursor = last.start if last is not None else 0
        offset, skipped = self._top
        rows: list[Row] = []
        while len(rows) < height and (piece := self.file.piece_at(offset)) is not None:
            rows += self._rows_of(piece)[skipped:]
            skipped, offset = 0, piece.stop
        return rows[:height]

    def update_rows(self) -> None:
        """Reads what is visible and sends the rows that have changed."""
        if not self.is_attached or not self.size:
            return
        before, self._rows = self._rows, self._visible()
        if not self._rows or not before:
            self.refresh()
        width = self.size.width
        longest = max(len(before), len(self._rows))
        changed = [
            Region(0, y, width, 1)
            for y in range(longest)
            if (before[y] if y < len(before) else None) != (self._rows[y] if y < len(self._rows) else None)
        ]
        if changed:
            self.refresh(*changed)
        self.sent += len(changed) * (width + _STYLE_BYTES)
        self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        if y >= len(self._rows):
            if not self._rows and y == self.size.height // 3:
                text = self.empty_text
                pad = " " * max((width - width_of(text)) // 2, 0)
                return Strip([Segment(pad + text, base + theme.style("muted"))]).adjust_cell_length(
                    width, base
                )
            return Strip.blank(width, base)
        row = self._rows[y]
        if row.current and self.has_focus:
            base = base + Style(bgcolor=theme.current().selection)
        strip = Strip(_segments(row, base))
        return strip.adjust_cell_length(width, base)

    # -- moving

    @property
    def share(self) -> float:
        """How much of the file lies above the end of the screen, 0 to 1."""
        if self.file is None or not self.file.size or not self._rows:
            return 1.0
        last = self.file.piece_at(self._rows[-1].start)
        return (last.stop if last is not None else self.file.size) / self.file.size

    def _leave_end(self) -> None:
        self.follow = False

    def scroll_rows(self, rows: int) -> None:
        """Moves the screen by rows (negative: up); at the end the file is followed again."""
        if self.file is None:
            return
        self._leave_end()
        offset, row = self._top
        row += rows
        while row < 0 and (piece := self.file.piece_before(offset)) is not None:
            offset = piece.start
            row += self._height_of(piece)
        row = max(row, 0)
        while row and (piece := self.file.piece_at(offset)) is not None and row >= self._height_of(piece):
            row -= self._height_of(piece)
            offset = piece.stop
        end = self._top_for_end(self.file.size, self.size.height)
        self._top = (offset, row)
        if self._top >= end:
            self._top, self.follow = end, rows > 0
        self.update_rows()

    def show_offset(self, offset: int) -> None:
        """Puts the cursor on the line that holds this byte, and makes it visible with some around it."""
        if self.file is None:
            return
        self._leave_end()
        self.cursor = self.file.start_of(min(offset, max(self.file.size - 1, 0)))
        starts = [row.start for row in self._rows]
        if self.cursor not in starts[:-1]:
            self._top = self._top_for_end(self.cursor, self.size.height // 3)
            self._top = min(self._top, self._top_for_end(self.file.size, self.size.height))
        if not self.wrap and self.needle is not None:
            text = self.current_text or ""
            first = next(iter(self.needle.spans(text)), None)
            if first is not None:
                cell = width_of(text[: first[0]])
                visible = self.pan <= cell and width_of(text[: first[1]]) <= self.pan + self.size.width
                self.pan = self.pan if visible else max(cell - self.size.width // 3, 0)
        self.update_rows()

    def action_move(self, lines: int) -> None:
        if self.file is None:
            return
        if self.follow and lines > 0:
            return
        self._leave_end()
        if lines < 0:
            self.cursor = self.file.start_before(self.cursor)
        elif self.file.stop_after(self.cursor) < self.file.size:
            self.cursor = self.file.stop_after(self.cursor)
        else:
            self.action_to_end()
            return
        starts = [row.start for row in self._rows]
        piece = self.file.piece_at(self.cursor)
        if self.cursor < self._top[0] or (self.cursor == self._top[0] and self._top[1]):
            self._top = (self.cursor, 0)
        elif piece is not None and (not starts or self.cursor >= starts[-1]):
            self._top = max(self._top, self._top_for_end(piece.stop, self.size.height))
        self.update_rows()

    def action_page(self, direction: int) -> None:
        self.scroll_rows(direction * max(self.size.height - 1, 1))
        if not self.follow and self._rows:
            self.cursor = self._rows[0 if direction < 0 else -1].start
            self.update_rows()

    def action_to_start(self) -> None:
        self._leave_end()
        self._top, self.cursor = (0, 0), 0
        self.update_rows()

    def action_to_end(self) -> None:
        self.follow = True
        self.update_rows()

    def action_pan(self, direction: int) -> None:
        if not self.wrap:
            self.pan = max(self.pan + direction * _PAN, 0)
            self.update_rows()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(3)

    def on_resize(self) -> None:
        self.update_rows()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


def _row(start: int, body: str, a: int, b: int, spans: list[tuple[int, int, str]], current: bool) -> Row:
    inside = tuple((max(x, a) - a, min(y, b) - a, style) for x, y, style in spans if x < b and y > a)
    return Row(start, body[a:b], inside, current)


def _segments(row: Row, base: Style) -> list[Segment]:
    """The row's text cut at the borders of its spans; later spans lie above earlier ones."""
    borders = sorted({0, len(row.text), *(edge for a, b, _style in row.spans for edge in (a, b))})
    segments = []
    for a, b in pairwise(borders):
        style = base
        for start, stop, name in row.spans:
            if start <= a and b <= stop:
                style = style + theme.style(name)
        segments.append(Segment(row.text[a:b], style))
    return segments
