"""Asks harder: enter alone decides nothing, the step has to be typed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Input

from tui import theme
from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _
from tui.widgets.lines import Lines


class TypedConfirm(Dialog[bool]):
    """True once `word` has been typed and enter pressed, None on esc."""

    DEFAULT_CSS = """
    TypedConfirm Input { width: 24; background: $panel; border: none; height: 1; padding: 0 1; }
    TypedConfirm #choices { margin-top: 1; }
    """

    def __init__(self, question: str, facts: Sequence[str], word: str) -> None:
        super().__init__()
        self._question, self._facts, self._word = question, list(facts), word

    def title_text(self) -> str:
        return self._question

    def content(self) -> ComposeResult:
        lines = [Text(fact, theme.style("text"), no_wrap=True) for fact in self._facts]
        ask = Text(_("Type {word} to delete it:").format(word=self._word), theme.style("warning"))
        yield Lines([*lines, Text(), ask])
        yield Input(placeholder=self._word)

    def choices(self) -> list[Choice[bool]]:
        return [
            Choice("enter", _("delete, once it is typed"), "", None),
            Choice("escape", _("keep it"), "", None),
        ]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip().replace(",", "") == self._word:
            self.dismiss(True)
