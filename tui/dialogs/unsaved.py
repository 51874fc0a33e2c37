"""Asks before changes that aren't saved would be lost."""

from __future__ import annotations

from tui.clean import clean
from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _


class UnsavedDialog(Dialog[str]):
    """`save`, `discard`, or None to go on editing."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def title_text(self) -> str:
        return _("{name} has unsaved changes").format(name=clean(self._name))

    def choices(self) -> list[Choice[str]]:
        return [
            Choice("enter", _("save, then leave"), "", "save"),
            Choice("n", _("leave without saving"), _("loses what was typed"), "discard"),
            Choice("escape", _("go on editing"), "", None),
        ]
