"""`leftovers`: processes that ended runs left behind, and their end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from tui import describe
from tui.cli.parser import Parser, add_common
from tui.cli.table import Column, Table
from tui.format import size
from tui.i18n import _, ngettext, pgettext

if TYPE_CHECKING:
    from runtime.launch.leftovers import Leftover
    from tui.cli.context import Context


def leftovers_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Lists processes of yours that belong to runs which are over, or whose directory is gone, "
            "with the GPU memory that they hold. With --clean it asks, and ends them."
        ),
        [
            ("headnode leftovers", _("what is there")),
            ("headnode leftovers --clean", _("end them, after a question")),
            ("headnode leftovers --clean --yes", _("without asking")),
        ],
    )
    parser.add_argument("--clean", action="store_true", help=_("end them: SIGTERM, and SIGKILL after 5 s"))
    parser.add_argument("-y", "--yes", action="store_true", help=_("don't ask"))
    add_common(parser, json=_("print the processes; with --clean those that are left"))


def leftovers(context: Context) -> int:
    from runtime.launch.leftovers import clean, find

    found = find()
    if not context.options.clean:
        _show(context, found)
        return 0
    if not found:
        _show(context, found)
        return 0
    if not context.options.yes:
        _table(context, found) if not context.options.json else None
        if not _sure(context, len(found)):
            context.err.line(_("Nothing was ended."))
            return 1
    left = clean(found)
    if context.options.json:
        context.out.json([_object(leftover) for leftover in left])
    elif left:
        pids = ", ".join(str(leftover.identity.pid) for leftover in left)
        context.err.line((_("These can't be ended: {pids}").format(pids=pids), "failed"))
    else:
        text = ngettext("Ended {count} process.", "Ended {count} processes.", len(found))
        context.out.line(text.format(count=len(found)))
    return 1 if left else 0


def _show(context: Context, found: list[Leftover]) -> None:
    if context.options.json:
        context.out.json([_object(leftover) for leftover in found])
    elif not found:
        context.out.line(_("No ended run has left a process behind."))
    else:
        _table(context, found)
        context.err.line((_("headnode leftovers --clean ends them"), "dim"))


def _table(context: Context, found: list[Leftover]) -> None:
    table = Table(
        [
            Column(_("PID"), "right"),
            Column(_("PROCESS"), shrinks=True),
            Column(_("RUN"), keep_end=True),
            Column(_("STATE")),
            Column(_("GPU MEMORY"), "right"),
        ]
    )
    for leftover in found:
        state = _("deleted") if leftover.state == "gone" else describe.word(leftover.state)
        memory = size(leftover.memory) if leftover.memory else ""
        table.add(str(leftover.identity.pid), leftover.name, leftover.run_id, state, memory)
    table.show(context.out)


def _object(leftover: Leftover) -> dict[str, object]:
    return {**vars(leftover), "identity": leftover.identity.to_json()}


def _sure(context: Context, count: int) -> bool:
    """Asks on the terminal. Raises UsageError where there is none to ask on."""
    if not (sys.stdin.isatty() and context.err.terminal):
        raise UsageError(N_("there is no terminal to ask on; --yes ends them without asking"))
    question = ngettext("End {count} process?", "End {count} processes?", count).format(count=count)
    context.err.stream.write(context.err.paint(question, " [y/N] "))
    context.err.flush()
    answer = sys.stdin.readline().strip().lower()
    yes = pgettext("answer to a question", "y").lower(), pgettext("answer to a question", "yes")
    return answer in ("y", "yes", *yes)
