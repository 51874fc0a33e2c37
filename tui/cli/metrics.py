"""`metrics`: what a run has logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from tui.cli.parser import Parser, add_common, add_run
from tui.cli.table import Column, Table
from tui.format import count, number
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.metrics_reader import MetricsReader, Series
    from tui.cli.context import Context

Row = dict[str, Any]


def metrics_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Shows the values that a run has logged: one line for each metric, or every value with --csv "
            "or --json. What a later attempt has done again stands only once, as that attempt did it."
        ),
        [
            ("headnode metrics last", _("each metric: last, smallest and largest value")),
            ("headnode metrics last --csv > last.csv", _("all steps, one column for each metric")),
            ("headnode metrics last 'train/*' --csv", _("only the metrics of the section train")),
            ("headnode metrics last train/loss --json", _("one JSON object for each step")),
        ],
    )
    add_run(parser)
    parser.add_argument(
        "names",
        nargs="*",
        default=[],
        metavar="METRIC",
        help=_("names or patterns such as 'eval/*'; all unless said"),
    )
    parser.add_argument(
        "--csv", action="store_true", help=_("comma-separated values: step, time, attempt, metrics")
    )
    add_common(parser, json=_("print one JSON object a line, as in metrics.jsonl"))


def metrics(context: Context) -> int:
    from runtime.run.metrics_reader import MetricsReader

    options = context.options
    if options.csv and options.json:
        raise UsageError(N_("--csv and --json exclude each other"))
    run = context.run(options.run)
    reader = MetricsReader(context.readable(run.metrics))
    reader.load()
    names = _wanted(reader, options.names, run.run_id)
    if options.csv:
        _csv(context, reader, names)
    elif options.json:
        for row in _rows(reader, names):
            context.out.json_line(row)
    elif names:
        _table(reader, names).show(context.out)
    else:
        context.err.line(_("{run} hasn't logged anything yet.").format(run=run.run_id))
    return 0


def _wanted(reader: MetricsReader, patterns: list[str], run_id: str) -> list[str]:
    """The metrics that are asked for, in order of name. Raises UsageError where a pattern fits none."""
    from fnmatch import fnmatchcase

    names = sorted(reader.names())
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(
                N_("{run} has no metric {pattern}; it has {names}"),
                run=run_id,
                pattern=repr(pattern),
                names=", ".join(names[:12]) + (" …" if len(names) > 12 else "") if names else "–",
            )
    return [name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]


def _table(reader: MetricsReader, names: list[str]) -> Table:
    import numpy as np

    table = Table(
        [
            Column(_("METRIC"), shrinks=True),
            Column(_("STEP"), "right"),
            Column(_("LAST"), "right"),
            Column(_("SMALLEST"), "right", importance=3),
            Column(_("LARGEST"), "right", importance=2),
            Column(_("VALUES"), "right", importance=1),
        ]
    )
    for name in names:
        series = reader.series(name)
        if not len(series):
            continue
        finite = series.value[np.isfinite(series.value)]
        table.add(
            name,
            count(int(series.step[-1])),
            number(float(series.value[-1]), 4),
            number(float(finite.min()), 4) if finite.size else "",
            number(float(finite.max()), 4) if finite.size else "",
            count(len(series)),
        )
    return table


def _csv(context: Context, reader: MetricsReader, names: list[str]) -> None:
    import csv

    writer = csv.writer(context.out.stream, lineterminator="\n")
    writer.writerow(["step", "time", "attempt", *(_header(name) for name in names)])
    for row in _rows(reader, names):
        writer.writerow([row["step"], row["time"], row["attempt"], *(row.get(name, "") for name in names)])


def _header(name: str) -> str:
    from tui.clean import clean

    return clean(name)


def _rows(reader: MetricsReader, names: list[str]) -> Iterator[Row]:
    """The values joined by step, in order: metrics that are logged at other steps leave gaps."""
    import heapq

    def values(series: Series) -> Iterator[tuple[int, float, int, str, float]]:
        columns = (series.step.tolist(), series.time.tolist(), series.attempt.tolist(), series.value.tolist())
        for step, time, attempt, value in zip(*columns, strict=True):
            yield step, time, attempt, series.name, value

    row: Row = {}
    for step, time, attempt, name, value in heapq.merge(*(values(reader.series(name)) for name in names)):
        if row and row["step"] != step:
            yield row
            row = {}
        row = row or {"step": step, "time": time, "attempt": attempt}
        row[name] = value
    if row:
        yield row
