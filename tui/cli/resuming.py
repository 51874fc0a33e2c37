"""`resume` and `branch`: what differs from then, and then the start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from tui import describe, describe_events, i18n
from tui.cli.launching import report_started
from tui.cli.parser import Parser, add_common, add_overrides, overrides_of
from tui.cli.reading import reading_steps
from tui.cli.table import Column, Table
from tui.format import DASH, ago, count, truncate
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.launch.operations import ResumePlan
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context

_LONGEST_VALUE = 40
"""Cells; `--json` has values in full."""
_MARKS = {
    "same": ("", "dim"),
    "note": ("≠", "warning"),
    "acknowledge": ("≠", "warning"),
    "refuse": ("✗", "failed"),
}


def resume_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Continues a run from its newest checkpoint that is complete and sound, bit for bit as if "
            "nothing had happened where hardware, software, world size and thread count are the same. One "
            "that turns out to be damaged is passed over, and said; one that you name is refused "
            "instead.\n\nWhat differs from then is shown before anything starts. What would change results "
            "has to be acknowledged by its key."
        ),
        [
            ("headnode resume last --dry-run", _("only show what would differ")),
            ("headnode resume last --wait", _("resume, and follow it to its end")),
            ("headnode resume last -o train.steps=800", _("go on for longer than it was launched for")),
            ("headnode resume last --acknowledge versions", _("accept a difference that the plan names")),
        ],
        _("From an older checkpoint: headnode branch RUN@STEP makes a new run of it."),
    )
    parser.add_argument(
        "run", metavar="RUN[@STEP]", help=_("the run; its newest valid checkpoint unless said")
    )
    _how(parser)


def branch_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Starts a new run from a checkpoint of another, with its full state: weights, optimizer, "
            "random numbers and place in the data. The run that it came from stays as it is, and is named "
            "as its parent."
        ),
        [
            ("headnode branch last@400", _("go on from step 400 under a new id")),
            ("headnode branch last@400 train.optimizer.learning_rate=1e-4", _("with another learning rate")),
            ("headnode branch last@400 --dry-run", _("only show what would differ")),
        ],
    )
    parser.add_argument(
        "run", metavar="RUN@STEP", help=_("the checkpoint; headnode checkpoints RUN lists them")
    )
    _how(parser)


def _how(parser: Parser) -> None:
    add_overrides(parser)
    parser.add_argument(
        "--acknowledge",
        metavar="KEY",
        action="append",
        default=[],
        help=_(
            "accept the difference called KEY, or all whose names begin with KEY and a dot; repeatable, or "
            "several with commas"
        ),
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=_("show what would differ, start nothing; exit code 2 where it can't be done"),
    )
    parser.add_argument("--wait", action="store_true", help=_("show progress until the run has ended"))
    add_common(parser, json=_("print run_id and path; with --dry-run the plan"))


def resume(context: Context) -> int:
    from runtime.launch import operations
    from runtime.run.checkpoints import parse_address

    options = context.options
    address = parse_address(options.run)
    run = context.run(address.run)
    overrides = overrides_of(options)
    with reading_steps(context.err) as progress:
        plan = operations.resume_plan(run, address.step, overrides, progress=progress)
    if options.dry_run:
        shown, record = _show_only(context, plan), context.record(run)
        if record.ended_state:
            return shown
        text = _("It is {state} now: it can be resumed when it is over.")
        context.err.line((text.format(state=describe.word(record.state)), "warning"))
        return 2
    _require(context, plan)
    with reading_steps(context.err) as progress:
        names = _acknowledged(context)
        started = operations.resume(run, address.step, overrides, acknowledge=names, progress=progress)
    context.err.lines(what_turned_out(started, plan.step))
    return report_started(context, started)


def what_turned_out(run: RunDirectory, planned: int) -> list[str]:
    """What a resume did otherwise than planned from step `planned`: the plan believes what was verified
    before, the resume has read every byte again."""
    from runtime.run.events import read_events

    found: list[str] = []
    for event in reversed(read_events(run)):
        if event.event == "resumed" and not found:
            resumed = event.detail.get("resume") or {}
            if resumed.get("step", 0) == planned:
                return []
            found.append(_goes_on(run.run_id, int(resumed.get("step", 0))))
        elif found and event.event == "checkpoint_invalid" and event.detail.get("step", 0) <= planned:
            found.insert(0, describe_events.sentence(event))
        elif found:
            break
    return found


def branch(context: Context) -> int:
    from runtime.launch import operations
    from runtime.run.checkpoints import parse_address

    options = context.options
    address = parse_address(options.run)
    if address.step is None:
        raise UsageError(N_("name the checkpoint, as in {run}@400"), run=address.run)
    run = context.run(address.run)
    overrides = overrides_of(options)
    with reading_steps(context.err) as progress:
        plan = operations.resume_plan(run, address.step, overrides, branch=True, progress=progress)
    if options.dry_run:
        return _show_only(context, plan, branch=True)
    _require(context, plan, branch=True)
    with reading_steps(context.err) as progress:
        names = _acknowledged(context)
        started = operations.branch(run, address.step, overrides, acknowledge=names, progress=progress)
    return report_started(context, started)


def _require(context: Context, plan: ResumePlan, *, branch: bool = False) -> None:
    """Shows what differs. Raises UsageError where that makes it impossible, or nobody has acknowledged it."""
    _differences(context, plan, everything=False, branch=branch)
    if plan.refusals:
        raise UsageError(N_("{run} can't go on like this: see what is marked ✗"), run=plan.run_id)
    missing = plan.unacknowledged(_acknowledged(context))
    if missing:
        keys = ",".join(row.key for row in missing)
        raise UsageError(
            N_("{run} would not go on as before; --acknowledge {keys} accepts that"),
            run=plan.run_id,
            keys=keys,
        )


def _acknowledged(context: Context) -> list[str]:
    return [key.strip() for text in context.options.acknowledge for key in text.split(",") if key.strip()]


def _show_only(context: Context, plan: ResumePlan, *, branch: bool = False) -> int:
    if context.options.json:
        context.out.json(_plan(plan))
    else:
        _differences(context, plan, everything=True, branch=branch)
    return 2 if plan.refusals else 0


def _differences(context: Context, plan: ResumePlan, *, everything: bool, branch: bool) -> None:
    """The plan:

    on standard output when it was asked for, else only what is worth a look, on standard error.
    """
    out = context.out if everything else context.err
    for rejected in plan.rejected:
        problems = _("; ").join(i18n.render(problem) for problem in rejected.problems)
        text = _("checkpoint {step} is damaged and passed over: {problems}")
        out.line(("! ", "warning"), text.format(step=count(rejected.checkpoint.step), problems=problems))
    rows = [row for row in plan.rows if everything or not row.same or row.severity == "refuse"]
    if everything or rows:
        out.line(_source(plan, branch))
    if everything and plan.trusted is not None:
        words = _(
            "It was verified {ago}, which is believed here: nothing was read for this. The resume reads "
            "every byte again."
        )
        out.line((words.format(ago=ago(time.time() - plan.trusted)), "dim"))
    if not rows:
        return
    table = Table(
        [
            Column(""),
            Column(_("WHAT")),
            Column(_("THEN"), shrinks=True),
            Column(_("NOW"), shrinks=True),
            Column("", shrinks=True),
        ]
    )
    for row in rows:
        mark, style = _MARKS.get(row.severity, ("", ""))
        note = "" if row.message is None else i18n.render(row.message)
        if row.severity == "acknowledge":
            note = " · ".join(part for part in (note, f"--acknowledge {row.key}") if part)
        now = (_("same"), "dim") if row.same else _shown(row.now)
        table.add((mark, style), row.key, (_shown(row.then), "dim"), now, (note, style))
    table.show(out, indent="  ")


def _shown(value: str | float | None) -> str:
    return DASH if value is None else truncate(str(value), _LONGEST_VALUE)


def _source(plan: ResumePlan, branch: bool) -> str:
    if branch:
        text = _("A new run goes on from {run}@{step}")
        return text.format(run=plan.run_id, step=plan.step)
    if plan.checkpoint is None and plan.profile.job not in ("command", "prepare"):
        return _("{run} begins again at step 0: there is no checkpoint to go on from").format(run=plan.run_id)
    if plan.checkpoint is None:
        return _("{run} keeps no checkpoints: it begins again").format(run=plan.run_id)
    return _goes_on(plan.run_id, plan.step)


def _goes_on(run_id: str, step: int) -> str:
    return _("{run} goes on from step {step}").format(run=run_id, step=count(step))


def _plan(plan: ResumePlan) -> dict[str, Any]:
    return {
        "run_id": plan.run_id,
        "step": plan.step,
        "checkpoint": None if plan.checkpoint is None else plan.checkpoint.name,
        "world_size": plan.world_size,
        "trusted": plan.trusted,
        "rejected": [
            {"step": rejected.checkpoint.step, "problems": [str(problem) for problem in rejected.problems]}
            for rejected in plan.rejected
        ],
        "rows": [
            {
                "key": row.key,
                "then": row.then,
                "now": row.now,
                "same": row.same,
                "severity": row.severity,
                "message": None if row.message is None else str(row.message),
            }
            for row in plan.rows
        ],
    }
