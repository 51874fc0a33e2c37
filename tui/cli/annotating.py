"""`tag`, `note`, `archive` and `unarchive`: what people add to runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from tui.cli import describing
from tui.cli.parser import Parser, add_common, add_run
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context

_SIGNED = re.compile(r"-\w")


def tag_arguments(parser: Parser) -> None:
    parser.teach(
        _("Puts tags on runs or takes them off. Without any change it prints the tags."),
        [
            ("headnode tag last +baseline -draft", _("puts on one tag and takes off another")),
            ("headnode tag demo-1f00 olmo-9c1e +paper", _("several runs at once")),
            ("headnode tag last", _("prints the tags of the newest run")),
        ],
        _("Next: headnode ls --filter tag:baseline"),
    )
    # What argparse takes for negative numbers it leaves alone; here those are tags to take off.
    vars(parser)["_negative_number_matcher"] = _SIGNED
    parser.add_argument(
        "items", metavar="RUN|+TAG|-TAG", nargs="+", help=_("runs, tags to put on, and tags to take off")
    )
    add_common(parser, json=_("print run_id and tags of each run"))


def tag(context: Context) -> int:
    from runtime.run.annotations import tag as put
    from runtime.run.annotations import tags, valid_tag

    items: list[str] = context.options.items
    names = [item for item in items if item[0] not in "+-"]
    changes = [(item[1:], item[0] == "+") for item in items if item[0] in "+-"]
    if not names:
        raise UsageError(N_("which run? Write headnode tag RUN +TAG"))
    for name, on in changes:
        if on and not valid_tag(name):
            raise UsageError(
                N_(
                    "{tag} can't be a tag: it must be one word of at most 64 characters, without quotes, "
                    "commas and parentheses"
                ),
                tag=repr(name),
            )
    runs = [context.writable_run(name) if changes else context.run(name) for name in names]
    for run in runs:
        for name, on in changes:
            put(run, name, on=on, by=_user())
    found = {run.run_id: tags(run) for run in runs}
    if context.options.json:
        context.out.json([{"run_id": run_id, "tags": put_on} for run_id, put_on in found.items()])
        return 0
    for run_id, put_on in found.items():
        context.out.line((run_id, "strong"), "  ", " ".join(put_on) or (_("no tags"), "dim"))
    return 0


def note_arguments(parser: Parser) -> None:
    parser.teach(
        _("Adds a note to a run. Without a text it prints the notes."),
        [
            ('headnode note last "lower learning rate after the spike"', _("adds a note")),
            ("headnode note last", _("prints the notes")),
            ("headnode note last --remove", _("takes the newest note away")),
        ],
        _("Next: headnode ls --filter 'note:spike'"),
    )
    add_run(parser)
    parser.add_argument("text", metavar="TEXT", nargs="*", help=_("the note; words are joined"))
    parser.add_argument("--remove", action="store_true", help=_("take the newest note away"))
    add_common(parser, json=_("print the notes: text, by, time"))


def note(context: Context) -> int:
    from runtime.run.annotations import LONGEST_NOTE, add_note, notes, set_note

    options = context.options
    text = " ".join(options.text).strip()
    changing = bool(text) or options.remove
    run = context.writable_run(options.run) if changing else context.run(options.run)
    if len(text) > LONGEST_NOTE:
        raise UsageError(N_("the note is longer than {limit} characters"), limit=LONGEST_NOTE)
    if options.remove:
        set_note(run, "")
    if text:
        add_note(run, text, _user())
    found = notes(run)
    if options.json:
        context.out.json([{"text": one.text, "by": one.by, "time": one.time} for one in found])
        return 0
    if not found:
        context.out.line((_("no notes"), "dim"))
    for one in found:
        who = f"{describing.moment(one.time)} {one.by}".strip()
        context.out.line((who, "dim"), "  ", one.text)
    return 0


def archive_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Puts runs that are over away: lists leave them out, and nothing of them is deleted. "
            "headnode unarchive brings them back."
        ),
        [
            ("headnode archive demo-1f00 demo-2a3b", _("puts two runs away")),
            ("headnode ls --filter archived", _("lists what was put away")),
        ],
        _("Next: headnode rm RUN deletes a run for good."),
    )
    _add_runs(parser)


def archive(context: Context) -> int:
    runs = [context.writable_run(name) for name in context.options.runs]
    for run in runs:
        if context.record(run).active:
            raise UsageError(N_("{run} isn't over: it can be archived when it has ended"), run=run.run_id)
    return _put(context, runs, on=True)


def unarchive_arguments(parser: Parser) -> None:
    parser.teach(
        _("Brings archived runs back into the lists."),
        [("headnode unarchive demo-1f00", _("brings one run back"))],
        _("Next: headnode ls --filter archived lists what else was put away."),
    )
    _add_runs(parser)


def unarchive(context: Context) -> int:
    return _put(context, [context.writable_run(name) for name in context.options.runs], on=False)


def _add_runs(parser: Parser) -> None:
    text = _("ids, unique prefixes or parts of ids, or last")
    parser.add_argument("runs", metavar="RUN", nargs="+", help=text)
    add_common(parser, json=_("print run_id and archived of each run"))


def _put(context: Context, runs: list[RunDirectory], on: bool) -> int:
    from runtime.run.annotations import archive

    for run in runs:
        archive(run, on=on, by=_user())
    if context.options.json:
        context.out.json([{"run_id": run.run_id, "archived": on} for run in runs])
        return 0
    many = len(runs)
    done = (
        ngettext("{count} run archived", "{count} runs archived", many)
        if on
        else ngettext("{count} run is back in the lists", "{count} runs are back in the lists", many)
    )
    context.out.line(done.format(count=many))
    return 0


def _user() -> str:
    from runtime.run.annotations import user_name

    return user_name()
