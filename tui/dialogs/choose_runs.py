"""Which runs to compare: a list to mark in, with a filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult

from tui import describe, theme
from tui.comparing.facts import MOST_RUNS
from tui.dialogs.dialog import Choice, Dialog
from tui.format import loss
from tui.i18n import _
from tui.widgets.filter_line import FilterLine
from tui.widgets.lines import Lines
from tui.widgets.table import Column, Row, Table

if TYPE_CHECKING:
    from tui.store.runs import RunView


class ChooseRunsDialog(Dialog[list[str]]):
    """Gives the ids of the marked runs: first those that were marked before, in their order."""

    DEFAULT_CSS = """
    ChooseRunsDialog > #dialog { width: 76; max-width: 96%; height: 24; }
    ChooseRunsDialog Table { height: 1fr; margin-bottom: 1; }
    ChooseRunsDialog #note { margin-bottom: 1; }
    ChooseRunsDialog FilterLine { margin: 0 0 1 0; }
    """

    def __init__(self, views: Sequence[RunView], marked: Sequence[str]) -> None:
        super().__init__()
        self._views, self._marked = list(views), list(marked)
        self._words = ""

    def title_text(self) -> str:
        return _("Runs to compare")

    def content(self) -> ComposeResult:
        yield Lines(id="note")
        yield FilterLine(_("words of a run's name, state or job"))
        yield Table(
            [
                Column("state", _("STATE"), 11),
                Column("run", _("RUN"), 18, flexible=True),
                Column("loss", _("LOSS"), 7, "right"),
            ]
        )

    def choices(self) -> list[Choice[list[str]]]:
        return [
            Choice("space", _("mark or unmark"), "", None),
            Choice("slash", _("filter"), "", None),
            Choice("enter", _("compare the marked ones"), "", None),
            Choice("escape", _("leave all as it is"), "", None),
        ]

    def on_mount(self) -> None:
        self._table.marked = set(self._marked)
        self._show()
        self._table.focus()

    @property
    def _table(self) -> Table:
        return self.query_one(Table)

    def _show(self) -> None:
        from tui.widgets.run_table import matches

        views = [view for view in self._views if not self._words or matches(view, self._words)]
        self._table.set_rows([_row(view) for view in views])
        text = _("{count} of at most {most} marked").format(count=len(self._marked), most=MOST_RUNS)
        note = Text(text, theme.style("muted"))
        if not views:
            note = Text(_("No run matches “{words}”.").format(words=self._words), theme.style("warning"))
        self.query_one("#note", Lines).show([note])

    def on_filter_line_filtered(self, message: FilterLine.Filtered) -> None:
        message.stop()
        self._words = message.words
        self._show()
        if message.done:
            self._table.focus()

    def on_key(self, event: events.Key) -> None:
        if self.query_one(FilterLine).has_focus:
            return
        if event.key == "space":
            self._toggle()
        elif event.key == "slash":
            self.query_one(FilterLine).open()
        elif event.key == "enter":
            self.dismiss(self._marked)
        else:
            return
        event.stop()
        event.prevent_default()

    def _toggle(self) -> None:
        run_id = self._table.cursor
        if run_id is None:
            return
        if run_id in self._marked:
            self._marked.remove(run_id)
        elif len(self._marked) < MOST_RUNS:
            self._marked.append(run_id)
        else:
            self.app.bell()
            return
        self._table.toggle_mark()
        self._show()

    def on_table_activated(self) -> None:
        self._toggle()


def _row(view: RunView) -> Row:
    state = Text.assemble(
        (describe.glyph(view.state) + " ", theme.style(describe.style(view.state))),
        (describe.word(view.state), theme.style("text")),
    )
    record = view.record
    value = record.summary.metrics.get("train/loss") if record is not None else None
    return Row(view.run_id, (state, Text(describe.short_id(view.run_id), theme.style("text")), loss(value)))
