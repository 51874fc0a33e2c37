"""`checkpoints`, `verify` and `protect`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from tui import i18n
from tui.cli.parser import Parser, add_common, add_run
from tui.cli.progress import Progress
from tui.cli.table import Column, Table
from tui.format import age, count, duration, loss, percent, short_count, size
from tui.i18n import _, ngettext, pgettext

if TYPE_CHECKING:
    from runtime.run.checkpoints import Checkpoint, Verification
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context


def checkpoints_arguments(parser: Parser) -> None:
    parser.teach(
        _("Lists the checkpoints of a run, newest first, with what is known of their soundness."),
        [
            ("headnode checkpoints last", _("step, loss, size, age, and whether it was verified")),
            ("headnode checkpoints last --json", _("for scripts, with every COMPLETE.json")),
        ],
        _(
            "Next: headnode verify RUN, headnode resume RUN, headnode branch RUN@STEP, headnode protect "
            "RUN@STEP."
        ),
    )
    add_run(parser)
    add_common(parser, json=_("print an array, newest first"))


def checkpoints(context: Context) -> int:
    from runtime.run.checkpoints import list_checkpoints

    run = context.run(context.options.run)
    found = list_checkpoints(run)[::-1]
    if context.options.json:
        context.out.json([_entry(checkpoint) for checkpoint in found])
    elif found:
        _table(found).show(context.out)
    else:
        context.out.line(_("{run} has no checkpoints.").format(run=run.run_id))
    return 0


def _entry(checkpoint: Checkpoint) -> dict[str, Any]:
    from runtime.run.complete import COMPLETE
    from runtime.run.files import read_json

    complete = checkpoint.complete
    return {
        "step": checkpoint.step,
        "path": str(checkpoint.path),
        "state": checkpoint.state,
        "bytes": checkpoint.bytes,
        "time": checkpoint.time,
        "protected": checkpoint.protected,
        "verified": checkpoint.verified,
        "problem": None if checkpoint.problem is None else str(checkpoint.problem),
        "complete": None if complete is None else read_json(checkpoint.path / COMPLETE),
    }


def _table(found: list[Checkpoint]) -> Table:
    table = Table(
        [
            Column(_("STEP"), "right"),
            Column(_("LOSS"), "right", importance=4),
            Column(_("TOKENS"), "right", importance=2),
            Column(_("SIZE"), "right", importance=3),
            Column(pgettext("how long ago", "AGE"), "right", importance=5),
            Column(_("WORLD"), importance=1),
            Column(_("CHECKED"), shrinks=True),
        ]
    )
    for checkpoint in found:
        complete = checkpoint.complete
        table.add(
            count(checkpoint.step),
            "" if complete is None or complete.loss is None else loss(complete.loss),
            "" if complete is None or complete.tokens is None else short_count(complete.tokens),
            size(checkpoint.bytes),
            age(max(0.0, time.time() - checkpoint.time)),
            "" if complete is None else f"{complete.strategy or ''} {complete.world_size or ''}".strip(),
            _soundness(checkpoint),
        )
    return table


def _soundness(checkpoint: Checkpoint) -> tuple[str, str]:
    if checkpoint.state == "partial":
        return _("unfinished: cut short, or being saved"), "dim"
    if checkpoint.state == "foreign":
        return _("of a newer version"), "dim"
    if checkpoint.state == "invalid":
        problem = "" if checkpoint.problem is None else i18n.render(checkpoint.problem)
        return "✗ " + (_("invalid: {problem}").format(problem=problem) if problem else _("invalid")), "failed"
    text = "✓ " + _("verified") if checkpoint.verified is not None else "– " + _("not yet verified")
    if checkpoint.protected:
        text += " · " + _("protected")
    return text, "done" if checkpoint.verified is not None else ""


def verify_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Reads every byte of a run's checkpoints, or of one, and compares it with the checksums that "
            "were taken when it was saved. Changes nothing."
        ),
        [
            ("headnode verify last", _("all complete checkpoints of the newest run")),
            ("headnode verify last@400", _("one of them")),
        ],
        _(
            "Exit code 0: all are sound. 1: at least one isn't. A resume verifies by itself what it starts "
            "from."
        ),
    )
    add_run(parser, step=True)
    add_common(parser, json=_("print an array: step, path, ok, problems"))


def verify(context: Context) -> int:
    from runtime.run.checkpoints import find_checkpoint, list_checkpoints, parse_address

    address = parse_address(context.options.run)
    run = context.run(address.run)
    if address.step is not None:
        chosen = [find_checkpoint(run, address.step)]
    else:
        chosen = [c for c in list_checkpoints(run) if c.path == run.checkpoint(c.step)]
    if not chosen:
        raise UsageError(N_("{run} has no complete checkpoint"), run=run.run_id)
    results = [(checkpoint, _verify(context, run, checkpoint)) for checkpoint in chosen]
    if context.options.json:
        context.out.json([_result(checkpoint, result) for checkpoint, result in results])
    else:
        for checkpoint, result in results:
            _show_result(context, checkpoint, result)
    return 0 if all(result.ok for _checkpoint, result in results) else 1


def _verify(context: Context, run: RunDirectory, checkpoint: Checkpoint) -> Verification:
    from runtime.run.checkpoints import verify as verify_checkpoint

    began = time.monotonic()
    with Progress(context.err) as progress:

        def show(done: int, total: int) -> None:
            progress.update(_reading(checkpoint.step, done, total, time.monotonic() - began), checkpoint.step)

        return verify_checkpoint(checkpoint, show)


def _reading(step: int, done: int, total: int, seconds: float) -> str:
    """`verifying step 400   61%   1.2 GiB/s   12s left`."""
    rate = done / seconds if seconds > 0 else 0.0
    parts = [
        _("verifying step {step}").format(step=count(step)),
        percent(done / total if total else None),
        f"{size(rate)}/s",
        _("{time} left").format(time=duration((total - done) / rate)) if rate else "",
    ]
    return "   ".join(part for part in parts if part)


def _result(checkpoint: Checkpoint, result: Verification) -> dict[str, Any]:
    return {
        "step": checkpoint.step,
        "path": str(checkpoint.path),
        "ok": result.ok,
        "problems": [str(problem) for problem in result.problems],
    }


def _show_result(context: Context, checkpoint: Checkpoint, result: Verification) -> None:
    if result.ok:
        text = _("step {step} is sound ({size})").format(
            step=count(checkpoint.step), size=size(checkpoint.bytes)
        )
        context.out.line(("✓ ", "done"), text)
        return
    problems = ngettext("step {step} has a problem", "step {step} has {count} problems", len(result.problems))
    context.out.line(
        ("✗ ", "failed"), problems.format(step=count(checkpoint.step), count=len(result.problems))
    )
    for problem in result.problems:
        context.out.line("    ", i18n.render(problem))


def protect_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Protects a checkpoint: neither the run's retention nor headnode rm deletes it until that is "
            "lifted."
        ),
        [
            ("headnode protect last@400", _("keep it")),
            ("headnode protect last@400 --off", _("treat it like the others again")),
        ],
    )
    parser.add_argument("address", metavar="RUN@STEP", help=_("the checkpoint"))
    parser.add_argument("--off", action="store_true", help=_("lift the protection"))
    add_common(parser, json=_("print run_id, step and protected"))


def protect(context: Context) -> int:
    from runtime.run.annotations import protect as set_protection
    from runtime.run.checkpoints import find_checkpoint, parse_address

    options = context.options
    address = parse_address(options.address)
    if address.step is None:
        raise UsageError(N_("name the checkpoint, as in {run}@400"), run=address.run)
    run = context.writable_run(address.run)
    if not options.off:
        find_checkpoint(run, address.step)
    set_protection(run, address.step, on=not options.off, by=user_name())
    if options.json:
        context.out.json({"run_id": run.run_id, "step": address.step, "protected": not options.off})
    else:
        text = _("{address} is not protected any more") if options.off else _("{address} is protected")
        context.out.line(text.format(address=f"{run.run_id}@{address.step}"))
    return 0


def user_name() -> str:
    """Who does it, for the record: the login name, or the number of a user without one."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no entry for this uid, as in many containers
        return str(os.getuid())
