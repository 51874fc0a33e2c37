"""Checks and measurements as rows of a table, and the selected one in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.clean import clean
from tui.format import truncate
from tui.i18n import N_, _, ngettext, render
from tui.widgets import bars
from tui.widgets.lines import wrapped
from tui.widgets.table import Column, Row

if TYPE_CHECKING:
    from runtime.doctor import Check, Group
    from runtime.doctor.measuring import Measurement
    from runtime.messages import Message

GLYPHS = {"ok": ("✓", "done"), "warn": ("!", "warning"), "fail": ("✗", "failed")}
STATUS_WORDS = {"ok": N_("good"), "warn": N_("worth a look"), "fail": N_("to be mended")}
_BAR = 16


@dataclass
class GroupState:
    """A group of checks: those that are done, and whether more come."""

    group: Group
    checks: list[Check] = field(default_factory=list)
    running: bool = False
    error: str = ""  # why it ended before its end


@dataclass
class MeasurementState:
    """A measurement: its result, or how far it is."""

    measurement: Measurement
    result: Check | None = None
    share: float | None = None  # done; None while it isn't under way
    doing: Message | None = None


def columns(width: int) -> list[Column]:
    """Glyph, title, finding."""
    return [
        Column("status", "", 1),
        Column("title", _("CHECK"), 16 if width < 110 else 20),
        Column("message", _("FOUND"), 20, flexible=True),
    ]


def check_key(group: str, name: str) -> str:
    """The key of a check's row."""
    return f"check:{group}:{name}"


def measurement_key(name: str) -> str:
    """The key of a measurement's row."""
    return f"measure:{name}"


def group_rows(state: GroupState) -> list[Row]:
    """A heading and a row a check."""
    heading = Text(render(state.group.title), theme.style("bold text"))
    if state.running:
        heading.append(f"  {_('checking')}", theme.style("faint"))
    elif state.error:
        heading.append(f"  {clean(state.error)}", theme.style("failed"))
    rows = [Row(f"group:{state.group.name}", selectable=False, wide=heading)]
    for check in state.checks:
        rows.append(Row(check_key(state.group.name, check.name), _cells(check)))
    return rows


def measurement_rows(states: Mapping[str, MeasurementState]) -> list[Row]:
    """The heading and a row a measurement."""
    heading = Text.assemble(
        (_("Measurements"), theme.style("bold text")), (f"  {_('on request')}", theme.style("faint"))
    )
    rows = [Row("group:measurements", selectable=False, wide=heading)]
    for state in states.values():
        rows.append(Row(measurement_key(state.measurement.name), _measurement_cells(state)))
    return rows


def _cells(check: Check) -> tuple[Text, ...]:
    glyph, style = GLYPHS[check.status]
    return (
        Text(glyph, theme.style(style)),
        Text(clean(render(check.title)), theme.style("text")),
        Text(clean(render(check.message)), theme.style("muted" if check.status == "ok" else style)),
    )


def _measurement_cells(state: MeasurementState) -> tuple[Text, ...]:
    title = Text(render(state.measurement.title), theme.style("text"))
    if state.share is not None:
        doing = render(state.doing) if state.doing is not None else ""
        bar = bars.progress(state.share, _BAR)
        return Text("…", theme.style("running")), title, bar.append(f" {doing}", theme.style("muted"))
    if state.result is not None:
        return _cells(state.result)
    text = _("enter measures it, in about {seconds} s").format(seconds=state.measurement.seconds)
    return Text("·", theme.style("faint")), title, Text(text, theme.style("faint"))


def check_lines(check: Check, width: int) -> list[Text]:
    """What was found, in full, and the fix."""
    glyph, style = GLYPHS[check.status]
    words = {"title": clean(render(check.title)), "status": _(STATUS_WORDS[check.status])}
    head = f"{glyph} " + _("{title}: {status}").format(**words)
    lines = [Text(truncate(head, width), theme.style(f"bold {style}"))]
    lines += wrapped(clean(render(check.message)), theme.style("text"), width)
    if check.fix is not None:
        lines += wrapped("→ " + clean(render(check.fix)), theme.style("accent"), width)
    return lines


def measurement_lines(state: MeasurementState, width: int) -> list[Text]:
    """What it does, or what it gave."""
    if state.result is not None and state.share is None:
        return check_lines(state.result, width)
    title = Text(render(state.measurement.title), theme.style("bold text"))
    lines = [title, *wrapped(render(state.measurement.about), theme.style("muted"), width)]
    if state.share is not None:
        lines.append(Text(_("esc breaks it off"), theme.style("accent")))
    return lines


def summary(states: Mapping[str, GroupState]) -> Text:
    """`21 good · 2 worth a look · 1 to be mended`."""
    found = [check.status for state in states.values() for check in state.checks]
    good, warn, fail = (found.count(status) for status in ("ok", "warn", "fail"))
    parts = [(ngettext("{count} good", "{count} good", good).format(count=good), "done")]
    if warn:
        text = ngettext("{count} worth a look", "{count} worth a look", warn)
        parts.append((text.format(count=warn), "warning"))
    if fail:
        text = ngettext("{count} to be mended", "{count} to be mended", fail)
        parts.append((text.format(count=fail), "failed"))
    if any(state.running for state in states.values()):
        parts.append((_("checking"), "faint"))
    line = Text()
    for position, (text, style) in enumerate(parts):
        line.append(" · " if position else "", theme.style("faint"))
        line.append(text, theme.style(style))
    return line
