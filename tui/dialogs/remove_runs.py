"""Asks before runs are deleted for good; offers to put them away instead."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult

from tui import describe, theme
from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _, ngettext
from tui.store.runs import RunView
from tui.widgets.lines import Lines, wrapped

_WIDTH = 60


class RemoveRunsDialog(Dialog[str]):
    """`delete`, `archive`, or None."""

    def __init__(self, views: Sequence[RunView]) -> None:
        super().__init__()
        self._views = views

    def title_text(self) -> str:
        if len(self._views) == 1:  # by name: a language without plurals has one text only for both
            return _("Delete {runs}?").format(runs=describe.short_id(self._views[0].run_id))
        many = len(self._views)
        return ngettext("Delete {count} run?", "Delete {count} runs?", many).format(count=many)

    def content(self) -> ComposeResult:
        text = theme.style("text")
        lines: list[Text] = []
        if len(self._views) > 1:
            names = ", ".join(describe.short_id(view.run_id) for view in self._views)
            lines += wrapped(names, text, _WIDTH)[:6]
        lost = ngettext(
            "Its metrics, logs and checkpoints are deleted for good.",
            "Their metrics, logs and checkpoints are deleted for good.",
            len(self._views),
        )
        yield Lines([*lines, *wrapped(lost, text, _WIDTH), Text()])

    def choices(self) -> Sequence[Choice[str]]:
        archivable = any(view.archivable for view in self._views)
        return [
            Choice("enter", _("delete"), "", "delete"),
            *([Choice("a", _("archive"), _("hides it, keeps every file"), "archive")] if archivable else []),
            Choice("escape", _("keep everything"), "", None),
        ]
