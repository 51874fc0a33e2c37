"""`ls` and `show`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runtime.launch.sight import with_doubt
from runtime.run.files import read_bytes
from runtime.run.jsontext import parse_object
from runtime.run.record import RunRecord, record_from_json
from tui import describe
from tui.cli import describing
from tui.cli.filtering import filter_help, parsed_filter, with_record
from tui.cli.parser import Parser, add_common, add_run
from tui.cli.table import Column, Table, fields
from tui.format import count, loss, number, rate, size
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context


def ls_arguments(parser: Parser) -> None:
    parser.teach(
        _("Lists the runs of the workspace, newest first: state, progress and how they do."),
        [
            ("headnode ls", _("the 30 newest runs")),
            ("headnode ls --active", _("what is under way")),
            ("headnode ls --state failed --all", _("every failed run")),
            ("headnode ls --filter 'tag:baseline loss<2.5 age<7d'", _("a filter, as in the panel")),
            ("headnode ls --json | jq -r '.[].run_id'", _("for scripts: each run's run.json")),
        ],
        _("Next: headnode show RUN, headnode logs RUN -f."),
    )
    parser.epilog = f"{parser.epilog}\n\n{filter_help()}"
    from runtime.run.record import STATES

    parser.add_argument("--active", action="store_true", help=_("only runs that aren't over"))
    parser.add_argument("--state", choices=STATES, metavar="STATE", help=_("only runs in this state"))
    parser.add_argument("--filter", metavar="FILTER", help=_("only runs that match; see below"))
    parser.add_argument("--all", action="store_true", help=_("all of them, not only the 30 newest"))
    parser.add_argument("-q", "--quiet", action="store_true", help=_("ids only"))
    add_common(parser, json=_("print each run's run.json, as an array"))


def ls(context: Context) -> int:
    options = context.options
    records = _records(context, None if options.all or options.json else 30)
    if options.quiet:
        context.out.lines(record.run_id for _raw, record in records)
    elif options.json:
        context.out.json([raw for raw, _record in records])
    elif records:
        _table([record for _raw, record in records]).show(context.out)
    else:
        _nothing(context)
    return 0


def _records(context: Context, limit: int | None) -> list[tuple[dict[str, Any], RunRecord]]:
    """The records that are asked for, as they stand in run.json and as read."""
    from runtime.run.record import ACTIVE

    options, now = context.options, time.time()
    wanted = parsed_filter(options.filter or "")
    found: list[tuple[dict[str, Any], RunRecord]] = []
    for run in context.workspace.runs():
        raw = _raw(run)
        record = with_doubt(run, record_from_json(raw, run), now)
        if not wanted.matches(with_record(run, record), now):
            continue
        if (options.active and record.state not in ACTIVE) or options.state not in (None, record.state):
            continue
        found.append((raw, record))
        if limit is not None and len(found) >= limit:
            break
    return found


def _raw(run: RunDirectory) -> dict[str, Any]:
    """run.json as it stands; one that can't be read still names its run."""
    data = read_bytes(run.record)
    value = parse_object(data) if data is not None else None
    return {"run_id": run.run_id, "path": str(run.path), "state": "unreadable"} if value is None else value


def _table(records: list[RunRecord]) -> Table:
    table = Table(
        [
            Column(_("STATE")),
            Column(_("RUN"), keep_end=True),
            Column(_("JOB"), importance=1),
            Column(_("DONE"), "right", importance=7),
            Column(_("STEP"), "right", importance=5),
            Column(_("LOSS"), "right", importance=6),
            Column(_("TOKENS/S"), "right", importance=3),
            Column(_("TIME"), "right", importance=4),
            Column(_("WHY"), importance=2, shrinks=True),
        ]
    )
    for record in records:
        summary = record.summary
        value = describing.headline_loss(record)
        table.add(
            describing.state(record),
            record.run_id,
            (record.job, "dim"),
            describing.share(record),
            "" if summary.step is None else count(summary.step),
            "" if value is None else loss(value),
            "" if summary.tokens_per_second is None else rate(summary.tokens_per_second),
            describing.time_left(record),
            (describe.reason(record) if record.state != "completed" else "", "dim"),
        )
    return table


def _nothing(context: Context) -> None:
    options = context.options
    if options.active or options.state or options.filter:
        context.out.line(_("No such run in {workspace}.").format(workspace=context.workspace.name))
        return
    context.out.line(_("No runs in {workspace} yet.").format(workspace=context.workspace.name))
    context.out.line(_("Begin with: headnode demo, or headnode profiles and headnode launch PROFILE."))


def show_arguments(parser: Parser) -> None:
    parser.teach(
        _("Shows one run: its state and why, how far it is, its latest metrics and its checkpoints."),
        [
            ("headnode show last", _("the newest run")),
            ("headnode show demo-1f00 --json", _('run.json, and the latest metrics under "metrics"')),
            ("headnode show last --json | jq -r .state", _("the state alone, for scripts")),
        ],
        _("Next: headnode logs RUN, headnode metrics RUN, headnode checkpoints RUN, headnode events RUN."),
    )
    add_run(parser)
    add_common(parser, json=_("print run.json and the latest metrics"))


def show(context: Context) -> int:
    run = context.run(context.options.run)
    record = with_doubt(run, context.record(run), time.time())
    metrics = _latest_metrics(run, record)
    if context.options.json:
        context.out.json({**_raw(run), "metrics": metrics, "diagnosis": describing.diagnosis_json(record)})
        return 0
    _header(context, record)
    _facts(context, run, record)
    _metrics(context, metrics)
    return 0


def _latest_metrics(run: RunDirectory, record: RunRecord) -> dict[str, float]:
    """The last value of each metric:

    those of the record's summary, and what was logged since it was written.
    """
    from runtime.run.files import number as as_number
    from runtime.run.metrics import RESERVED
    from runtime.run.tail import read_last_records

    metrics = dict(record.summary.metrics)
    for row in read_last_records(run.metrics, 200):
        for name, value in row.items():
            parsed = None if name in RESERVED else as_number(value)
            if parsed is not None:
                metrics[name] = parsed
    return metrics


def _header(context: Context, record: RunRecord) -> None:
    context.out.line((record.run_id, "strong"), "  ", describing.state(record))
    context.out.lines(f"  {line}" for line in describing.explanation(record, context.out.text_width - 2))
    if record.moved:
        text = _("A copy of {path}: it can be read, not changed.").format(path=record.path)
        context.out.line("  ", (text, "warning"))
    context.out.line()


def _facts(context: Context, run: RunDirectory, record: RunRecord) -> None:
    summary = record.summary
    world = ngettext("{count} process", "{count} processes", record.world_size or 1)
    checkpoint = summary.checkpoint
    fields(
        context.out,
        [
            (_("job"), " · ".join(text for text in (record.job, record.strategy or "") if text)),
            (_("progress"), "" if record.ended_state else describing.progress_line(record)),
            (_("reached"), _reached(record) if record.ended_state else ""),
            (_("tokens"), describing.tokens(record)),
            (_("world"), world.format(count=record.world_size) if record.world_size else ""),
            (_("attempt"), _attempts(record)),
            (_("created"), _by(record)),
            (_("started"), describing.moment(record.started)),
            (_("ended"), describing.moment(record.ended)),
            (
                _("branched from"),
                f"{record.parent['run_id']}@{record.parent['step']}" if record.parent else "",
            ),
            (
                _("resumed from"),
                _("step {step}").format(step=count(record.resume["step"])) if record.resume else "",
            ),
            (
                _("checkpoint"),
                _("step {step}, {size}, {moment}").format(
                    step=count(checkpoint["step"]),
                    size=size(checkpoint["bytes"]),
                    moment=describing.moment(checkpoint["time"]),
                )
                if checkpoint
                else "",
            ),
            (_("directory"), str(run.path)),
        ],
        "  ",
    )


def _reached(record: RunRecord) -> str:
    step, total = record.summary.step, record.summary.total_steps
    if step is None:
        return ""
    if total is None:
        return _("step {step}").format(step=count(step))
    return _("step {step} of {total}").format(step=count(step), total=count(total))


def _attempts(record: RunRecord) -> str:
    if not record.restarts:
        return str(record.attempt) if record.attempt else ""
    restarts = ngettext("restarted once", "restarted {count} times", record.restarts).format(
        count=record.restarts
    )
    return f"{record.attempt} ({restarts})"


def _by(record: RunRecord) -> str:
    when = describing.moment(record.created)
    return (
        _("{moment} by {who}").format(moment=when, who=describe.who(record.by))
        if when and record.by
        else when
    )


def _metrics(context: Context, metrics: dict[str, float]) -> None:
    if not metrics:
        return
    context.out.line()
    context.out.line((_("Latest metrics"), "strong"))
    fields(context.out, [(name, _value(name, value)) for name, value in sorted(metrics.items())], "  ")


def _value(name: str, value: float) -> str:
    if name.endswith("/loss"):
        return loss(value)
    return count(value) if value == int(value) and abs(value) >= 1000 else number(value, 4)
