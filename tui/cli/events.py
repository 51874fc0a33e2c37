"""`events`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui import describe_events
from tui.cli import describing
from tui.cli.following import POLL_SECONDS, detaching
from tui.cli.parser import Parser, add_common, add_run
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.events import Event
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context


def events_arguments(parser: Parser) -> None:
    parser.teach(
        _("Tells what happened to a run, oldest first: attempts, checkpoints, requests and how it ended."),
        [
            ("headnode events last", _("the whole story")),
            ("headnode events last -f", _("and what happens from now on, until the run is over")),
            ("headnode events last --json", _("the lines of events.jsonl")),
        ],
    )
    add_run(parser)
    parser.add_argument("-f", "--follow", action="store_true", help=_("go on until the run is over"))
    add_common(parser, json=_("print one JSON object a line, as in events.jsonl"))


def events(context: Context) -> int:
    from runtime.run.events import EventTail

    run = context.run(context.options.run)
    tail = EventTail(context.readable(run.events))
    if not context.options.follow:
        found = tail.poll()
        for event in found:
            _print(context, event)
        if not found and not context.options.json:
            context.err.line(_("Nothing has happened to {run} yet.").format(run=run.run_id))
        return 0
    with detaching(context.err, run, lambda: context.record(run).active):
        _follow(context, run, tail.poll)
    return 0


def _follow(context: Context, run: RunDirectory, poll: object) -> None:
    assert callable(poll)
    while True:
        over = not context.record(run).active
        for event in poll():
            _print(context, event)
        context.out.flush()
        if over:
            return
        time.sleep(POLL_SECONDS)


def _print(context: Context, event: Event) -> None:
    if context.options.json:
        context.out.json_line(event.to_json())
        return
    sentence = describe_events.sentence(event)
    if sentence:  # what only the supervisor's own bookkeeping needs has none
        context.out.line((describing.clock(event.time), "dim"), "  ", sentence)
