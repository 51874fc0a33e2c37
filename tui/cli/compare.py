"""`compare`: last and best values of several runs, their values at a common step, and in what they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from tui import describe
from tui.cli.parser import Parser, add_common
from tui.cli.table import Column, Table
from tui.format import DASH, count, number, rate
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.metrics_reader import MetricsReader
    from tui.cli.context import Context
    from tui.comparing.facts import Compared, Metric, Values
    from tui.comparing.profiles import Difference, Facts

_DIGITS = 4


def compare_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Compares runs: of each metric the last value and the best one with its step, the values at the "
            "largest step that all have logged, and the difference to the first run, which is the baseline. "
            "Then the keys of the resolved profiles, versions, devices and data that are not the same in all."
        ),
        [
            ("headnode compare last demo-1f00", _("the newest run, which is the baseline, and another one")),
            ("headnode compare 9c1e 3f2a 08be --metric 'eval/*'", _("three runs, evaluations only")),
            ("headnode compare 9c1e 3f2a --differences", _("only in what they differ")),
        ],
        _("The panel shows the curves: mark runs with space on its first page, then c."),
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help=_("ids, unique prefixes or parts of them, or last; two or more"),
    )
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help=_("a name or a pattern such as 'eval/*'; losses, evaluations and speed unless said; repeatable"),
    )
    parser.add_argument(
        "--differences", action="store_true", help=_("only in what profiles, versions and data differ")
    )
    add_common(parser, json=_("print one JSON object: runs, metrics, differences"))


def compare(context: Context) -> int:
    from tui.comparing.facts import LETTERS, MOST_RUNS, compared
    from tui.comparing.profiles import differences, read_facts

    options = context.options
    runs = list(dict.fromkeys(context.run(reference) for reference in options.runs))
    if len(runs) < 2:
        raise UsageError(N_("two different runs at least make a comparison"))
    if len(runs) > MOST_RUNS:
        raise UsageError(N_("{count} runs at most are compared at a time"), count=MOST_RUNS)
    records = [context.record(run) for run in runs]
    lines = [
        compared(letter, record, run.run_id)
        for letter, run, record in zip(LETTERS, runs, records, strict=False)
    ]
    facts = [read_facts(run, record) for run, record in zip(runs, records, strict=True)]
    metrics = [] if options.differences else _metrics(context, runs)
    found = differences(facts)
    if options.json:
        states = [record.state for record in records]
        context.out.json(_json(lines, states, metrics, found, with_metrics=not options.differences))
        return 0
    _legend(context, lines, [record.state for record in records])
    for metric in metrics:
        context.out.line()
        _metric(context, lines, metric)
    if not metrics and not options.differences:
        context.err.line(_("None of them has logged anything yet."))
    context.out.line()
    _differences(context, lines, facts, found)
    return 0


def _metrics(context: Context, runs: list[RunDirectory]) -> list[Metric]:
    from runtime.run.metrics_reader import MetricsReader
    from tui.comparing.facts import compare as compare_metric

    readers = [MetricsReader(context.readable(run.metrics)) for run in runs]
    for reader in readers:
        reader.load()
    metrics = [compare_metric(readers, name) for name in _wanted(readers, context.options.metric)]
    for reader in readers:
        reader.close()
    return metrics


def _wanted(readers: list[MetricsReader], patterns: list[str]) -> list[str]:
    """The metrics that are asked for. Raises UsageError where a pattern fits none of any run."""
    from fnmatch import fnmatchcase

    from tui.comparing.facts import SPEED, all_names, eval_names
    from tui.plotting.layout import ordered

    names = ordered(all_names(readers))
    if not patterns:
        losses = [name for name in names if name.startswith("train/") and name.endswith("loss")]
        chosen = {*(losses or names[:1]), *eval_names(names), *([SPEED] if SPEED in names else [])}
        return [name for name in names if name in chosen]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(
                N_("none of these runs has a metric {pattern}; they have {names}"),
                pattern=repr(pattern),
                names=", ".join(names[:12]) + (" …" if len(names) > 12 else "") if names else DASH,
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _legend(context: Context, lines: list[Compared], states: list[str]) -> None:
    for line, state in zip(lines, states, strict=True):
        context.out.line(
            (line.letter, "strong"),
            f"  {line.run_id}  ",
            (describe.word(state), describe.style(state)),
            (f"  {_('baseline')}" if line is lines[0] else "", "dim"),
        )


def _metric(context: Context, lines: list[Compared], metric: Metric) -> None:
    from tui.comparing.facts import difference
    from tui.comparing.words import step_label

    at = _("AT {step}") if metric.exact else _("UP TO {step}")
    table = Table(
        [
            Column("", "left"),
            Column(_("LAST"), "right"),
            Column(_("STEP"), "right", importance=1),
            Column(_("BEST"), "right"),
            Column(_("AT STEP"), "right", importance=2),
            Column(at.format(step=step_label(metric.common_step)), "right"),
            Column(_("VS {letter}").format(letter="A"), "right"),
        ]
    )
    base = metric.values[0]
    for line, values in zip(lines, metric.values, strict=True):
        against = difference(values.common, base.common) if line is not lines[0] else None
        table.add(
            line.letter,
            (_("not logged"), "dim") if values.missing else _value(metric, values.last),
            "" if values.missing else count(values.last_step),
            "" if values.best is None else _value(metric, values.best),
            "" if values.best is None else count(values.best_step),
            "" if values.common is None else _value(metric, values.common),
            "" if against is None else _signed(metric, against),
        )
    better = {"min": _("less is better"), "max": _("more is better"), None: ""}[metric.direction]
    context.out.line((metric.name, "strong"), (f"  {better}" if better else "", "dim"))
    table.show(context.out, indent="  ")


def _signed(metric: Metric, against: float) -> str:
    from tui.comparing.words import signed

    if metric.name.endswith("tokens_per_second"):
        return ("+" if against > 0 else "−" if against < 0 else "") + rate(abs(against))
    return signed(against)


def _value(metric: Metric, value: float | None) -> str:
    if value is not None and metric.name.endswith("tokens_per_second"):
        return rate(value)
    return number(value, _DIGITS)


def _differences(
    context: Context, lines: list[Compared], facts: list[Facts], found: list[Difference]
) -> None:
    from tui.comparing.profiles import shown

    for line, each in zip(lines, facts, strict=True):
        if each.problem is not None:
            text = _("{letter}: its profile can't be read: {error}")
            context.err.line((text.format(letter=line.letter, error=each.problem), "warning"))
    if not found:
        context.out.line(_("They differ in nothing: the same resolved profile, versions, devices and data."))
        return
    table = Table(
        [Column(_("KEY")), *(Column(line.letter, shrinks=True) for line in lines)],
    )
    for row in found:
        table.add(row.key, *(shown(value) for value in row.values))
    table.show(context.out)


def _json(
    lines: list[Compared],
    states: list[str],
    metrics: list[Metric],
    found: list[Difference],
    *,
    with_metrics: bool,
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "runs": [
            {"letter": line.letter, "run_id": line.run_id, "state": state}
            for line, state in zip(lines, states, strict=True)
        ],
        "differences": [
            {"key": row.key, "values": dict(zip((line.run_id for line in lines), row.values, strict=True))}
            for row in found
        ],
    }
    if with_metrics:
        result["metrics"] = [
            {
                "name": metric.name,
                "better": metric.direction,
                "common_step": metric.common_step,
                "common_step_exact": metric.exact,
                "values": {
                    line.run_id: _values_json(values)
                    for line, values in zip(lines, metric.values, strict=True)
                },
            }
            for metric in metrics
        ]
    return result


def _values_json(values: Values) -> dict[str, Any] | None:
    if values.missing:
        return None
    return {
        "count": values.count,
        "last": values.last,
        "last_step": values.last_step,
        "best": values.best,
        "best_step": values.best_step,
        "at_common_step": values.common,
    }
