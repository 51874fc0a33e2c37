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
_NAMED = 3


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
        lines += wrapped(lost, text, _WIDTH)
        readers = self._readers()
        if readers:
            words = _("! its data is read by {readers}: they can't be resumed or launched without it")
            names = ", ".join(readers[:_NAMED]) + (" …" if len(readers) > _NAMED else "")
            lines += wrapped(words.format(readers=names), theme.style("warning"), _WIDTH)
        yield Lines([*lines, Text()])

    def _readers(self) -> list[str]:
        """Who reads data that is deleted with these runs."""
        from runtime.launch.removing import readers_of_data
        from runtime.run.workspace import Workspace

        doomed = {view.run_id for view in self._views}
        found: dict[str, None] = {}
        for view in self._views:
            if view.record is not None and view.record.job == "prepare":
                found |= dict.fromkeys(
                    readers_of_data(view.directory, Workspace(view.directory.path.parent.parent))
                )
        return [name for name in found if name not in doomed]

    def choices(self) -> Sequence[Choice[str]]:
        archivable = any(view.archivable for view in self._views)
        return [
            Choice("enter", _("delete"), "", "delete"),
            *([Choice("a", _("archive"), _("hides it, keeps every file"), "archive")] if archivable else []),
            Choice("escape", _("keep everything"), "", None),
        ]
