"""What happened to a run, newest first, in sentences."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from tui import describe_events, theme
from tui.i18n import _
from tui.widgets.lines import Lines, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtime.run.events import Event

_KEPT = 500
_TIME = 7  # cells


def event_lines(events: Sequence[Event], now: float, width: int) -> list[Text]:
    """Newest first, each event that a person wants to know of, wrapped at `width`; a repeated one is shown
    once."""
    lines: list[Text] = []
    today, last = time.localtime(now)[:3], ""
    for event in reversed(events[-_KEPT:]):
        sentence = describe_events.sentence(event)
        if not sentence or sentence == last:
            continue
        last = sentence
        moment = time.localtime(event.time)
        shown = time.strftime("%H:%M" if moment[:3] == today else "%m-%d", moment)
        style = theme.style(describe_events.style(event))
        first, *rest = wrapped(sentence, style, max(12, width - _TIME)) or [Text()]
        lines.append(Text.assemble((f"{shown:<{_TIME}}", theme.style("muted")), first))
        lines += [Text.assemble(" " * _TIME, line) for line in rest]
    return lines


class EventsView(VerticalScroll):
    """A scrolling list; `update_events` with all events of the run."""

    DEFAULT_CSS = "EventsView { height: 1fr; padding: 0 1; } EventsView > Lines { width: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Sequence[Event], float] = ((), 0.0)

    def compose(self) -> ComposeResult:
        yield Lines()

    def on_resize(self) -> None:
        self.update_events(*self._shown)

    def update_events(self, events: Sequence[Event], now: float) -> None:
        """Shows these events."""
        self._shown = (events, now)
        width, height = self.content_region.size
        lines = event_lines(events, now, width)
        if len(lines) > height:  # a scrollbar comes, and must not stand on the last letters
            lines = event_lines(events, now, width - self.styles.scrollbar_size_vertical)
        self.query_one(Lines).show(lines or [Text(_("nothing has happened yet"), theme.style("faint"))])

    def copy_text(self) -> str:
        """All lines, for `y`."""
        return self.query_one(Lines).plain()
