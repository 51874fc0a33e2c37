"""A run in four lines: what it is, how it came here, and its numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.clean import clean
from tui.describe_diagnosis import explanation
from tui.format import ago, count, loss, number, percent, short_count, size
from tui.i18n import N_, _, ngettext, render
from tui.widgets.lines import spread, wrapped

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.store.runs import RunView

_METRICS = {
    "train/loss": N_("loss"),
    "eval/holdout/loss": N_("held-out loss"),
    "optim/learning_rate": N_("learning rate"),
    "optim/grad_norm": N_("grad norm"),
    "throughput/mfu": N_("mfu"),
    "throughput/data_wait": N_("data wait"),
}
_SHARES = {"throughput/mfu", "throughput/data_wait"}
_ELSEWHERE = {"throughput/tokens_per_second", "train/perplexity"}
_SHOWN, _ENOUGH = 6, 3


def lines(view: RunView, now: float, width: int, most: int = 12) -> list[Text]:
    """The overview, at most `width` cells wide and `most` lines high; what matters least is left out."""
    record = view.record
    title = Text(describe.short_id(view.run_id), theme.style("bold accent"))
    if record is None or view.problem is not None:
        problem = render(view.problem) if view.problem is not None else ""
        return [title, Text(problem, theme.style("muted"))]
    parts: list[tuple[int, list[Text]]] = [  # each with how soon it is left out: the largest first
        (0, [spread(title, Text(kind(record), theme.style("muted")), width)]),
        (4, fitting(history(record, now), width)),
    ]
    explained = explanation(record)
    if explained is not None:
        what, what_next = explained
        failed = theme.style("warning" if record.state == "stopped" else "failed")
        parts += [(1, [Text(what, failed)]), (5, wrapped(what_next, theme.style("text"), width))]
    parts.append((2, annotations(view)))
    numbers = figures(record)
    if numbers:
        parts.append((3, fitting(numbers, width)))
    shown = _fewer(parts, most)
    for line in shown:
        line.truncate(width, overflow="ellipsis")
    return shown


def _fewer(parts: list[tuple[int, list[Text]]], most: int) -> list[Text]:
    """The lines of the parts, without those that must go for `most` lines to remain."""
    leaving = sorted((rank for rank, lines in parts if lines), reverse=True)
    while leaving and sum(len(lines) for _rank, lines in parts) > most:
        gone = leaving.pop(0)
        parts = [part for part in parts if part[0] != gone]
    return [line for _rank, lines in parts for line in lines][:most]


def annotations(view: RunView) -> list[Text]:
    """Tags, the newest note and whether it is archived, in one line; none where there is nothing."""
    found, line = view.annotations, Text()
    if found.archived:
        line.append(_("archived") + "   ", theme.style("warning"))
    for tag in found.tags:
        line.append(f"#{clean(tag)} ", theme.style("accent"))
    if found.notes:
        line.append("  " if found.tags else "")
        line.append(" ".join(clean(found.notes[-1].text).split()), theme.style("text"))
        if found.notes[-1].by:
            line.append(f"  {clean(found.notes[-1].by)}", theme.style("muted"))
    return [line] if line.plain else []


def kind(record: RunRecord) -> str:
    """`pretrain · ddp 4 · attempt 2`."""
    parts = [clean(record.job)]
    if record.strategy:
        world = record.world_size or 1
        parts.append(f"{clean(record.strategy)} {world}" if world > 1 else clean(record.strategy))
    if record.attempt > 1:
        parts.append(_("attempt {attempt}").format(attempt=record.attempt))
    if record.moved:
        parts.append(_("a copy, read-only"))
    return " · ".join(parts)


def history(record: RunRecord, now: float) -> list[Text]:
    """When and by whom it was started, how often it restarted, and its newest checkpoint."""
    muted, text = theme.style("muted"), theme.style("text")
    parts: list[Text] = []
    begun = record.started or record.created
    if begun is not None:
        started = _("started {ago}").format(ago=ago(now - begun))
        if record.by:
            started = _("{started} by {by}").format(started=started, by=describe.who(record.by))
        if record.restarts:
            again = ngettext("restarted once", "restarted {count} times", record.restarts)
            started = _(", ").join((started, again.format(count=record.restarts)))
        parts.append(Text(started, muted))
    if record.parent is not None:
        address = f"{describe.short_id(record.parent['run_id'])}@{record.parent['step']}"
        parts.append(Text.assemble((_("from") + " ", muted), (address, text)))
    if record.summary.checkpoint is not None:
        parts.append(checkpoint(record, now))
    return parts


def checkpoint(record: RunRecord, now: float) -> Text:
    """`checkpoint 450,000 (4m ago, 13.1 GiB)`."""
    last = record.summary.checkpoint
    if last is None:
        return Text(_("no checkpoint yet"), theme.style("muted"))
    facts = _(", ").join([ago(now - last["time"]), *([size(last["bytes"])] if last["bytes"] else [])])
    return Text.assemble(
        (_("checkpoint") + " ", theme.style("muted")),
        (count(last["step"]), theme.style("text")),
        (f" ({facts})", theme.style("muted")),
    )


def no_curves(record: RunRecord | None) -> str:
    """What stands where the curves would be, for a run that has ended without logging a value."""
    over = record is not None and record.ended_state and not record.summary.metrics
    return _("it logged no values") if over else ""


def figures(record: RunRecord) -> list[Text]:
    """The newest numbers, the well-known ones first."""
    summary, shown = record.summary, []
    if summary.tokens is not None:
        tokens = short_count(summary.tokens)
        if summary.total_tokens is not None:
            tokens = _("{done} of {all}").format(done=tokens, all=short_count(summary.total_tokens))
        shown.append(_figure(_("tokens"), tokens))
    names = [name for name in _METRICS if name in summary.metrics]
    if len(names) < _ENOUGH:  # a program of somebody's own: its own names
        names += [name for name in summary.metrics if name not in {*_METRICS, *_ELSEWHERE}]
    for name in names[:_SHOWN]:
        value = summary.metrics[name]
        label = _(_METRICS[name]) if name in _METRICS else clean(name)
        if name in _SHARES:
            shown.append(_figure(label, percent(value, 1)))
        else:
            shown.append(_figure(label, loss(value) if name.endswith("loss") else number(value), value))
    return shown


def _figure(label: str, value: str, raw: float = 0.0) -> Text:
    style = "text" if math.isfinite(raw) else "failed"
    return Text.assemble((f"{label} ", theme.style("muted")), (value, theme.style(style)))


def fitting(parts: list[Text], width: int) -> list[Text]:
    """The parts on one line, as many as fit."""
    line = Text()
    for part in parts:
        if line.cell_len and line.cell_len + 3 + part.cell_len > width:
            break
        line = Text.assemble(line, "   " if line.cell_len else "", part)
    return [line] if parts else []
