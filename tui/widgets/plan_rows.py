"""A resume plan as lines: what was then, what is now, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.clean import clean
from tui.format import DASH, count, pad, truncate
from tui.i18n import _, render
from tui.widgets.lines import wrapped

if TYPE_CHECKING:
    from runtime.launch.plan import ResumePlan
    from runtime.launch.plan_row import PlanRow

_WIDE = 104  # cells from which on the sentence stands in the row
_LEADING = (
    "step",
    "tokens",
    "learning_rate",
    "data.fingerprint",
    "launch.processes",
    "train.micro_batch",
    "train.steps",
)


def plan_lines(
    plan: ResumePlan, acknowledged: Collection[str], width: int, selected: str | None = None
) -> list[Text]:
    """What was passed over, a table of what differs (with a mark at the row `selected`), and the names of
    what is
    the same."""
    lines: list[Text] = []
    for rejected in plan.rejected:
        problems = "; ".join(render(problem) for problem in rejected.problems)
        text = _("checkpoint {step} is damaged and passed over: {problems}")
        text = text.format(step=count(rejected.checkpoint.step), problems=problems)
        lines += wrapped(f"! {text}", theme.style("warning"), width)
    if lines:
        lines.append(Text())
    different = [row for row in plan.rows if not row.same or row.severity != "same"]
    same = [row for row in plan.rows if row not in different]
    if different:
        lines += _table(different, acknowledged, width, selected)
        lines.append(Text())
    return lines + _same(same, width)


def _table(
    rows: Sequence[PlanRow], acknowledged: Collection[str], width: int, selected: str | None
) -> list[Text]:
    muted, text = theme.style("muted"), theme.style("text")
    key_width = min(max(len(row.key) for row in rows), 30)
    values = [_shown(value) for row in rows for value in (row.then, row.now)]
    most = (width - key_width - 10) // 2 if width < _WIDE else 22
    value_width = max(6, min(max(Text(value).cell_len for value in values), most))
    point = 2 if selected is not None else 0
    head = f"{' ' * point}  {pad('', key_width)}  {pad(_('THEN'), value_width)}  {pad(_('NOW'), value_width)}"
    lines = [Text(head, muted)]
    for row in rows:
        mark, style = _mark(row, acknowledged)
        line = Text.assemble(
            ("▸ " if row.key == selected else " " * point, theme.style("bold accent")),
            (f"{mark} ", theme.style(style)),
        )
        note = _note(row, acknowledged)
        below = _below(row, value_width, width - 6)
        if below:  # cut, both values might look the same
            lines += [line.append(clean(row.key), text), *below]
        else:
            line.append(pad(clean(row.key), key_width), text)
            line.append("  " + pad(_shown(row.then), value_width), muted)
            line.append("  " + pad(_shown(row.now), value_width), theme.style("bold text"))
        room = width - line.cell_len - 2
        if below:
            lines += [
                Text.assemble("    ", more) for more in wrapped(note, theme.style(style), width - 4) if note
            ]
        elif width >= _WIDE and note:
            first, *rest = wrapped(note, theme.style(style), room)
            indent = " " * (line.cell_len + 2)
            lines.append(Text.assemble(line, "  ", first))
            lines += [Text.assemble(indent, more) for more in rest]
        else:
            lines.append(line)
            lines += [
                Text.assemble("    ", more) for more in wrapped(note, theme.style(style), width - 4) if note
            ]
    return lines


def _below(row: PlanRow, value_width: int, width: int) -> list[Text]:
    """Both values in lines of their own, where they don't fit into their columns."""
    then, now = _shown(row.then), _shown(row.now)
    if max(Text(then).cell_len, Text(now).cell_len) <= value_width:
        return []
    lines = []
    label = max(Text(_("THEN")).cell_len, Text(_("NOW")).cell_len) + 2
    for name, value, style in ((_("THEN"), then, "muted"), (_("NOW"), now, "bold text")):
        first, *rest = wrapped(value, theme.style(style), width - label)
        lines.append(Text.assemble("      ", (pad(name, label), theme.style("muted")), first))
        lines += [Text.assemble(" " * (6 + label), more) for more in rest]
    return lines


def _mark(row: PlanRow, acknowledged: Collection[str]) -> tuple[str, str]:
    if row.severity == "refuse":
        return "✗", "failed"
    if row.severity == "acknowledge":
        return ("✓", "muted") if row.key in acknowledged else ("!", "warning")
    return "≠", "muted"


def _note(row: PlanRow, acknowledged: Collection[str]) -> str:
    message = render(row.message) if row.message is not None else ""
    if row.severity == "acknowledge" and row.key in acknowledged:
        return f"{message} · {_('acknowledged')}" if message else _("acknowledged")
    return message


def _same(rows: Sequence[PlanRow], width: int) -> list[Text]:
    """`the same: step 20, world 1, …`, with values where they say something."""
    if not rows:
        return []
    muted = theme.style("muted")
    ordered = sorted(rows, key=lambda row: _LEADING.index(row.key) if row.key in _LEADING else len(_LEADING))
    parts = [f"{clean(row.key)} {_brief(row.now)}".rstrip() for row in ordered]
    return wrapped(_("the same: {rows}").format(rows=_(", ").join(parts)), muted, width)


def _brief(value: str | float | None) -> str:
    """A value in a few cells; nothing for one that is a structure."""
    shown = _shown(value)
    return "" if shown[:1] in "{[" else truncate(shown, 20)


def _shown(value: str | float | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return count(value)
    return DASH if value is None else clean(value)
