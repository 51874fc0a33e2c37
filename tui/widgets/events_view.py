"""What happened to a run, newest first, in sentences."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from tui import describe_events, theme
from tui.i18n import _
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtime.run.events import Event

_KEPT = 500


def event_lines(events: Sequence[Event], now: float) -> list[Text]:
    """One line an event that a person wants to know of; a repeated sentence is shown once."""
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
        lines.append(Text.assemble((f"{shown:<5}  ", theme.style("muted")), (sentence, style)))
    return lines


class EventsView(VerticalScroll):
    """A scrolling list; `update_events` with all events of the run."""

    DEFAULT_CSS = "EventsView { height: 1fr; padding: 0 1; } EventsView > Lines { width: 100%; }"

    def compose(self) -> ComposeResult:
        yield Lines()

    def update_events(self, events: Sequence[Event], now: float) -> None:
        """Shows these events."""
        lines = event_lines(events, now)
        self.query_one(Lines).show(lines or [Text(_("nothing has happened yet"), theme.style("faint"))])

    def copy_text(self) -> str:
        """All lines, for `y`."""
        return self.query_one(Lines).plain()
