"""1 Runs: every run of the workspace."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.pages.page import Page
from tui.widgets.table import Column, Row, Table


class RunsPage(Page):
    NAME = "runs"
    ACTIONS = ("open", "new_run", "stop", "resume", "mark", "filter")

    def body(self) -> ComposeResult:
        yield Table([Column("state", "STATE", 12), Column("run", "RUN", 24, flexible=True)], id="runs")

    def refresh_page(self) -> None:
        self.runs_changed(frozenset())

    def runs_changed(self, changed: frozenset[str]) -> None:
        rows = [Row(view.run_id, (view.state, view.run_id)) for view in self.store.ordered()]
        self.query_one(Table).set_rows(rows)
