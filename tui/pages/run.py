"""A run: how far it is, its curves, what happened, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal

from tui import describe, theme
from tui.describe_diagnosis import Diagnosis, diagnosis
from tui.format import ago, count, duration, percent, rate, size
from tui.i18n import _, render
from tui.pages.page import Page
from tui.widgets import bars, overview
from tui.widgets.chart_grid import ChartGrid
from tui.widgets.diagnosis import DiagnosisView
from tui.widgets.events_view import EventsView
from tui.widgets.gpu_strip import DeviceStrip
from tui.widgets.lines import Lines
from tui.widgets.log_view import LogView
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.run.record import RunRecord
    from tui.store.follow import Followed, Preparation
    from tui.store.runs import RunView
    from tui.store.telemetry import Sample


_BAR = 10  # cells at least
_LOW = 30  # lines
_AGES_SECONDS = 10


class RunPage(Page):
    """Opened for one run by `app.open_run(run_id)`."""

    ACTIONS = ("open_log", "stop", "resume", "save_now", "compare")
    AUTO_FOCUS = ""  # the first chart, once there is one
    DEFAULT_CSS = """
    RunPage.-low DiagnosisView { margin-bottom: 0; }
    RunPage #progress { padding: 0 1; margin-bottom: 1; display: none; }
    RunPage #charts { height: 2fr; margin: 0 1; }
    RunPage #below { height: 1fr; max-height: 14; margin-top: 1; }
    RunPage.-low #below { height: 5; }
    RunPage.-low #charts { height: 1fr; }
    RunPage.-narrow #events { display: none; }
    RunPage #facts { padding: 0 1; margin-top: 1; }
    RunPage DeviceStrip { margin-bottom: 1; }
    RunPage.-low DeviceStrip { margin-bottom: 0; }
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self._preparation: Preparation | None = None
        self._source: tuple[float | None] | None = None
        self._log: tuple[int, int, int | None] | None = None
        self._log_rank = 0
        self._diagnosis: Diagnosis | None = None
        self._ticks = 0

    @property
    def view(self) -> RunView | None:
        """The run as it is now; None when its directory has vanished."""
        return self.store.runs.get(self.run_id)

    def body(self) -> ComposeResult:
        yield DiagnosisView(id="reason")
        yield Lines(id="progress")
        yield ChartGrid(id="charts")
        with Horizontal(id="below"):
            yield Pane(_("What happened"), EventsView(), id="events")
            yield Pane(self._log_title, LogView(poll_seconds=1.0), id="log")
        yield Lines(id="facts")
        yield DeviceStrip()

    # -- what is shown

    def trail(self) -> Text:
        line = Text.assemble(
            ("‹ ", theme.style("accent")), (describe.short_id(self.run_id), theme.style("bold text"))
        )
        view = self.view
        if view is None:
            return line.append("   " + _("its directory has vanished"), theme.style("failed"))
        line.append(
            f"   {describe.glyph(view.state)} {describe.view_word(view)}",
            theme.style(describe.style(view.state)),
        )
        for part in progress_parts(view, self.headnode.services.clock()):
            if line.cell_len + 3 + cell_len(part) <= self.size.width - 2:
                line.append("   " + part, theme.style("text"))
        return line

    def refresh_page(self) -> None:
        self.store.follow(self.run_id)
        self._source = self._log = None
        self.query_one(DeviceStrip).run_id = self.run_id
        self.query_one(DeviceStrip).update_strip(self.store.telemetry)
        self._show()

    def runs_changed(self, changed: frozenset[str]) -> None:
        if self.run_id in changed:
            self._show()

    def run_followed(self, run_id: str, followed: Followed) -> None:
        if run_id == self.run_id:
            self.query_one(EventsView).update_events(followed.events, self.headnode.services.clock())
            if followed.preparation != self._preparation:
                self._preparation = followed.preparation
                self._show()

    def tick(self) -> None:
        if self.focused is None:  # a chart that had no place on the screen for long
            self._focus_chart(tries=0)
        if self.view is not None:
            self._ticks += 1
            counting = "restart" in self.view.record.evidence if self.view.record is not None else False
            if counting or self._ticks % _AGES_SECONDS == 0:  # a record that changes shows itself
                self._show()

    def _feed(self, view: RunView) -> None:
        """Points charts and log at the run's files, and again when a new attempt writes to others."""
        record = view.record
        if record is None:
            return
        summary = record.summary
        tokens = summary.tokens / summary.step if summary.tokens and summary.step else None
        if self._source is None or (self._source == (None,) and tokens is not None):
            from tui.widgets.chart_parent import source_of

            self._source = (tokens,)
            self.query_one(ChartGrid).set_source(source_of(view.directory, record), tokens)
        self.query_one(ChartGrid).every = view.curve_seconds
        self.query_one(ChartGrid).show_when_empty(overview.no_curves(record))
        self._show_log(view, record)

    def _show_log(self, view: RunView, record: RunRecord) -> None:
        """The log of rank 0, or of the rank that failed, at the line that tells why."""
        rank, offset = (self._diagnosis.log if self._diagnosis is not None else None) or (0, None)
        if record.active:
            rank, offset = 0, None
        if (record.attempt, rank, offset) == self._log:
            return
        self._log = (record.attempt, rank, offset)
        if rank and offset is None and not _printed(view.directory.attempt(record.attempt).log(rank)):
            rank = 0  # a rank that was killed has often said nothing; rank 0 tells how far all had come
        self._log_rank = rank
        log = self.query_one(LogView)
        self.query_one("#log", Pane).set_title(self._log_title, "")
        log.show(view.directory.attempt(record.attempt).log(rank) if record.attempt else None)
        if offset is not None:
            self.call_after_refresh(log.lines.show_offset, offset)

    @property
    def _log_title(self) -> str:
        return _("Log of rank {rank}").format(rank=self._log_rank)

    def on_log_view_changed(self, message: LogView.Changed) -> None:
        self.query_one("#log", Pane).set_title(self._log_title, message.view.status)
        if message.view.has_focus_within:
            self.refresh_footer()

    def on_chart_grid_shown(self) -> None:
        self.call_after_refresh(self._focus_chart)

    def _focus_chart(self, tries: int = 20) -> None:
        """The first chart has the keys until another pane is chosen. A chart that was just made has no place
        on the
        screen yet, and can't have them before."""
        if self.focused is not None:
            return
        charts = list(self.query("Chart").results())
        self.set_focus(next((chart for chart in charts if chart.focusable), None))
        if charts and self.focused is None and tries:
            self.set_timer(0.1, lambda: self._focus_chart(tries - 1))

    def on_chart_changed(self) -> None:
        self.refresh_footer()

    def telemetry_changed(self, sample: Sample | None) -> None:
        self.query_one(DeviceStrip).update_strip(sample)

    def _show(self) -> None:
        self.header.update_header()
        view = self.view
        progress, facts = (self.query_one(f"#{name}", Lines) for name in ("progress", "facts"))
        reason = self.query_one(DiagnosisView)
        now, width = self.headnode.services.clock(), self.size.width - 2
        if view is None or view.record is None:
            problem = render(view.problem) if view is not None and view.problem is not None else ""
            reason.display = bool(problem)
            reason.show([Text(problem, theme.style("failed"))])
            return
        self._diagnosis = diagnosis(view.record, now)
        self._feed(view)
        self._focus_chart()
        reason.update_diagnosis(self._diagnosis, width, low=self.size.height < _LOW)
        self.query_one(DeviceStrip).display = view.active
        waiting = waiting_line(view, self._preparation, width)
        progress.display = waiting is not None
        if waiting is not None:
            progress.show([waiting])
        facts.show(overview.fitting(overview.history(view.record, now), width))
        self.refresh_footer()

    def on_resize(self) -> None:
        self.set_class(self.size.width < 100, "-narrow")
        self.set_class(self.size.height < _LOW, "-low")
        self.call_after_refresh(self._show)

    # -- what can be done

    def can(self, action: str) -> bool:
        view = self.view
        if view is None:
            return False
        match action:
            case "stop":
                return view.stoppable
            case "resume":
                return view.resumable
            case "save_now":
                return view.savable
            case "compare":
                return len(self.store.runs) > 1
            case "open_log":
                return self._diagnosis is not None
        return True

    def action_stop(self) -> None:
        self.headnode.stop_run(self.run_id)

    def action_resume(self) -> None:
        self.headnode.resume_run(self.run_id)

    def action_open_log(self) -> None:
        place = self._diagnosis.log if self._diagnosis is not None else None
        rank, offset = place or (None, None)
        self.headnode.show_page("logs", run_id=self.run_id, rank=rank, offset=offset)

    def action_save_now(self) -> None:
        self.headnode.save_run(self.run_id)

    def action_compare(self) -> None:
        """With the run that it branched off; without one, beside those that are compared already."""
        parent = self.view.record.parent if self.view is not None and self.view.record is not None else None
        if parent is not None and parent["run_id"] in self.store.runs:
            self.headnode.show_page("compare", runs=[parent["run_id"], self.run_id])
        else:
            self.headnode.show_page("compare", add=[self.run_id])


def progress_parts(view: RunView, now: float) -> list[str]:
    """`step 451,002 of 739,328`, `61%`, `eta 2d 4h`, `checkpoint 4m ago`."""
    record, parts = view.record, []
    if record is None:
        return parts
    summary = record.summary
    if summary.step is not None:
        if summary.total_steps is not None:
            text = _("step {step} of {total}")
            parts.append(text.format(step=count(summary.step), total=count(summary.total_steps)))
        else:
            parts.append(_("step {step}").format(step=count(summary.step)))
    if summary.progress is not None:
        parts.append(percent(summary.progress))
    if record.active and summary.eta_seconds is not None and record.state == "running":
        parts.append(_("eta {duration}").format(duration=duration(summary.eta_seconds)))
    if not record.active and record.ended is not None:
        parts.append(ago(now - record.ended))
    if summary.checkpoint is not None:
        parts.append(_("checkpoint {ago}").format(ago=ago(now - summary.checkpoint["time"])))
    return parts


def _queued(record: RunRecord) -> str:
    """What a run in the queue waits for."""
    from runtime.launch.queueing_view import waiting_of

    message = waiting_of(record.queue) if record.state == "queued" else None
    return render(message) if message is not None else ""


def waiting_line(view: RunView, preparation: Preparation | None, width: int) -> Text | None:
    """What goes on before the first metric, with rate and time left where they are known; None once there are
    metrics."""
    record = view.record
    if record is None or not record.active or record.summary.metrics:
        return None
    muted, text = theme.style("muted"), theme.style("text")
    if preparation is None:
        words = _queued(record) or describe.phase(record.summary.phase) or describe.word(record.state)
        return Text.assemble((words, text), ("   " + _("the first values come after it"), muted))
    line = Text(describe.phase(preparation.phase), text)
    facts = [Text(fact, muted) for fact in _facts(preparation)]
    if preparation.total:
        share = min(1.0, preparation.done / preparation.total)
        taken = line.cell_len + 3 + len(" 100%")
        while facts and taken + _BAR + sum(3 + fact.cell_len for fact in facts) > width:
            facts.pop(0)
        room = width - taken - sum(3 + fact.cell_len for fact in facts)
        bar = bars.progress(share, max(_BAR, min(40, width // 3, room)))
        line = Text.assemble(line, "   ", bar, (f" {percent(share):>4}", text))
    line = Text("   ").join([line, *facts])
    line.truncate(width, overflow="ellipsis")
    return line


def _facts(preparation: Preparation) -> list[str]:
    """How much, how fast and how long still; the first ones are the first to give way."""
    done = _amount(preparation.done, preparation.unit)
    if preparation.total:
        facts = [_("{done} of {all}").format(done=done, all=_amount(preparation.total, preparation.unit))]
    else:
        facts = [done]
    if preparation.rate:
        speed = size(preparation.rate) if preparation.unit == "bytes" else rate(preparation.rate)
        facts.append(f"{speed}/s")
    if preparation.seconds_left is not None:
        facts.append(_("{duration} left").format(duration=duration(preparation.seconds_left)))
    return facts


def _amount(number: float | None, unit: str) -> str:
    return size(number) if unit == "bytes" else f"{count(number)} {unit}".strip()


def _printed(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
