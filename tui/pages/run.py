"""A run: how far it is, its curves, what happened, and what it prints."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from tui import describe, theme
from tui.format import ago, count, duration, percent, rate, size
from tui.i18n import _, render
from tui.pages.page import Page
from tui.widgets import bars, overview
from tui.widgets.events_view import EventsView
from tui.widgets.gpu_strip import DeviceStrip
from tui.widgets.header import Header
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.store.follow import Followed, Preparation
    from tui.store.runs import RunView
    from tui.store.telemetry import Sample


class RunPage(Page):
    """Opened for one run by `app.open_run(run_id)`."""

    ACTIONS = ("stop", "resume", "save_now")
    DEFAULT_CSS = """
    RunPage #reason { padding: 0 1; margin-bottom: 1; display: none; }
    RunPage #progress { padding: 0 1; margin-bottom: 1; display: none; }
    RunPage #charts { height: 2fr; }
    RunPage #below { height: 1fr; max-height: 14; margin-top: 1; }
    RunPage.-narrow #events { display: none; }
    RunPage #facts { padding: 0 1; margin-top: 1; }
    RunPage DeviceStrip { margin: 0; }
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self._preparation: Preparation | None = None

    @property
    def view(self) -> RunView | None:
        """The run as it is now; None when its directory has vanished."""
        return self.store.runs.get(self.run_id)

    def body(self) -> ComposeResult:
        yield Lines(id="reason")
        yield Lines(id="progress")
        yield self._charts()
        with Horizontal(id="below"):
            yield Pane(_("What happened"), EventsView(), id="events")
            yield Pane(_("Log of rank 0"), self._log(), id="log")
        yield Lines(id="facts")
        yield DeviceStrip()

    def _charts(self) -> Widget:
        grid: Any = import_module("tui.widgets.chart_grid").ChartGrid
        return grid(id="charts")

    def _log(self) -> Widget:
        log: Any = import_module("tui.widgets.log_view").LogView
        return log()

    # -- what is shown

    def trail(self) -> Text:
        line = Text.assemble(
            ("‹ ", theme.style("accent")), (describe.short_id(self.run_id), theme.style("bold text"))
        )
        view = self.view
        if view is None:
            return line.append("   " + _("its directory has vanished"), theme.style("failed"))
        line.append(
            f"   {describe.glyph(view.state)} {describe.word(view.state)}",
            theme.style(describe.style(view.state)),
        )
        for part in progress_parts(view, self.headnode.services.clock()):
            line.append("   " + part, theme.style("text"))
        return line

    def refresh_page(self) -> None:
        self.store.follow(self.run_id)
        self._show()

    def runs_changed(self, changed: frozenset[str]) -> None:
        if self.run_id in changed:
            self._show()

    def run_followed(self, run_id: str, followed: Followed) -> None:
        if run_id == self.run_id:
            self._preparation = followed.preparation
            self.query_one(EventsView).update_events(followed.events, self.headnode.services.clock())
            self._show()

    def telemetry_changed(self, sample: Sample | None) -> None:
        self.query_one(DeviceStrip).update_strip(sample)

    def _show(self) -> None:
        self.query_one(Header).update_header()
        view = self.view
        reason, progress, facts = (
            self.query_one(f"#{name}", Lines) for name in ("reason", "progress", "facts")
        )
        now, width = self.headnode.services.clock(), self.size.width - 2
        if view is None or view.record is None:
            problem = render(view.problem) if view is not None and view.problem is not None else ""
            reason.display = bool(problem)
            reason.show([Text(problem, theme.style("failed"))])
            return
        explained = describe.explanation(view.record)
        reason.display = explained is not None
        if explained is not None:
            what, what_next = explained
            style = "warning" if view.state == "stopped" else "failed"
            reason.show([Text(what, theme.style(f"bold {style}")), Text(what_next, theme.style("text"))])
        waiting = waiting_line(view, self._preparation, width)
        progress.display = waiting is not None
        if waiting is not None:
            progress.show([waiting])
        facts.show(overview.lines(view, now, width)[1:2])
        self.refresh_footer()

    def on_resize(self) -> None:
        self.set_class(self.size.width < 100, "-narrow")
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
        return True

    def action_stop(self) -> None:
        self.headnode.stop_run(self.run_id)

    def action_resume(self) -> None:
        self.headnode.resume_run(self.run_id)

    def action_save_now(self) -> None:
        self.headnode.save_run(self.run_id)


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


def waiting_line(view: RunView, preparation: Preparation | None, width: int) -> Text | None:
    """What goes on before the first metric, with rate and time left where they are known; None once there are
    metrics."""
    record = view.record
    if record is None or not record.active or record.summary.metrics:
        return None
    muted, text = theme.style("muted"), theme.style("text")
    if preparation is None:
        words = describe.phase(record.summary.phase) or describe.word(record.state)
        return Text.assemble((words, text), ("   " + _("the first values come after it"), muted))
    line = Text.assemble((describe.phase(preparation.phase) + "   ", text))
    if preparation.total:
        share = min(1.0, preparation.done / preparation.total)
        line.append_text(bars.progress(share, max(10, min(40, width // 3))))
        line.append(f" {percent(share):>4}", text)
    done, total = _amount(preparation.done, preparation.unit), preparation.total
    amount = _("{done} of {all}").format(done=done, all=_amount(total, preparation.unit)) if total else done
    line.append(f"   {amount}", text)
    if preparation.rate:
        speed = size(preparation.rate) if preparation.unit == "bytes" else rate(preparation.rate)
        line.append(f"   {speed}/s", muted)
    if preparation.seconds_left is not None:
        line.append("   " + _("{duration} left").format(duration=duration(preparation.seconds_left)), muted)
    line.truncate(width, overflow="ellipsis")
    return line


def _amount(number: float | None, unit: str) -> str:
    return size(number) if unit == "bytes" else f"{count(number)} {unit}".strip()
