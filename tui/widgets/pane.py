"""A part of a page with a title line; the title is in the accent colour while the focus is inside."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from tui.widgets.lines import Lines, spread


class PaneTitle(Lines):
    """The title at the left and a note (how much, which filter) at the right."""

    DEFAULT_CSS = """
    PaneTitle { height: 1; padding: 0 1; color: $muted; }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title, self.note = title, ""

    def on_resize(self) -> None:
        self.update_title(self.title, self.note)

    def update_title(self, title: str, note: str = "") -> None:
        self.title, self.note = title, note
        self.show([spread(Text(title), Text(note), self.size.width)])


class Pane(Vertical):
    """`with Pane("Events"): yield …` in a page's `body`, or `Pane("Events", widget, …)`."""

    DEFAULT_CSS = """
    Pane { height: 1fr; width: 1fr; }
    Pane:focus-within > PaneTitle { color: $accent; text-style: bold; }
    """

    def __init__(
        self, title: str, *children: Widget, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(*children, id=id, classes=classes)
        self._title = PaneTitle(title)

    def compose(self) -> ComposeResult:
        yield self._title

    def on_mount(self) -> None:
        self.move_child(self._title, before=0)

    def set_title(self, title: str, note: str = "") -> None:
        """Another title or note."""
        self._title.update_title(title, note)
