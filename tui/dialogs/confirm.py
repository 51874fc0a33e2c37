"""Asks before something that can't be taken back."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult

from tui import theme
from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _
from tui.widgets.lines import Lines


class ConfirmDialog(Dialog[bool]):
    """True on enter, None on esc. `question` stands in the frame, `facts` say what it costs, `verb` names the
    deed."""

    def __init__(self, question: str, facts: Sequence[str], verb: str) -> None:
        super().__init__()
        self._question, self._facts, self._verb = question, list(facts), verb

    def title_text(self) -> str:
        return self._question

    def content(self) -> ComposeResult:
        if self._facts:
            yield Lines([*(Text(fact, theme.style("text"), no_wrap=True) for fact in self._facts), Text()])

    def choices(self) -> list[Choice[bool]]:
        return [Choice("enter", self._verb, "", True), Choice("escape", _("keep it"), "", None)]
