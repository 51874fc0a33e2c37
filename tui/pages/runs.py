"""1 Runs: every run of the workspace, the selected one in a few lines, and the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer

from tui import theme
from tui.clean import clean
from tui.i18n import _
from tui.pages.runs_actions import RunsPageActions
from tui.widgets import overview
from tui.widgets.events_view import EventsView
from tui.widgets.gpu_strip import DeviceStrip
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane
from tui.widgets.since import since_line
from tui.widgets.table import Table

if TYPE_CHECKING:
    from tui.store.follow import Followed
    from tui.store.telemetry import Sample

_AGES_SECONDS = 20
_AWAY_SECONDS = 60.0
_DETAIL_LINES = 10
_SETTLE_SECONDS = 0.15
_HIGH = 30
"""Lines of a screen from which on the overview need not make room for the list."""


class RunsPage(RunsPageActions):
    NAME = "runs"
    ACTIONS = (
        "open", "new_run", "stop", "resume", "compare", "annotate", "unarchive", "remove", "mark", "filter",
        "sort",
    )  # fmt: skip
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

    def __init__(self) -> None:
        super().__init__()
        self._since: list[str] | None = None  # the runs that ended while nobody looked
        self._began_at: str | None = None  # where the cursor was before all runs were known
        self._followed: str | None = None
        self._devices: object = None
        self._settling: Timer | None = None
        self._ticks = 0
        self._away = 0.0

    def body(self) -> ComposeResult:
        yield Lines(id="note")
        yield Lines(id="since")
        yield from self.filter_widgets(_("words, or state:failed tag:baseline loss<2.5 age<2d …"))
        yield self.made_list()
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
        """All rows are made again: ages, widths, columns, order or filter are others."""
        self._show()

    def filter_changed(self) -> None:
        self.search()
        self._show()

    def runs_changed(self, changed: frozenset[str]) -> None:
        began = self._since is None and self.store.complete
        if self._since is None:
            if self.store.complete:
                self._find_since()
        elif any(run_id in changed and run_id not in self.store.runs for run_id in self._since):
            self._show_since()
        self._show(changed)
        if self.words:
            self.tell_filter()
        if began:
            self._begin_at_top()

    def _begin_at_top(self) -> None:
        """Of many runs the ones written last are there first; those that stand above them come now, and the
        cursor goes to the first line unless somebody has moved it."""
        rows = self.run_list.rows if self.has_list else []
        if rows and self._began_at is not None and self.run_list.cursor == self._began_at:
            self.run_list.cursor = rows[0].key
        self._began_at = None

    def telemetry_changed(self, sample: Sample | None) -> None:
        self.query_one(DeviceStrip).update_strip(sample)
        self._arrange(len(self.query_one(Table).rows))
        devices = None if sample is None else tuple((gpu.index, gpu.runs) for gpu in sample.gpus)
        if devices != self._devices:
            self._devices = devices
            self.runs_changed(frozenset(view.run_id for view in self.store.active()))

    def tick(self) -> None:
        self._ticks += 1
        if not self.has_list:
            return
        if self._ticks % _AGES_SECONDS == 0:
            self._show_anew()
        else:
            self.run_list.count_down(self.headnode.services.clock())

    def run_followed(self, run_id: str, followed: Followed) -> None:
        if self.selected is not None and run_id == self.selected.run_id:
            self.query_one(EventsView).update_events(followed.events, self.headnode.services.clock())

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        if self._since:
            self._show_since()
        self._show_anew()

    def _arrange(self, rows: int) -> None:
        """The table as high as it has rows, the rest for the selected run; on a low screen the table
        alone."""
        height = self.size.height
        chrome = 4 + 2 + len(self.query_one(DeviceStrip).lines) + 2 * self.query_one("#since").display
        spare = height - chrome - 1 - len(self.query_one("#overview", Lines).lines)
        roomy = self.size.width >= 100 and spare >= _DETAIL_LINES + 8 and self.selected is not None
        self.set_class(not roomy, "-short")
        self.query_one(Table).styles.height = min(rows + 1, spare - _DETAIL_LINES) if roomy else "1fr"

    def _show(self, changed: frozenset[str] | None = None) -> None:
        width = self.size.width
        if not self.has_list or not width:
            return
        self._show_note()
        now = self.headnode.services.clock()
        self.run_list.update(self.store.runs, changed, now, width, self.store.telemetry)
        rows = self.run_list.rows
        if self._since is None and self._began_at is None:
            self._began_at = self.run_list.cursor
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

    def _show_overview(self) -> None:
        pane, view = self.query_one("#overview", Lines), self.selected
        width = self.size.width - 2
        most = 12 if self.size.height >= _HIGH else 3
        pane.show([] if view is None else overview.lines(view, self.headnode.services.clock(), width, most))
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
        if self.words:
            lines = self.no_match(_("No run matches “{words}”."))
        elif self.store.runs:
            lines = [
                Text(_("All runs are archived."), theme.style("bold text")),
                Text(),
                Text.assemble(("/ archived", accent), ("  " + _("shows them"), muted)),
                Text.assemble(("n", accent), ("  " + _("picks a profile and launches a new one"), muted)),
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

    def _find_since(self) -> None:
        """On return: what has ended in the meantime. The cursor goes to a failed run, so that enter says
        why."""
        left, now = self.headnode.left, self.headnode.services.clock()
        self._since = []
        if left is None or now - left < _AWAY_SECONDS:
            return
        ended = [view for view in self.store.ordered() if view.record and (view.record.ended or 0) > left]
        self._since = [view.run_id for view in ended if not view.annotations.archived]
        self._away = now - left
        self._show_since()
        failed = [view for view in ended if view.state in {"failed", "lost"}]
        if failed:
            self.call_after_refresh(setattr, self.run_list, "cursor", failed[0].run_id)

    def _show_since(self) -> None:
        """The line of what has ended, without what has been deleted since."""
        self._since = [run_id for run_id in self._since or () if run_id in self.store.runs]
        line = since_line(
            [self.store.runs[run_id] for run_id in self._since], self._away, self.size.width - 2
        )
        self.query_one("#since").display = line is not None
        if line is not None:
            self.query_one("#since", Lines).show([line])

    # -- what can be done

    def has_more_to_close(self) -> bool:
        return super().has_more_to_close() or bool(self.query("#since") and self.query_one("#since").display)

    def close_one(self) -> None:
        if self.words or self.run_list.marked:
            super().close_one()
        else:
            self.query_one("#since").display = False
            self._since = []


def _load_charts() -> tuple[Any, Any]:
    from runtime.run.metrics_reader import MetricsReader
    from tui.widgets.chart_grid import ChartGrid

    return ChartGrid, MetricsReader
