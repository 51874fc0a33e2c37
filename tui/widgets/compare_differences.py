"""In what runs differ, one key a row and one run a column; the baseline stays, the others are paged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.message import Message

from tui import describe, theme
from tui.comparing.facts import Compared
from tui.comparing.profiles import Difference, Facts, differences, shown
from tui.format import clean
from tui.i18n import _
from tui.widgets.compare_table import markdown_table
from tui.widgets.table import GUTTER, Column, Row, Table

_NARROWEST = 15


class DifferencesTable(Table):
    """`compare` says what; ← → show other runs where not all of them fit. Posts `Paged` when they do."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("left", "page_runs(-1)", show=False),
        Binding("right", "page_runs(1)", show=False),
    ]

    class Paged(Message):
        """Other runs are shown; `note` tells which."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._runs: tuple[Compared, ...] = ()
        self._facts: tuple[Facts, ...] = ()
        self._found: list[Difference] = []
        self._first = 0

    def compare(self, runs: Sequence[Compared], facts: Sequence[Facts]) -> None:
        """Shows in what these runs differ; the first is the baseline."""
        if [run.run_id for run in runs] != [run.run_id for run in self._runs]:
            self._first = 0
        self._runs, self._facts = tuple(runs), tuple(facts)
        self._found = differences(facts)
        self._lay_out()

    @property
    def room(self) -> int:
        """How many runs fit beside the baseline."""
        free = self.size.width - GUTTER - self._key_width - 2 - _NARROWEST
        return max(1, free // (_NARROWEST + 2))

    @property
    def _key_width(self) -> int:
        longest = max((len(row.key) for row in self._found), default=10)
        return min(longest, 40 if self.size.width >= 120 else 30)

    @property
    def note(self) -> str:
        """Which runs are shown, where not all are."""
        others = len(self._runs) - 1
        if others <= self.room:
            return ""
        last = min(self._first + self.room, others)
        return _("{first}–{last} of {count} beside the baseline   ← →").format(
            first=self._first + 1, last=last, count=others
        )

    def _chosen(self) -> list[int]:
        return [0, *range(1 + self._first, min(1 + self._first + self.room, len(self._runs)))]

    def _lay_out(self) -> None:
        if not self.size or not self._runs:
            return
        chosen = self._chosen()
        columns = [Column("key", _("KEY"), self._key_width)]
        for index in chosen:
            run = self._runs[index]
            title = f"{run.letter} {describe.short_id(run.run_id)}"
            columns.append(Column(run.letter, title, _NARROWEST, flexible=True, maximum=60))
        self.set_columns(columns)
        rows = [
            Row(f"problem:{run.letter}", wide=_problem(run, facts.problem))
            for run, facts in zip(self._runs, self._facts, strict=True)
            if facts.problem is not None
        ]
        rows += [self._row(row, chosen) for row in self._found]
        if not self._found:
            text = _("They differ in nothing: the same resolved profile, versions, devices and data.")
            rows.append(Row("same", wide=Text(text, theme.style("muted"))))
        self.set_rows(rows)
        self.post_message(self.Paged())

    @staticmethod
    def _row(row: Difference, chosen: Sequence[int]) -> Row:
        cells = [Text(clean(row.key), theme.style("accent"))]
        for index in chosen:
            value = row.values[index]
            same = index and value == row.values[0]
            quiet = value is None or same
            cells.append(Text(clean(shown(value)), theme.style("muted" if quiet else "text")))
        return Row(row.key, tuple(cells))

    def on_resize(self) -> None:
        super().on_resize()
        self._lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "page_runs":
            return len(self._runs) - 1 > self.room
        return True

    def action_page_runs(self, direction: int) -> None:
        last = max(len(self._runs) - 1 - self.room, 0)
        self._first = min(max(self._first + direction, 0), last)
        self._lay_out()

    def copy_text(self) -> str | None:
        """All runs and all keys as Markdown."""
        if not self._found:
            return None
        head = [_("key"), *(f"{run.letter} {run.run_id}" for run in self._runs)]
        return markdown_table(
            [head, *([row.key, *(shown(value) for value in row.values)] for row in self._found)]
        )


def _problem(run: Compared, problem: str | None) -> Text:
    text = _("{letter}: its profile can't be read: {error}").format(
        letter=run.letter, error=clean(problem or "")
    )
    return Text(text, theme.style("failed"))
