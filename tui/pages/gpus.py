"""3 GPUs: every accelerator, what it did, who is on it; or the machine itself where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from tui import describe, theme
from tui.describe_gpus import simulated_note
from tui.i18n import _
from tui.pages.page import Page
from tui.store.device_history import HOST, HOST_METRICS, METRICS
from tui.widgets import gpu_detail
from tui.widgets.gpu_chart import HistoryChart
from tui.widgets.gpu_rows import ORDERS, DeviceTable, RowMaker, columns, ordered
from tui.widgets.gpu_surroundings import Surroundings, surroundings
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane
from tui.widgets.table import Column, Row, Table

if TYPE_CHECKING:
    from tui.store.telemetry import Gpu, Sample

_LOOK_SECONDS = 5
_DRAW_SECONDS = 4
"""Between two drawings of the chart: over SSH each one sends most of its lines again."""
_TALL = 32
_WIDE, _WIDEST = 110, 170


class GpusPage(Page):
    NAME = "gpus"
    ACTIONS = ("open", "metric", "sort", "clean_up")
    DEFAULT_CSS = """
    GpusPage #simulated { padding: 0 1; display: none; }
    GpusPage.-simulated #simulated { display: block; }
    GpusPage #devices { height: auto; max-height: 60%; }
    GpusPage #host { height: auto; padding: 0 1; display: none; }
    GpusPage.-host #host { display: block; }
    GpusPage.-host #devices, GpusPage.-host #side { display: none; }
    GpusPage #below { height: 1fr; margin-top: 1; layout: vertical; }
    GpusPage #history { height: 1fr; min-height: 4; width: 1fr; margin: 0 1; }
    GpusPage #side { height: auto; }
    GpusPage #facts { height: auto; max-height: 6; padding: 0 1; }
    GpusPage #processes { height: 6; margin-top: 1; display: none; }
    GpusPage.-tall #processes { display: block; }
    GpusPage.-wide #below { layout: horizontal; }
    GpusPage.-wide #side { height: 1fr; width: 60; }
    GpusPage.-widest #side { width: 84; }
    GpusPage.-wide #facts { max-height: 12; }
    GpusPage.-wide #processes { height: 1fr; display: block; }
    """
    _CYCLE: ClassVar[tuple[str, ...]] = tuple(ORDERS)

    def __init__(self) -> None:
        super().__init__()
        self._order = "index"
        self._metric, self._host_metric = METRICS[0], HOST_METRICS[0]
        self._around = Surroundings()
        self._looking = self._seeded = False
        self._ticks = 0

    def body(self) -> ComposeResult:
        yield Lines(id="simulated")
        yield DeviceTable(id="devices")
        yield Lines(id="host")
        with Container(id="below"):
            yield HistoryChart(id="history")
            with Vertical(id="side"):
                yield Lines(id="facts")
                yield Pane(_("Processes"), DeviceTable(id="process-table"), id="processes")

    # -- what is shown

    def refresh_page(self) -> None:
        self._look()
        self._show()
        self._draw()

    def telemetry_changed(self, sample: Sample | None) -> None:
        self._show()

    def runs_changed(self, changed: frozenset[str]) -> None:
        self._show()

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _LOOK_SECONDS == 0:
            self._look()
        if self._ticks % _DRAW_SECONDS == 0:
            self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.set_class(event.size.width >= _WIDEST, "-widest")
        self.set_class(event.size.height >= _TALL, "-tall")
        self.call_after_refresh(self._show)

    def _look(self) -> None:
        """Leases, slots and earlier telemetry, read in a thread."""
        if self._looking:
            return
        self._looking = True
        runs = [] if self._seeded else [view.directory for view in self.store.active()]
        history = self.store.history
        self._seeded |= self.store.loaded

        def work() -> None:
            try:
                found = surroundings(runs, history)
            except OSError:  # the directory of the leases can't be read now: what was known of them stays
                found = self._around
            self.app.call_from_thread(self._looked, found)

        self.run_worker(work, thread=True, group="surroundings")

    def _looked(self, found: Surroundings) -> None:
        self._looking = False
        drawn_anew = found.seeded
        if found != self._around:
            self._around = found
        if self.is_mounted:
            self._show()
            if drawn_anew:
                self._draw()

    def _show(self) -> None:
        if not self.is_mounted or not self.query("#devices") or not self.size.width:
            return
        sample = self.store.telemetry
        self.set_class(sample is not None and sample.simulated, "-simulated")
        self.query_one("#simulated", Lines).show([simulated_note()])
        self.set_class(sample is None or not sample.gpus, "-host")
        if sample is None:
            waiting = Text(_("waiting for the first sample of the machine"), theme.style("faint"))
            self.query_one("#host", Lines).show([waiting])
        elif not sample.gpus:
            width = max(20, self.size.width - 2)
            around = self._around
            lines = gpu_detail.host_lines(sample, width, around.slots, around.leases)
            self.query_one("#host", Lines).show(lines)
        else:
            self._show_devices(sample)
        self.refresh_footer()

    def _show_devices(self, sample: Sample) -> None:
        table = self.query_one("#devices", Table)
        width = table.size.width or self.size.width
        table.set_columns(columns(width))
        table.styles.height = 1 + sum(1 for _gpu in sample.all_gpus())
        maker = RowMaker(table.columns, self._around.leases)
        table.set_rows([maker.row(gpu) for gpu in ordered(sample.gpus, self._order)])
        self._show_detail()
        self.query_one("#below").styles.height = "1fr"

    def _show_detail(self) -> None:
        gpu = self.selected
        facts = self.query_one("#facts", Lines)
        if gpu is None:
            facts.show([])
            return
        width = max(20, (facts.size.width or self.size.width) - 2)
        wide = self.has_class("-wide")
        if not (wide or self.has_class("-tall")):
            facts.show(gpu_detail.brief_lines(gpu, width))
            return
        lease = self._around.leases.get(gpu.uuid)
        lines = gpu_detail.detail_lines(gpu, width, lease, self.headnode.services.clock())
        name = Text(gpu_detail.title(gpu), theme.style("bold text"))
        lines[0] = Text.assemble(name, "  ", lines[0])
        facts.show(lines[: 12 if wide else 6])
        self._show_processes(gpu)

    def _show_processes(self, gpu: Gpu) -> None:
        table = self.query_one("#process-table", Table)
        table.set_columns(_PROCESS_COLUMNS())
        rows, text, muted = [], theme.style("text"), theme.style("muted")
        for each in (gpu, *gpu.instances):
            for process in each.processes or ():
                memory = "" if process.memory_used is None else f"{process.memory_used / 2**30:.1f}"
                run = describe.short_id(process.run) if process.run else _("foreign")
                cells = (
                    Text(str(process.pid), text),
                    Text(process.user, muted),
                    Text(process.name or _("outside this container"), text),
                    Text(memory, text),
                    Text(run, theme.style("accent" if process.run else "faint")),
                )
                rows.append(Row(f"{process.pid}:{process.run}", cells))
        table.set_rows(rows)
        unknown = gpu.processes is None
        note = _("the driver doesn't tell") if unknown else _("none") if not rows else ""
        self.query_one("#processes", Pane).set_title(_("Processes"), note)

    def _draw(self) -> None:
        """The chart of the selected device."""
        sample, history = self.store.telemetry, self.store.history
        if not self.is_mounted or sample is None or not self.query(HistoryChart):
            return
        chart, gpu = self.query_one(HistoryChart), self.selected
        if not sample.gpus:
            chart.show_history("", self._host_metric, *history.series(HOST, self._host_metric))
        elif gpu is not None:
            chart.show_history(gpu_detail.title(gpu), self._metric, *history.series(gpu.key, self._metric))

    # -- where the cursor is

    @property
    def selected(self) -> Gpu | None:
        """The device under the cursor."""
        sample = self.store.telemetry
        cursor = (
            self.query_one("#devices", Table).cursor if self.is_mounted and self.query("#devices") else None
        )
        if sample is None or cursor is None:
            return None
        return next((gpu for gpu in sample.all_gpus() if gpu.key == cursor), None)

    @property
    def selected_run(self) -> str | None:
        """The run to open: of the selected process, or the first one on the selected device."""
        runs = self.store.runs
        table = self.query_one("#process-table", Table)
        if table.has_focus and table.cursor:
            run_id = table.cursor.partition(":")[2]
            return run_id if run_id in runs else None
        gpu = self.selected
        lease = self._around.leases.get(gpu.uuid) if gpu is not None else None
        wanted = [*(gpu.runs if gpu is not None else ()), *([lease.run_id] if lease is not None else [])]
        return next((run_id for run_id in wanted if run_id in runs), None)

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        if message.table.id == "devices":
            self._show_detail()
            self._draw()
        self.refresh_footer()

    def on_table_activated(self) -> None:
        self.action_open()

    # -- what can be done

    def can(self, action: str) -> bool:
        if not self.is_mounted or not self.query("#devices"):
            return False
        sample = self.store.telemetry
        match action:
            case "open":
                return self.selected_run is not None
            case "metric":
                return sample is not None
            case "sort":
                return sample is not None and len(sample.gpus) > 1
            case "clean_up":
                return True
        return False

    def action_open(self) -> None:
        run_id = self.selected_run
        if run_id is not None:
            self.headnode.open_run(run_id)

    def action_metric(self) -> None:
        sample = self.store.telemetry
        if sample is not None and sample.gpus:
            self._metric = METRICS[(METRICS.index(self._metric) + 1) % len(METRICS)]
        else:
            position = HOST_METRICS.index(self._host_metric) + 1
            self._host_metric = HOST_METRICS[position % len(HOST_METRICS)]
        self._draw()

    def action_sort(self) -> None:
        self._order = self._CYCLE[(self._CYCLE.index(self._order) + 1) % len(self._CYCLE)]
        self.headnode.say(_(ORDERS[self._order]))
        self._show()

    def action_clean_up(self) -> None:
        from tui.dialogs.leftovers import clean_up

        clean_up(self)

    def copy_text(self) -> str | None:
        gpu = self.selected
        return None if gpu is None else gpu.uuid or gpu.name


def _PROCESS_COLUMNS() -> list[Column]:
    return [
        Column("pid", "PID", 7),
        Column("user", _("USER"), 8),
        Column("name", _("NAME"), 10, flexible=True, maximum=18),
        Column("memory", "GiB", 5, "right"),
        Column("run", _("RUN"), 14, flexible=True),
    ]
