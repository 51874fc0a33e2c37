"""5 Compare: the curves of several runs over each other, their values in a table, and in what they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.worker import get_current_worker

from tui import keymap, theme
from tui.comparing.facts import LETTERS, MOST_RUNS, Compared, compared
from tui.comparing.profiles import Facts
from tui.comparing.source import CompareSource
from tui.format import count
from tui.i18n import _, ngettext
from tui.pages.page import Page
from tui.widgets.chart import Chart
from tui.widgets.chart_grid import ChartGrid
from tui.widgets.compare_differences import DifferencesTable
from tui.widgets.compare_gather import Differ, Gathered, Numbers, facts_of, gather, sheet_of
from tui.widgets.compare_table import Sheet, columns, markdown, rows
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane
from tui.widgets.table import Table

if TYPE_CHECKING:
    from tui.store.runs import RunView

_MOST_ROWS = 11


class ComparePage(Page):
    """`app.show_page("compare", runs=[…])` compares these; `add=[…]` takes them in beside the others."""

    NAME = "compare"
    ACTIONS = ("pick_runs", "differences", "baseline", "open", *Chart.ACTIONS)
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    ComparePage #charts { height: 1fr; margin: 0 1; }
    ComparePage #differences { height: 1fr; display: none; }
    ComparePage #values { margin-top: 1; }
    ComparePage #empty { padding: 1 3; height: 1fr; display: none; }
    ComparePage.-empty #charts, ComparePage.-empty #values { display: none; }
    ComparePage.-empty #empty { display: block; }
    ComparePage.-differences #charts { display: none; }
    ComparePage.-differences #differences { display: block; }
    ComparePage.-empty #differences { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._run_ids: list[str] = []
        self._baseline = ""
        self._source: CompareSource | None = None
        self._known: dict[str, Compared] = {}
        self._numbers: Numbers | None = None
        self._asked: tuple[int, str] | None = None
        self._facts: dict[str, Facts] = {}
        self._focused_once = False

    def body(self) -> ComposeResult:
        yield Lines(id="empty")
        yield ChartGrid(id="charts")
        yield Pane(_("Differences"), DifferencesTable(id="keys"), id="differences")
        yield Pane(_("Values"), Table(id="runs"), id="values")

    # -- which runs

    def arrive(
        self, runs: Sequence[str] | None = None, add: Sequence[str] | None = None, **arguments: Any
    ) -> None:
        wanted = list(runs) if runs is not None else [*self._run_ids, *(add or ())]
        if runs is None and add is None and not wanted:
            wanted = self._marked_elsewhere()
        self._choose(list(dict.fromkeys(wanted)))

    def _marked_elsewhere(self) -> list[str]:
        """The runs marked on the page that one comes from."""
        tables = self.headnode.page.query(Table)
        marked = tables.first().marked if tables else set()
        return sorted(run_id for run_id in marked if run_id in self.store.runs)

    def _choose(self, run_ids: list[str]) -> None:
        if len(run_ids) > MOST_RUNS:
            text = _("{count} runs at a time are compared; the rest is left out")
            self.headnode.say(text.format(count=MOST_RUNS))
        self._run_ids = run_ids[:MOST_RUNS]
        if self._baseline not in self._run_ids:
            self._baseline = self._run_ids[0] if self._run_ids else ""
        self._known.clear()
        self._facts.clear()
        if self.is_mounted:
            self._feed()

    @property
    def views(self) -> list[RunView]:
        """The compared runs that are (still) there."""
        return [self.store.runs[run_id] for run_id in self._run_ids if run_id in self.store.runs]

    @property
    def lines(self) -> list[Compared]:
        """The runs with their letters, as the charts have them."""
        lines = []
        for letter, view in zip(LETTERS, self.views, strict=False):
            line = compared(letter, view.record, view.run_id)
            known = self._known.get(view.run_id)
            if known is None or known.letter != letter or known.tokens_per_step is None:
                known = self._known[view.run_id] = line
            lines.append(known)
        return lines

    # -- what is shown

    def refresh_page(self) -> None:
        self._facts.clear()
        self._feed()

    def runs_changed(self, changed: frozenset[str]) -> None:
        if changed & set(self._run_ids):
            for run_id in changed:
                self._facts.pop(run_id, None)
            self._feed()

    def _feed(self) -> None:
        """Tells charts and table which runs there are."""
        self.set_class(not self.views, "-empty")
        if not self.views:
            self._show_empty()
        grid = self.query_one(ChartGrid)
        if self._source is None and self.views:
            self._source = CompareSource()
            grid.set_source(self._source)
        if self._source is not None:
            paths = {view.run_id: view.directory.metrics for view in self.views}
            self._source.show([(line, paths[line.run_id]) for line in self.lines])
        grid.every = min((view.curve_seconds for view in self.views), default=1)
        grid.show_when_empty(_("no value is logged yet"))
        grid.changed()
        self._gather()
        self._compare_facts()
        self._show()

    def _show_empty(self) -> None:
        accent, muted = theme.style("accent"), theme.style("muted")
        lines = [
            Text(_("No runs to compare yet."), theme.style("bold text")),
            Text(),
            Text.assemble((keymap.shown_key("pick_runs"), accent), ("  " + _("picks the runs here"), muted)),
            Text.assemble(
                ("1", accent),
                (
                    "  "
                    + _("shows all runs: mark some with {mark}, then {compare}").format(
                        mark=keymap.shown_key("mark"), compare=keymap.shown_key("compare")
                    ),
                    muted,
                ),
            ),
        ]
        self.query_one("#empty", Lines).show(lines)

    def tick(self) -> None:
        self._gather()

    def on_chart_grid_shown(self) -> None:
        self._gather()
        self.call_after_refresh(self._focus_chart)

    def _focus_chart(self) -> None:
        """The first chart has the keys until another pane is chosen."""
        chart = self.query_one(ChartGrid).front
        if self.focused is None and chart is not None and chart.focusable:
            self.set_focus(chart)

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        self._gather()

    def on_chart_changed(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _gather(self) -> None:
        """Has a thread read the numbers of the metric in front, if there are newer ones."""
        source, name = self._source, self.query_one(ChartGrid).front_metric or self._metric_shown
        if source is None or name is None or self._asked == (source.version, name):
            return
        self._asked = (source.version, name)

        def work() -> None:
            numbers = gather(source, name)
            if not get_current_worker().is_cancelled:
                self.post_message(Gathered(numbers))

        self.run_worker(work, thread=True, exclusive=True, group="numbers")

    @property
    def _metric_shown(self) -> str | None:
        return self._numbers.metric.name if self._numbers is not None else None

    def on_gathered(self, message: Gathered) -> None:
        self._numbers = message.numbers
        self._show()

    def _compare_facts(self) -> None:
        """Has a thread read in what the runs differ, as far as that isn't known."""
        views = [view for view in self.views if view.run_id not in self._facts]
        if not views or not self.has_class("-differences"):
            self._show_differences()
            return

        def work() -> None:
            facts = facts_of(views)
            if not get_current_worker().is_cancelled:
                self.post_message(Differ(facts))

        self.run_worker(work, thread=True, exclusive=True, group="facts")

    def on_differ(self, message: Differ) -> None:
        self._facts.update(message.facts)
        self._show_differences()

    def _show_differences(self) -> None:
        runs = sorted(self.lines, key=lambda line: line.run_id != self._baseline)
        if runs and all(run.run_id in self._facts for run in runs):
            self.query_one(DifferencesTable).compare(runs, [self._facts[run.run_id] for run in runs])

    def on_differences_table_paged(self) -> None:
        table = self.query_one(DifferencesTable)
        self.query_one("#differences", Pane).set_title(_("In what they differ"), table.note)

    # -- the table

    @property
    def sheet(self) -> Sheet:
        """What the table shows: the newest numbers, or those at the cursor of the charts."""
        chart = self.query_one(ChartGrid).front
        at = chart.model.readings() if chart is not None and chart.title == self._metric_shown else []
        states = {view.run_id: view.state for view in self.views}
        return sheet_of(self._numbers, self.lines, states, self._baseline, at)

    def _show(self) -> None:
        if not self.is_mounted or not self.size:
            return
        sheet = self.sheet
        table = self.query_one("#runs", Table)
        layout = columns(self.size.width, sheet)
        table.set_columns(layout)
        table.set_rows(rows(sheet, layout))
        most = max(3, min(_MOST_ROWS, self.size.height // 3))
        self.query_one("#values").styles.height = 2 + min(len(sheet.lines), most)
        self._title(sheet)
        self.refresh_footer()

    def _title(self, sheet: Sheet) -> None:
        metric, runs = sheet.metric, len(sheet.lines)
        text = ngettext("{metric} of {count} run", "{metric} of {count} runs", runs)
        notes = []
        if runs == 1:
            notes.append(_("{key} adds another run").format(key=keymap.shown_key("pick_runs")))
        elif metric.common_step is not None:
            step = _("common step {step}") if metric.exact else _("no common step: at or before {step}")
            if self._inspecting:
                step = _("cursor at step {step}")
            notes.append(step.format(step=count(metric.common_step)))
        if metric.direction is not None:
            notes.append(_("less is better") if metric.direction == "min" else _("more is better"))
        title = text.format(metric=metric.name, count=runs) if metric.name else _("Values")
        self.query_one("#values", Pane).set_title(title, "   ".join(notes))

    @property
    def _inspecting(self) -> bool:
        chart = self.query_one(ChartGrid).front
        return chart is not None and chart.model.cursor is not None

    # -- what can be done

    @property
    def selected_run(self) -> RunView | None:
        """The run under the table's cursor."""
        tables = self.query("#runs").results(Table)
        cursor = next((table.cursor for table in tables), None)
        return self.store.runs.get(cursor) if cursor else None

    def can(self, action: str) -> bool:
        if action == "pick_runs":
            return bool(self.store.runs)
        if not self.is_mounted or not self.views:
            return False
        if action in ("baseline", "differences"):
            return len(self.views) > 1
        if action == "open":
            return self.query_one("#runs").has_focus
        chart = self.query_one(ChartGrid).front
        return (
            not self.has_class("-differences") and chart is not None and bool(chart.check_action(action, ()))
        )

    def action_pick_runs(self) -> None:
        from tui.dialogs.choose_runs import ChooseRunsDialog

        def chosen(run_ids: list[str] | None) -> None:
            if run_ids is not None:
                self._choose(run_ids)

        self.app.push_screen(ChooseRunsDialog(self.store.ordered(), [v.run_id for v in self.views]), chosen)

    def action_baseline(self) -> None:
        """The run under the cursor; pressed again on the baseline, the next one."""
        ids = [view.run_id for view in self.views]
        selected = self.selected_run.run_id if self.selected_run is not None else self._baseline
        if selected == self._baseline and selected in ids:
            selected = ids[(ids.index(selected) + 1) % len(ids)]
        self._baseline = selected
        self._show()
        self.query_one("#runs", Table).cursor = selected
        self._show_differences()

    def action_differences(self) -> None:
        on = not self.has_class("-differences")
        self.set_class(on, "-differences")
        if on:
            self._compare_facts()
            self.query_one(DifferencesTable).focus()
        else:
            self.set_focus(None)
            self._focus_chart()
        self.refresh_footer()

    def action_open(self) -> None:
        if self.selected_run is not None:
            self.headnode.open_run(self.selected_run.run_id)

    def on_table_activated(self) -> None:
        self.action_open()

    def on_table_highlighted(self) -> None:
        self.refresh_footer()

    def has_more_to_close(self) -> bool:
        return self.has_class("-differences")

    def close_one(self) -> None:
        self.action_differences()

    def copy_text(self) -> str | None:
        """A Markdown table: of the differences where they are looked at, else of the values."""
        if self.has_class("-differences"):
            return self.query_one(DifferencesTable).copy_text()
        return markdown(self.sheet) if self.views else None

    # What the charts do, wherever the focus is.

    def _chart(self, action: str) -> None:
        chart = self.query_one(ChartGrid).front
        if chart is not None and chart.check_action(action, ()):
            if action == "inspect":
                chart.focus()
            getattr(chart, f"action_{action}")()

    def action_zoom_in(self) -> None:
        self._chart("zoom_in")

    def action_zoom_out(self) -> None:
        self._chart("zoom_out")

    def action_pan_left(self) -> None:
        self._chart("pan_left")

    def action_pan_right(self) -> None:
        self._chart("pan_right")

    def action_inspect(self) -> None:
        self._chart("inspect")

    def action_smooth(self) -> None:
        self._chart("smooth")

    def action_log_scale(self) -> None:
        self._chart("log_scale")

    def action_axis(self) -> None:
        self._chart("axis")

    def action_follow(self) -> None:
        self._chart("follow")
