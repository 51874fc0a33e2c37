"""The table of runs: which columns fit, and how a run becomes a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.clean import clean
from tui.format import DASH, age, ago, count, device_ranges, duration, loss, pad, percent, rate
from tui.i18n import _, render
from tui.widgets import bars
from tui.widgets.table import Column, Row

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.store.runs import RunView
    from tui.store.telemetry import Sample

_ENDED_PROGRESS = {"completed": "done", "failed": "failed", "lost": "failed", "unkillable": "failed"}


def columns(width: int) -> tuple[Column, ...]:
    """The columns for a terminal of this width: four below 80 cells, all of them from 180 on."""
    if width < 80:
        return (
            Column("state", _("STATE"), 11),
            Column("run", _("RUN"), 16, flexible=True),
            Column("percent", "", 4, "right"),
            Column("loss", _("LOSS"), 7, "right"),
        )
    wide, widest = width >= 120, width >= 180
    return (
        Column("state", _("STATE"), 12 if wide else 11),
        Column("run", _("RUN"), 17, flexible=True, maximum=40),
        *([Column("job", _("JOB"), 9), Column("age", _("AGE"), 5, "right")] if widest else []),
        Column("progress", _("PROGRESS"), 23 if wide else 13, flexible=widest),
        Column("step", _("STEP"), 9, "right"),
        Column("loss", _("LOSS"), 7, "right"),
        *([Column("curve", _("LOSS CURVE"), 16 if widest else 10)] if wide else []),
        *([Column("rate", _("TOK/S"), 7, "right")] if wide else []),
        Column("eta", _("ETA"), 8, "right"),
        *([Column("gpus", _("GPUS"), 7)] if wide else []),
    )


@dataclass(frozen=True)
class RowMaker:
    """Makes rows for these columns, at this moment, with this sample of the machine."""

    columns: Sequence[Column]
    now: float
    sample: Sample | None

    def row(self, view: RunView) -> Row:
        """The row of a run; one without a readable record says why."""
        record = view.record
        state = Text.assemble(
            (describe.glyph(view.state) + " ", theme.style(describe.style(view.state))),
            (describe.word(view.state), theme.style(describe.style(view.state))),
        )
        if record is None or view.problem is not None:
            problem = render(view.problem) if view.problem is not None else ""
            name = describe.short_id(view.run_id)
            return Row(
                view.run_id,
                wide=Text.assemble(
                    state,
                    " " * max(1, self._width("state") + 2 - state.cell_len),
                    name,
                    "  ",
                    (problem, theme.style("muted")),
                ),
            )
        return Row(view.run_id, tuple(self._cell(column, view, record, state) for column in self.columns))

    def _width(self, key: str) -> int:
        return next(column.width for column in self.columns if column.key == key)

    def _cell(self, column: Column, view: RunView, record: RunRecord, state: Text) -> Text | str:
        summary, quiet = record.summary, theme.style("text" if view.active else "muted")
        match column.key:
            case "state":
                return state
            case "run":
                return Text(
                    describe.short_id(view.run_id), theme.style("bold text" if view.active else "text")
                )
            case "job":
                return Text(clean(record.job), theme.style("muted"))
            case "age":
                return Text(age(_since(self.now, record.created)), theme.style("muted"))
            case "percent":
                return Text(_percent(record), quiet)
            case "progress":
                return self._progress(column, record)
            case "step":
                return Text(count(summary.step) if summary.step is not None else "", quiet)
            case "loss":
                value = summary.metrics.get("train/loss")
                finite = value is None or (value == value and abs(value) != float("inf"))
                return Text(
                    loss(value) if value is not None else "", quiet if finite else theme.style("failed")
                )
            case "curve":
                return Text(
                    bars.sparkline(summary.sparkline, column.width),
                    theme.style("accent" if view.active else "muted"),
                )
            case "rate":
                return Text(
                    rate(summary.tokens_per_second) if summary.tokens_per_second is not None else "", quiet
                )
            case "eta":
                return self._eta(view, record)
            case _:
                return Text(self._devices(view), theme.style("muted"))

    def _progress(self, column: Column, record: RunRecord) -> Text:
        if record.state == "queued":
            return Text(_("waiting"), theme.style("muted"))
        summary = record.summary
        if record.state == "starting" or (summary.progress is None and record.active):
            words = describe.phase(summary.phase) or describe.word(record.state)
            if summary.progress is None:
                return Text(words, theme.style("muted"))
            share = f"{_percent(record):>5}"
            return Text(pad(words, column.width - len(share)) + share, theme.style("muted"))
        if summary.progress is None:
            return Text()
        style = _ENDED_PROGRESS.get(record.state, "accent" if record.active else "muted")
        bar = bars.progress(summary.progress, column.width - 5, style)
        bar.append(f"{_percent(record):>5}", theme.style("text" if record.active else "muted"))
        return bar

    def _eta(self, view: RunView, record: RunRecord) -> Text:
        if not record.active:
            return Text(ago(_since(self.now, record.ended)), theme.style("muted"))
        if record.state in {"queued", "starting"}:
            return Text(DASH, theme.style("muted"))
        return Text(duration(record.summary.eta_seconds), theme.style("text"))

    def _devices(self, view: RunView) -> str:
        if not view.active or self.sample is None:
            return ""
        if not self.sample.gpus:
            return "cpu"
        return device_ranges([gpu.index for gpu in self.sample.gpus if view.run_id in gpu.runs]) or DASH


def _percent(record: RunRecord) -> str:
    progress = record.summary.progress
    return "" if progress is None else percent(progress)


def _since(now: float, moment: float | None) -> float | None:
    return None if moment is None else max(0.0, now - moment)


def matches(view: RunView, words: str) -> bool:
    """Whether every word of a filter occurs in the run's id, state or job."""
    text = f"{view.run_id} {view.state} {describe.word(view.state)}"
    if view.record is not None:
        text += f" {view.record.job} {view.record.reason or ''}"
    return all(word in text.lower() for word in words.lower().split())
