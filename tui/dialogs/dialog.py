"""A small window over a page: a title, what is to be decided, and the keys that decide it. esc closes it and
changes nothing.

    class Question(Dialog[str]):
        def title_text(self) -> str: return _("Which?")
        def content(self) -> ComposeResult: yield Lines([…])
        def choices(self) -> list[Choice]: return [Choice("enter", _("this one"), "", "one"), Choice("n",
        _("that one"), "", "two")]

    app.push_screen(Question(), callback)      # the callback gets the choice's value, or None

Its keys are its own: they are written in the window, and nothing else answers while it is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from tui import keymap, theme
from tui.format import pad
from tui.widgets.lines import Lines

Result = TypeVar("Result")


@dataclass(frozen=True)
class Choice(Generic[Result]):
    """A key (Textual's name), what it does, a note at the right (how long, what is lost), and the value it
    gives."""

    key: str
    text: str
    note: str
    value: Result | None


class Dialog(ModalScreen[Result]):
    """Subclasses give `title_text`, `content` and `choices`; `dismiss(value)` closes."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 70%; }
    Dialog > #dialog {
        width: auto; max-width: 90%; height: auto; max-height: 90%; padding: 1 2;
        background: $surface; border: round $accent; border-title-color: $accent; border-title-style: bold;
    }
    Dialog #dialog > Lines { width: auto; }
    Dialog #choices { margin-top: 0; }
    """
    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "close", show=False)]

    def title_text(self) -> str:
        """What stands in the frame."""
        return ""

    def content(self) -> ComposeResult:
        """Widgets above the choices."""
        yield from ()

    def choices(self) -> Sequence[Choice[Result]]:
        """The keys that decide; the one for esc (value None) too, so that it is written there."""
        return ()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as window:
            yield from self.content()
            yield Lines(choice_lines(self.choices()), id="choices")
        window.border_title = Content(self.title_text())

    def takes_key(self, key: str) -> bool:
        """Whether the key is one of the choices, and so no arrow (hjkl)."""
        return any(choice.key == key for choice in self.choices())

    def on_key(self, event: events.Key) -> None:
        for choice in self.choices():
            if event.key == choice.key and choice.value is not None:
                event.stop()
                self.dismiss(choice.value)
                return

    def action_close(self) -> None:
        self.dismiss(None)


def choice_lines(choices: Sequence[Choice[Any]]) -> list[Text]:
    """`enter   save a checkpoint, then stop          about 12s`, aligned."""
    if not choices:
        return []
    key_width = max(len(keymap.key_name(choice.key)) for choice in choices) + 3
    text_width = max(Text(choice.text).cell_len for choice in choices)
    note_width = max(Text(choice.note).cell_len for choice in choices)
    lines = []
    for choice in choices:
        line = Text.assemble(
            (pad(keymap.key_name(choice.key), key_width), theme.style("bold accent")),
            (pad(choice.text, text_width), theme.style("text")),
        )
        if note_width:
            line.append("   " + pad(choice.note, note_width, "right"), theme.style("muted"))
        lines.append(line)
    return lines
