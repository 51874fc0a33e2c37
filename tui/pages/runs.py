"""1 Runs: every run of the workspace, the selected one in a few lines, and the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer

from tui import describe, theme
from tui.clean import clean
from tui.i18n import _
from tui.pages.page import Page
from tui.widgets import overview
from tui.widgets.events_view import EventsView
from tui.widgets.filter_line import FilterLine
from tui.widgets.gpu_strip import DeviceStrip
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane
from tui.widgets.run_table import RowMaker, columns, matches
from tui.widgets.since import since_line
from tui.widgets.table import Row, Table

if TYPE_CHECKING:
    from tui.store.follow import Followed
    from tui.store.runs import RunView
    from tui.store.telemetry import Sample

_AGES_SECONDS = 20
_AWAY_SECONDS = 60.0
_DETAIL_LINES = 10
_SETTLE_SECONDS = 0.15


class RunsPage(Page):
    NAME = "runs"
    ACTIONS = ("open", "new_run", "stop", "resume", "remove", "mark", "filter", "sort")
    DEFAULT_CSS = """
    RunsPage #note { padding: 0 1; margin-bottom: 1; display: none; }
    RunsPage #since { padding: 0 1; margin-bottom: 1; display: none; }
    RunsPage #runs { height: 1fr; }
    RunsPage #overview { padding: 0 1; margin-top: 1; }
    RunsPage #empty { padding: 1 3; display: none; height: 1fr; }
    RunsPage DeviceStrip { margin: 1 0; }
    RunsPage #detail { height: 1fr; margin-top: 1; }
    RunsPage #curves { width: 2fr; margin: 0 1; }
    RunsPage.-short #detail, RunsPage.-empty #detail { display: none; }
    RunsPage.-empty #runs, RunsPage.-empty #overview { display: none; }
    RunsPage.-empty #empty { display: block; }
    """
    _ORDERS: ClassVar[tuple[str, ...]] = ("active", "newest", "name")

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, Row] = {}
        self._maker: RowMaker | None = None
        self._words, self._order = "", "active"
        self._since_shown = False
        self._followed: str | None = None
        self._devices: object = None
        self._settling: Timer | None = None
        self._ticks = 0

    def body(self) -> ComposeResult:
        yield Lines(id="note")
        yield Lines(id="since")
        yield FilterLine(_("words of a run's name, state or job"))
        yield Table(id="runs")
        yield Lines(id="empty")
        yield Lines(id="overview")
        with Horizontal(id="detail"):
            yield Pane(_("What happened"), EventsView(), id="events")
        yield DeviceStrip()

    # -- what is shown

    def refresh_page(self) -> None:
        self._followed = None
        self.query_one(DeviceStrip).update_strip(self.store.telemetry)
        self._show_anew()

    def _show_anew(self) -> None:
        """All rows are made again: ages, widths or columns are others."""
        self._rows.clear()
        self._show()

    def runs_changed(self, changed: frozenset[str]) -> None:
        for run_id in changed:
            self._rows.pop(run_id, None)
        if not self._since_shown and self.store.loaded:
            self._since_shown = True
            self._show_since()
        self._show(changed)

    def telemetry_changed(self, sample: Sample | None) -> None:
        self.query_one(DeviceStrip).update_strip(sample)
        self._arrange(len(self.query_one(Table).rows))
        devices = None if sample is None else tuple((gpu.index, gpu.runs) for gpu in sample.gpus)
        if devices != self._devices:
            self._devices = devices
            self.runs_changed(frozenset(view.run_id for view in self.store.active()))

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _AGES_SECONDS == 0:
            self._show_anew()

    def run_followed(self, run_id: str, followed: Followed) -> None:
        if self.selected is not None and run_id == self.selected.run_id:
            self.query_one(EventsView).update_events(followed.events, self.headnode.services.clock())

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._show_anew)

    def _arrange(self, rows: int) -> None:
        """The table as high as it has rows, the rest for the selected run; on a low screen the table
        alone."""
        height = self.size.height
        chrome = 4 + 2 + len(self.query_one(DeviceStrip).lines) + 2 * self.query_one("#since").display
        spare = height - chrome - 1 - len(self.query_one("#overview", Lines).lines)
        roomy = self.size.width >= 100 and spare >= _DETAIL_LINES + 8
        self.set_class(not roomy, "-short")
        self.query_one(Table).styles.height = min(rows + 1, spare - _DETAIL_LINES) if roomy else "1fr"

    def _show(self, changed: frozenset[str] | None = None) -> None:
        width = self.size.width
        if not self.is_mounted or not width:
            return
        self._show_note()
        table = self.query_one(Table)
        layout = columns(width)
        table.set_columns(layout)
        maker = RowMaker(layout, self.headnode.services.clock(), self.store.telemetry)
        views = [view for view in self._ordered() if not self._words or matches(view, self._words)]
        rows = []
        for view in views:
            row = self._rows.get(view.run_id)
            if row is None:
                row = self._rows[view.run_id] = maker.row(view)
            rows.append(row)
        table.set_rows(rows)
        self.set_class(self.store.loaded and not rows, "-empty")
        if self.store.loaded and not rows:
            self._show_empty()
        selected = self.selected
        if changed is None or selected is None or selected.run_id in changed:
            self._show_overview()
        self._arrange(len(rows))

    def _show_note(self) -> None:
        note, trouble = self.query_one("#note", Lines), self.store.note
        note.display = trouble is not None
        if trouble is not None:
            text = _("The workspace can't be read: {error}").format(error=clean(trouble))
            note.show([Text(text, theme.style("failed"))])

    def _ordered(self) -> list[RunView]:
        views = self.store.ordered()
        if self._order == "newest":
            views.sort(key=lambda view: view.run_id, reverse=True)
        elif self._order == "name":
            views.sort(key=lambda view: describe.short_id(view.run_id))
        return views

    def _show_overview(self) -> None:
        pane, view = self.query_one("#overview", Lines), self.selected
        width = self.size.width - 2
        pane.show([] if view is None else overview.lines(view, self.headnode.services.clock(), width))
        run_id = view.run_id if view is not None else None
        if run_id != self._followed:
            self._followed = run_id
            if self._settling is not None:
                self._settling.stop()
            self._settling = self.set_timer(_SETTLE_SECONDS, self._follow_selected)

    def _follow_selected(self) -> None:
        """Events and curves of the run on which the cursor has come to rest."""
        if self.headnode.page is not self:  # another one is on top, and follows its own
            return
        self.store.follow(self._followed)
        self.run_worker(self._show_curves(), exclusive=True, group="curves")

    async def _show_curves(self) -> None:
        """Off the first paint: charts need numpy."""
        if self.has_class("-short"):
            return
        grid_class, reader_class = await self.headnode.in_thread(_load_charts)
        view, grids = self.selected, self.query(grid_class)
        if not self.query("#detail"):
            return
        grid = grids.first() if grids else grid_class(id="curves")
        if not grids:
            await self.query_one("#detail").mount(grid, before=0)
        grid.set_source(reader_class(view.directory.metrics) if view is not None else None)
        grid.every = view.curve_seconds if view is not None else 1
        grid.show_when_empty(overview.no_curves(view.record if view is not None else None))

    def _show_empty(self) -> None:
        accent, muted = theme.style("accent"), theme.style("muted")
        if self._words:
            lines = [
                Text(_("No run matches “{words}”.").format(words=self._words), theme.style("text")),
                Text.assemble(("esc", accent), ("  " + _("shows all again"), muted)),
            ]
        else:
            lines = [
                Text(_("No runs here yet."), theme.style("bold text")),
                Text(),
                Text.assemble(("n", accent), ("  " + _("picks a profile and launches the first one"), muted)),
                Text.assemble(("2", accent), ("  " + _("shows the profiles: each describes a job"), muted)),
                Text.assemble(("?", accent), ("  " + _("lists every key"), muted)),
            ]
        self.query_one("#empty", Lines).show(lines)

    def _show_since(self) -> None:
        """On return: what has ended in the meantime. The cursor goes to a failed run, so that enter says
        why."""
        left, now = self.headnode.left, self.headnode.services.clock()
        if left is None or now - left < _AWAY_SECONDS:
            return
        ended = [view for view in self.store.ordered() if view.record and (view.record.ended or 0) > left]
        line = since_line(ended, now - left)
        if line is not None:
            self.query_one("#since", Lines).show([line])
            self.query_one("#since").display = True
            failed = [view for view in ended if view.state in {"failed", "lost"}]
            if failed:
                self.call_after_refresh(setattr, self.query_one(Table), "cursor", failed[0].run_id)

    # -- what can be done

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor."""
        tables = self.query(Table)  # none while the page is being built anew
        cursor = tables.first().cursor if tables else None
        return self.store.runs.get(cursor) if cursor else None

    def _targets(self) -> list[RunView]:
        """The marked runs, or the selected one."""
        marked = [
            self.store.runs[run_id] for run_id in self.query_one(Table).marked if run_id in self.store.runs
        ]
        return marked or ([self.selected] if self.selected is not None else [])

    def can(self, action: str) -> bool:
        if action in {"new_run", "sort"}:
            return action == "new_run" or len(self.store.runs) > 1
        if action == "filter":
            return bool(self.store.runs)
        view = self.selected
        if view is None:
            return False
        match action:
            case "stop":
                return any(target.stoppable for target in self._targets())
            case "resume":
                return view.resumable
            case "remove":
                return any(target.removable for target in self._targets())
            case "mark":
                return len(self.store.runs) > 1
        return True

    def on_table_highlighted(self) -> None:
        self._show_overview()
        self.refresh_footer()

    def on_table_activated(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        if self.selected is not None:
            self.headnode.open_run(self.selected.run_id)

    def action_new_run(self) -> None:
        self.headnode.show_page("profiles")

    def action_stop(self) -> None:
        self.headnode.stop_runs([view for view in self._targets() if view.stoppable])

    def action_resume(self) -> None:
        if self.selected is not None:
            self.headnode.resume_run(self.selected.run_id)

    def action_remove(self) -> None:
        self.headnode.remove_runs([view for view in self._targets() if view.removable])

    def action_mark(self) -> None:
        self.query_one(Table).toggle_mark()
        self.refresh_footer()

    def action_sort(self) -> None:
        self._order = self._ORDERS[(self._ORDERS.index(self._order) + 1) % len(self._ORDERS)]
        names = {"active": _("active runs first"), "newest": _("newest first"), "name": _("by name")}
        self.headnode.say(names[self._order])
        self._show()

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_filtered(self, message: FilterLine.Filtered) -> None:
        self._words = message.words
        self._show()
        if message.done:
            self.query_one(Table).focus()
        self.refresh_footer()

    def has_more_to_close(self) -> bool:
        return bool(self._words) or bool(self.query("#since") and self.query_one("#since").display)

    def close_one(self) -> None:
        if self._words:
            self.query_one(FilterLine).close()
        else:
            self.query_one("#since").display = False

    def copy_text(self) -> str | None:
        return self.selected.run_id if self.selected is not None else None


def _load_charts() -> tuple[Any, Any]:
    from runtime.run.metrics_reader import MetricsReader
    from tui.widgets.chart_grid import ChartGrid

    return ChartGrid, MetricsReader
