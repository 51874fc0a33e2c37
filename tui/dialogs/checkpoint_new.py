"""What kind of new run begins at a checkpoint."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult

from tui import theme
from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _
from tui.widgets.lines import Lines


class NewRunDialog(Dialog[str]):
    """`branch` or `weights`, None on esc."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def title_text(self) -> str:
        return _("A new run from {address}").format(address=self._address)

    def content(self) -> ComposeResult:
        words = _("The run that it comes from stays as it is.")
        yield Lines([Text(words, theme.style("text"), no_wrap=True), Text()])

    def choices(self) -> list[Choice[str]]:
        return [
            Choice("b", _("branch"), _("with its full state"), "branch"),
            Choice("w", _("new run from weights"), _("all else is fresh"), "weights"),
            Choice("escape", _("leave it as it is"), "", None),
        ]
