"""A small window over a page: a title, lines, and keys of its own. `esc` always closes it and changes
nothing.

class Question(Dialog[str]):
    TITLE_TEXT = N_("Stop {run}?")
    BINDINGS = [Binding("n", "choose('no')")]
    def content(self): yield Lines([...])
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """Subclasses give `title_text` and `content`; `dismiss(result)` closes."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 70%; }
    Dialog > #dialog {
        width: auto; min-width: 44; max-width: 90%; height: auto; max-height: 90%;
        background: $surface; border: round $accent; border-title-color: $accent; border-title-style: bold;
        padding: 1 2;
    }
    Dialog Lines { width: auto; }
    """
    BINDINGS: ClassVar[list[Binding]] = [
        Binding("escape", "close", show=False),
        Binding("q", "close", show=False),
    ]

    def title_text(self) -> str:
        """What stands in the frame."""
        return ""

    def content(self) -> ComposeResult:
        """The widgets in the window."""
        yield from ()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as window:
            yield from self.content()
        window.border_title = self.title_text().replace("[", "\\[")

    def action_close(self) -> None:
        self.dismiss(None)
