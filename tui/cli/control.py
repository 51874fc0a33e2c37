"""`stop` and `save`: requests to a run under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.messages import N_, HeadnodeError, UsageError
from tui import describe
from tui.cli import describing, following
from tui.cli.parser import Parser, add_common, add_run
from tui.cli.progress import Progress
from tui.format import count
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.events import Event
    from runtime.run.layout import RunDirectory
    from runtime.run.record import RunRecord
    from tui.cli.context import Context


def stop_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Asks a run to save a checkpoint at the end of its step and to stop. It counts as stopped only "
            "when every one of its processes is gone; processes that don't listen are sent SIGTERM, and "
            "then killed."
        ),
        [
            ("headnode stop last", _("save, then stop; comes back at once")),
            ("headnode stop last --wait", _("come back when no process of the run is left")),
            ("headnode stop last --no-save", _("lose the steps since the last checkpoint")),
            ("headnode stop last --kill --wait", _("SIGKILL to every process of the run, now")),
        ],
        _("Later: headnode resume RUN continues from the checkpoint."),
    )
    add_run(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--no-save", action="store_true", help=_("stop without saving a checkpoint"))
    how.add_argument("--kill", action="store_true", help=_("kill its processes without asking them"))
    parser.add_argument("--wait", action="store_true", help=_("wait until none of its processes is left"))
    add_common(parser, json=_("print run_id and request; with --wait run.json as it ended"))


def stop(context: Context) -> int:
    from runtime.launch import operations

    options = context.options
    run = context.run(options.run)
    record = context.record(run)
    if record.ended_state:
        return _already_over(context, record)
    save = not (options.no_save or options.kill)
    request = operations.stop(run, save=save, kill=options.kill)
    if not options.wait:
        if options.json:
            context.out.json({"run_id": run.run_id, "request": request})
        else:
            queued = record.state == "queued"
            saves = save and record.job not in ("command", "prepare")
            words = _("Taking it out of the queue") if queued else describe.stop_asked(saves, options.kill)
            context.out.line((run.run_id, "strong"), "  ", words)
            context.out.line((_("Next: headnode show {run}").format(run=run.run_id), "dim"))
        return 0
    ended = following.wait(context, run, context.err)
    if ended is not None and options.json:
        context.out.json(ended.to_json())
    if ended is None:
        return following.DETACHED
    return 0 if ended.state in ("stopped", "completed") else 1


def _already_over(context: Context, record: RunRecord) -> int:
    if context.options.json:
        context.out.json(record.to_json())
    else:
        context.out.line(
            (record.run_id, "strong"), "  ", _("is over already:"), " ", describing.state(record)
        )
    return 0


def save_arguments(parser: Parser) -> None:
    parser.teach(
        _("Asks a run to save a checkpoint at the end of its step, and to go on."),
        [
            ("headnode save last", _("ask, and come back at once")),
            ("headnode save last --wait", _("come back when the checkpoint is complete on disk")),
        ],
        _("Next: headnode checkpoints RUN."),
    )
    add_run(parser)
    parser.add_argument("--wait", action="store_true", help=_("wait until the checkpoint is complete"))
    add_common(parser, json=_("print run_id, request and, with --wait, the answering event"))


def save(context: Context) -> int:
    from runtime.launch import operations

    options = context.options
    run = context.run(options.run)
    record = context.record(run)
    if not record.active:
        raise UsageError(N_("{run} isn't running: there is nothing to save"), run=run.run_id)
    request = operations.save(run)
    answer = None
    if options.wait:
        with following.detaching(context.err, run) as detach:
            answer = _answer(context, run, request)
        if detach.detached:
            return following.DETACHED
    if options.json:
        event = {} if answer is None else {"event": answer.to_json()}
        context.out.json({"run_id": run.run_id, "request": request, **event})
    elif answer is None:
        context.out.line((run.run_id, "strong"), "  ", _("Asked for a checkpoint at the end of this step"))
    else:
        context.out.line((run.run_id, "strong"), "  ", _saved(run, answer))
    return 0


def _saved(run: RunDirectory, answer: Event) -> str:
    step = answer.detail.get("step")
    if isinstance(step, int):
        return _("saved a checkpoint at step {step}").format(step=count(step))
    return _("saved a checkpoint")


def _answer(context: Context, run: RunDirectory, request: str) -> Event:
    """The final answer to a request.

    Raises HeadnodeError where it was refused, or the run ended without one.
    """
    from runtime.run.control import answered

    with Progress(context.err) as progress:
        for record in following.records(context, run):
            event = answered(run, request)
            if event is not None and event.event == "request_done":
                return event
            if event is not None and event.event == "request_refused":
                raise HeadnodeError(
                    N_("{run} refused: {reason}"), run=run.run_id, reason=event.reason or "unknown"
                )
            progress.update(describing.progress_line(record), (record.state, record.summary.phase))
    raise HeadnodeError(N_("{run} ended before it answered; see headnode events {run}"), run=run.run_id)
