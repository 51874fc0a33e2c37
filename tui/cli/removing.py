"""`rm`: deletes an ended run, or one checkpoint."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from tui.cli.parser import Parser, add_common, add_run
from tui.format import count, size
from tui.i18n import _, ngettext, pgettext

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context


def rm_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Deletes a run that is over, with everything it wrote, or one of its checkpoints. Asks first; "
            "without a terminal to ask on it takes --yes. What is protected is not deleted."
        ),
        [
            ("headnode rm demo-1f00", _("the whole run")),
            ("headnode rm demo-1f00@400", _("one checkpoint")),
            ("headnode rm demo-1f00 --yes", _("without asking")),
        ],
    )
    add_run(parser, step=True)
    parser.add_argument("-y", "--yes", action="store_true", help=_("don't ask"))
    add_common(parser, json=_("print what was deleted: run_id, step, bytes"))


def rm(context: Context) -> int:
    from runtime.launch import operations
    from runtime.run.checkpoints import find_checkpoint, list_checkpoints, parse_address

    address = parse_address(context.options.run)
    run = context.run(address.run)
    if address.step is None:
        record = context.record(run)
        if record.active:
            raise UsageError(N_("{run} isn't over; headnode stop {run} --wait comes first"), run=run.run_id)
        total, files = _extent(run.path)
        question = ngettext(
            "Delete {run} ({count} file, {size})?", "Delete {run} ({count} files, {size})?", files
        ).format(run=run.run_id, count=count(files), size=size(total))
        _tell_of_readers(context, run)
        word = None
    else:
        checkpoint = find_checkpoint(run, address.step)
        total = checkpoint.bytes
        question = _("Delete {address} ({size})?").format(
            address=f"{run.run_id}@{address.step}", size=size(total)
        )
        only = [item.step for item in list_checkpoints(run) if item.state == "complete"] == [address.step]
        word = str(address.step) if only else None
        if only:
            question += " " + _("It is the only one: without it the run begins again at step 0.")
    if not _sure(context, question, word):
        context.err.line(_("Nothing was deleted."))
        return 1
    if address.step is None:
        operations.remove_run(run)
    else:
        operations.remove_checkpoint(run, address.step)
    _report(context, run, address.step, total)
    return 0


def _tell_of_readers(context: Context, run: RunDirectory) -> None:
    """Warns where others read the data that this run has prepared."""
    from runtime.launch.removing import readers_of_data

    readers = readers_of_data(run, context.workspace)
    if readers:
        words = _("! its data is read by {readers}: they can't be resumed or launched without it")
        context.err.line((words.format(readers=", ".join(readers)), "warning"))


def _report(context: Context, run: RunDirectory, step: int | None, total: int) -> None:
    if context.options.json:
        context.out.json({"run_id": run.run_id, "step": step, "bytes": total})
        return
    what = run.run_id if step is None else f"{run.run_id}@{step}"
    context.out.line(_("Deleted {what} ({size})").format(what=what, size=size(total)))


def _sure(context: Context, question: str, word: str | None = None) -> bool:
    """Asks on the terminal; with `word` harder: it has to be typed. Raises UsageError where there is none to
    ask
    on."""
    if context.options.yes:
        return True
    if not (sys.stdin.isatty() and context.err.terminal):
        raise UsageError(N_("there is no terminal to ask on; --yes deletes without asking"))
    ask = " [y/N] " if word is None else " " + _("Type {word} to delete it:").format(word=word) + " "
    context.err.stream.write(context.err.paint(question, ask))
    context.err.flush()
    answer = sys.stdin.readline().strip().lower()
    if word is not None:
        return answer == word
    return answer in (
        "y",
        "yes",
        pgettext("answer to a question", "y").lower(),
        pgettext("answer to a question", "yes"),
    )


def _extent(path: Path) -> tuple[int, int]:
    """Bytes and number of files below `path`."""
    total = files = 0
    for folder, _folders, names in os.walk(path):
        for name in names:
            try:
                total += Path(folder, name).lstat().st_size
            except OSError:
                continue
            files += 1
    return total, files
