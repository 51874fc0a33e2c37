"""The table of runs: which columns fit, and how a run becomes a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.clean import clean
from tui.format import DASH, age, ago, count, device_ranges, duration, loss, pad, percent, rate
from tui.i18n import _, ngettext, render
from tui.widgets import bars
from tui.widgets.table import GUTTER, Column, Row

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.store.runs import RunView
    from tui.store.telemetry import Sample

_ENDED_PROGRESS = {"completed": "done", "failed": "failed", "lost": "failed", "unkillable": "failed"}


_GAP = 2
_VALUE = ("share", "loss", "eta", "rate", "curve", "step", "gpus", "job", "age")
"""What a narrow screen keeps the longest comes first."""


def columns(width: int) -> tuple[Column, ...]:
    """The columns for a terminal of this width: as many as fit, those that say most first."""
    wide = width >= 120
    offered = {
        "state": Column("state", _("STATE"), 12 if wide else 11),
        "run": Column("run", _("RUN"), 17 if width >= 80 else 16, flexible=True, maximum=44),
        "job": Column("job", _("JOB"), 9),
        "age": Column("age", _("AGE"), 5, "right"),
        "share": _share(width),
        "step": Column("step", _("STEP"), 9, "right"),
        "loss": Column("loss", _("LOSS"), 7, "right"),
        "curve": Column("curve", _("LOSS CURVE"), 16 if width >= 180 else 10),
        "rate": Column("rate", _("TOK/S"), 7, "right"),
        "eta": Column("eta", _("ETA"), 8, "right"),
        "gpus": Column("gpus", _("GPUS"), 7),
    }
    left = width - GUTTER + _GAP - sum(offered[name].width + _GAP for name in ("state", "run"))
    kept = {"state", "run"}
    for name in _VALUE:
        if offered[name].width + _GAP <= left:
            kept.add(name)
            left -= offered[name].width + _GAP
    return tuple(column for name, column in offered.items() if name in kept)


def _share(width: int) -> Column:
    """How much is done: a bar where there is room, a figure where there isn't."""
    if width < 80:
        return Column("percent", "", 4, "right")
    return Column("progress", _("PROGRESS"), 23 if width >= 120 else 13, flexible=width >= 180)


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
            (describe.view_word(view), theme.style(describe.style(view.state))),
        )
        name = self._name(view)
        if record is None or view.problem is not None:
            problem = render(view.problem) if view.problem is not None else ""
            return Row(view.run_id, (state, name), wide=Text(problem, theme.style("muted")), span=2)
        waiting = waits(record, self.now)
        if waiting:
            return Row(view.run_id, (state, name), wide=Text(waiting, theme.style("text")), span=2)
        return Row(view.run_id, tuple(self._cell(column, view, record, state) for column in self.columns))

    def _name(self, view: RunView) -> Text:
        """The run's short name, and its tags where there is room."""
        name = Text(describe.short_id(view.run_id), theme.style("bold text" if view.active else "text"))
        for tag in view.annotations.tags:
            name.append(f" #{clean(tag)}", theme.style("accent"))
        return name

    def _cell(self, column: Column, view: RunView, record: RunRecord, state: Text) -> Text | str:
        summary, quiet = record.summary, theme.style("text" if view.active else "muted")
        match column.key:
            case "state":
                return state
            case "run":
                return self._name(view)
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


def waits(record: RunRecord, now: float) -> str:
    """What an active run waits for: `waits for 4 GPUs, 2 ahead · 3m`, `restarts in 12s`; "" for
    one that does not."""
    if record.state == "queued":
        return _queued(record, now)
    restart = record.evidence.get("restart")
    at = restart.get("at") if isinstance(restart, dict) else None
    if not record.active or not isinstance(at, (int, float)) or at - now < 1:
        return ""
    text = _("restarts in {time}").format(time=duration(at - now))
    if record.restarts:
        again = ngettext("restarted once", "restarted {count} times", record.restarts)
        text += f" · {again.format(count=record.restarts)}"
    return text


def _queued(record: RunRecord, now: float) -> str:
    from runtime.launch.queueing_view import waiting_of

    queue = record.queue or {}
    message, since = waiting_of(queue), queue.get("since")
    text = render(message) if message is not None else _("waits for devices")
    return f"{text} · {age(max(0.0, now - since))}" if isinstance(since, (int, float)) else text


def heading(name: str, views: Sequence[RunView], folded: bool) -> Row:
    """The line above the runs of a profile: how many there are, and how many of them go on or failed."""
    many, active = len(views), sum(view.active for view in views)
    failed = sum(view.state in {"failed", "lost", "unkillable"} for view in views)
    line = Text.assemble(
        ("▸ " if folded else "▾ ", theme.style("muted")),
        (clean(name), theme.style("bold accent")),
        ("   " + ngettext("{count} run", "{count} runs", many).format(count=many), theme.style("muted")),
    )
    if active:
        line.append("   " + _("{count} active").format(count=active), theme.style("running"))
    if failed:
        line.append(
            "   " + ngettext("{count} failed", "{count} failed", failed).format(count=failed),
            theme.style("failed"),
        )
    return Row(GROUP + name, wide=line)


GROUP = "group:"
"""The keys of headings begin with it."""


def matches(view: RunView, words: str) -> bool:
    """Whether the run matches a filter, by the clock of this machine."""
    import time

    from tui.filtering import parse

    return parse(words).matches(view, time.time())
