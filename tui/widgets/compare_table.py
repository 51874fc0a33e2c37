"""The table under compared curves: which columns fit, a run as a row, and all of it as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from tui import describe, theme
from tui.comparing.facts import Compared, Metric, Values, difference
from tui.comparing.words import signed, step_label
from tui.format import DASH, clean, count, number, rate
from tui.i18n import _
from tui.widgets.line_colours import line_colour
from tui.widgets.table import Column, Row

_DIGITS = 4


@dataclass(frozen=True)
class Line:
    """What one row tells: a run, its state, and its values of the metric, of an evaluation and of speed; None
    before they are read."""

    run: Compared
    state: str
    values: Values | None
    evaluation: Values | None
    speed: Values | None
    problem: str = ""


@dataclass(frozen=True)
class Sheet:
    """All that the table shows. `metric` belongs to the lines; the baseline's line comes first."""

    metric: Metric
    lines: tuple[Line, ...]
    baseline: str
    evaluation: str | None

    @property
    def base(self) -> Line | None:
        """The line that the others are measured against."""
        return next((line for line in self.lines if line.run.run_id == self.baseline), None)

    def against(self, line: Line) -> float | None:
        """By how much the line's value at the common step lies above the baseline's."""
        base = self.base
        if base is None or line is base:
            return None
        if line.values is None or base.values is None:
            return None
        return difference(line.values.common, base.values.common)


def columns(width: int, sheet: Sheet) -> tuple[Column, ...]:
    """What fits into this width: last, best and common values at 80 cells, the rest from 100 on."""
    base = sheet.base
    against = _("VS {letter}").format(letter=base.run.letter if base is not None else "A")
    return (
        Column("run", _("RUN"), 17, flexible=True, maximum=44),
        Column("last", _("LAST"), 10, "right"),
        *([Column("step", _("STEP"), 9, "right")] if width >= 100 else []),
        Column("best", _("BEST"), 8, "right"),
        Column("best_step", _("AT STEP"), 9, "right"),
        Column("common", _("AT {step}").format(step=step_label(sheet.metric.common_step)), 10, "right"),
        Column("against", against, 8, "right"),
        *([Column("speed", _("TOK/S"), 7, "right")] if width >= 100 else []),
        *(
            [Column("evaluation", _("EVAL"), 8, "right"), Column("best_evaluation", _("BEST"), 8, "right")]
            if width >= 120 and sheet.evaluation is not None
            else []
        ),
    )


def rows(sheet: Sheet, layout: Sequence[Column]) -> list[Row]:
    """A row for each run; its key is the run's id."""
    return [
        Row(line.run.run_id, tuple(_cell(sheet, line, column.key) for column in layout))
        for line in sheet.lines
    ]


def _cell(sheet: Sheet, line: Line, key: str) -> Text:
    values = line.values or Values()
    if key == "run":
        return _name(line)
    if key == "last":
        return _last(line)
    if key == "against":
        return _against(sheet, line)
    texts = {
        "step": count(values.last_step),
        "best": _value(values.best),
        "best_step": count(values.best_step),
        "common": _value(values.common),
        "speed": rate(line.speed.last) if line.speed is not None else DASH,
        "evaluation": _value(line.evaluation.last) if line.evaluation is not None else DASH,
        "best_evaluation": _value(line.evaluation.best) if line.evaluation is not None else DASH,
    }
    quiet = texts[key] == DASH or key in {"step", "best_step"}
    return Text(texts[key], theme.style("muted" if quiet else "text"))


def _name(line: Line) -> Text:
    number_of_line = ord(line.run.letter) - ord("A")
    return Text.assemble(
        (line.run.letter, theme.style(f"bold {line_colour(number_of_line)}")),
        " ",
        (describe.glyph(line.state), theme.style(describe.style(line.state))),
        " ",
        (describe.short_id(line.run.run_id), theme.style("text")),
    )


def _last(line: Line) -> Text:
    if line.problem:
        return Text(_("unreadable"), theme.style("failed"))
    if line.values is None:
        return Text(DASH, theme.style("muted"))
    if line.values.missing:
        return Text(_("not logged"), theme.style("muted"))
    return Text(_value(line.values.last), theme.style("text"))


def _against(sheet: Sheet, line: Line) -> Text:
    if line.run.run_id == sheet.baseline:
        return Text(_("baseline"), theme.style("muted"))
    found = sheet.against(line)
    if found is None:
        return Text(DASH, theme.style("muted"))
    style = "text"
    if found and sheet.metric.direction is not None:
        style = "done" if (found < 0) == (sheet.metric.direction == "min") else "warning"
    return Text(signed(found), theme.style(style))


def _value(value: float | None) -> str:
    return DASH if value is None else number(value, _DIGITS)


def markdown(sheet: Sheet) -> str:
    """The table with all its columns, to be pasted into notes."""
    head = [
        _("run"), f"{sheet.metric.name} ({_('last')})", _("step"), _("best"), _("at step"),
        _("at {step}").format(step=count(sheet.metric.common_step)), _("against baseline"), _("tokens/s"),
    ]  # fmt: skip
    if sheet.evaluation is not None:
        head += [f"{sheet.evaluation} ({_('last')})", f"{sheet.evaluation} ({_('best')})"]
    table = [head]
    for line in sheet.lines:
        values = line.values or Values()
        last = _("not logged") if values.missing else _value(values.last)
        against = _("baseline") if line.run.run_id == sheet.baseline else signed(sheet.against(line))
        row = [
            f"{line.run.letter} {line.run.run_id}", last, count(values.last_step), _value(values.best),
            count(values.best_step), _value(values.common), against,
            rate(line.speed.last) if line.speed is not None else DASH,
        ]  # fmt: skip
        if sheet.evaluation is not None:
            evaluation = line.evaluation or Values()
            row += [_value(evaluation.last), _value(evaluation.best)]
        table.append(row)
    return markdown_table(table)


def markdown_table(table: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first one the head, as Markdown."""
    lines = ["| " + " | ".join(clean(cell).replace("|", "\\|") for cell in row) + " |" for row in table]
    lines.insert(1, "|" + " --- |" * len(table[0]))
    return "\n".join(lines)
