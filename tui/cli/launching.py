"""`launch`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui.cli import describing, following
from tui.cli.parser import Parser, add_common
from tui.cli.profiles import add_profile, load_profile, show_checks
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.profile import Profile
    from runtime.run.layout import RunDirectory
    from runtime.run.record import RunRecord
    from tui.cli.context import Context

_DECIDED_SECONDS = 10.0
_POLL_SECONDS = 0.02


def launch_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Starts a run and prints its id. The run belongs to a supervisor of its own, so it goes on "
            "when this terminal closes. With --wait, follows it to its end."
        ),
        [
            ("headnode launch demo", _("start it, and come back to the prompt")),
            (
                "headnode launch demo train.steps=50 --wait",
                _("50 steps, waiting for the end; ctrl+c lets it go on"),
            ),
            ('RUN=$(headnode launch demo) && headnode logs "$RUN" -f', _("in a script")),
        ],
        _(
            "With --wait the exit code is 0 completed, 1 failed, 3 stopped. Next: headnode show RUN, or "
            "headnode."
        ),
    )
    add_profile(parser)
    parser.add_argument("--wait", action="store_true", help=_("show progress until the run has ended"))
    add_common(parser, json=_("print run_id and path; with --wait run.json as it ended"))


def launch(context: Context) -> int:
    from runtime.launch import operations

    workspace = context.workspace
    profile = load_profile(context, workspace.root)
    warn(context, profile)
    return report_started(context, operations.launch(workspace, profile))


def warn(context: Context, profile: Profile) -> None:
    """Tells what is doubtful about a launch, on standard error; the launch itself refuses what must fail."""
    from runtime.launch.preflight import preflight

    checks = preflight(profile, context.workspace)
    show_checks(context.err, [check for check in checks if check.status == "warn"])


def decided(run: RunDirectory) -> RunRecord | None:
    """The record once the supervisor has found out whether the run starts or waits: a moment later."""
    from runtime.run.record import read_record

    end = time.monotonic() + _DECIDED_SECONDS
    while True:
        record = read_record(run)
        pending = record is not None and record.state == "starting" and record.started is None
        if not pending or time.monotonic() >= end:
            return record
        time.sleep(_POLL_SECONDS)


def report_started(context: Context, run: RunDirectory) -> int:
    """Prints the run's id, then waits if that was asked for.

    Used by every verb that starts processes of a run.
    """
    options = context.options
    if not options.json:
        context.out.line(run.run_id)
        context.out.flush()
    if not options.wait:
        record = decided(run)
        if record is not None and record.state == "queued":
            context.err.line(describing.waits(record))
        if options.json:
            context.out.json({"run_id": run.run_id, "path": str(run.path)})
        elif context.out.terminal:
            text = _("Next: headnode logs {run} -f · headnode show {run} · headnode")
            context.err.line((text.format(run=run.run_id), "dim"))
        return 0
    record = following.wait(context, run, context.err)
    if options.json and record is not None:
        context.out.json(record.to_json())
    return following.exit_code(record)
