"""`profiles` and `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.messages import N_, Message, UsageError
from tui import i18n
from tui.cli.output import Output
from tui.cli.parser import Parser, add_common, add_overrides, overrides_of
from tui.cli.table import Column, Table
from tui.i18n import _

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.launch.check import Check
    from runtime.profile import Profile, ProfileEntry
    from tui.cli.context import Context

_MARKS = {"ok": ("✓", "done"), "warn": ("!", "warning"), "fail": ("✗", "failed")}


def profiles_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Lists the profiles that can be launched by name: the workspace's own and those that come with "
            "Headnode."
        ),
        [
            ("headnode profiles", _("names, jobs and what they are for")),
            ("headnode profiles --paths", _("also where the files lie, to read and copy them")),
        ],
        _("Next: headnode check PROFILE, headnode plan PROFILE, headnode launch PROFILE."),
    )
    parser.add_argument("--paths", action="store_true", help=_("show the files"))
    add_common(parser, json=_("print an array: name, job, description, path, shipped, problem"))


def profiles(context: Context) -> int:
    from runtime.profile import find_profiles

    workspace = context.workspace_untouched
    entries = find_profiles(workspace.root)
    if context.options.json:
        context.out.json([_entry(entry) for entry in entries])
    elif entries:
        _table(context, entries).show(context.out)
    else:
        context.out.line(
            _("No profiles in {workspace}; headnode init copies some there.").format(workspace=workspace.name)
        )
    return 0


def _entry(entry: ProfileEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "job": entry.job,
        "description": entry.description,
        "path": str(entry.path),
        "shipped": entry.shipped,
        "problem": None if entry.problem is None else str(entry.problem),
    }


def _table(context: Context, entries: list[ProfileEntry]) -> Table:
    table = Table(
        [
            Column(_("NAME")),
            Column(_("JOB")),
            Column(_("DESCRIPTION"), shrinks=True),
            Column(_("FILE"), shrinks=True),
        ]
    )
    for entry in entries:
        about = (
            (" ".join(entry.description.split()), "")
            if entry.problem is None
            else (f"✗ {i18n.render(entry.problem)}", "failed")
        )
        path = str(entry.path) if context.options.paths else ""
        table.add((entry.name, "accent"), (entry.job, "dim"), about, (path, "dim"))
    return table


def check_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Validates a profile, with line numbers for what is wrong, and tells whether it could run on "
            "this machine now: data, devices, memory, disk. Creates nothing."
        ),
        [
            ("headnode check demo", _("a profile by name")),
            ("headnode check ./mine.yaml train.steps=100", _("a file, with one value changed")),
            (
                "headnode check demo --resolved",
                _("print what it comes to, with parents and overrides applied"),
            ),
        ],
        _(
            "Exit code 2: a launch would be refused, for the profile itself or for what it needs here. Next: "
            "headnode plan PROFILE."
        ),
    )
    add_profile(parser)
    parser.add_argument(
        "--resolved", action="store_true", help=_("print the resolved profile as YAML, nothing else")
    )
    add_common(parser, json=_("print name, job and the checks"))


def add_profile(parser: Parser) -> None:
    """The profile and its overrides."""
    parser.add_argument("profile", metavar="PROFILE", help=_("name, group/name or file"))
    add_overrides(parser)


def load_profile(context: Context, workspace: Path | None) -> Profile:
    """The profile that the command line names, with its overrides. Raises ProfileError."""
    from runtime.profile import load

    options = context.options
    if not options.profile:
        raise UsageError(N_("name a profile; headnode profiles lists them"))
    return load(options.profile, overrides_of(options), workspace=workspace)


def check(context: Context) -> int:
    from runtime.profile import dump

    workspace = context.workspace_untouched
    profile = load_profile(context, workspace.root)
    if context.options.resolved:
        context.out.lines(dump(profile).rstrip("\n").split("\n"))
        return 0
    from runtime.launch.preflight import preflight

    checks = preflight(profile, workspace)
    failed = any(found.status == "fail" for found in checks)
    if context.options.json:
        context.out.json(
            {"name": profile.name, "job": profile.job, "checks": [_check(found) for found in checks]}
        )
        return 2 if failed else 0
    show_checks(context.out, checks)
    context.out.line()
    context.out.line(
        _("It can't run here yet; mend what is marked ✗.")
        if failed
        else _("Next: headnode plan {name} · headnode launch {name}").format(name=context.options.profile)
    )
    return 2 if failed else 0


def show_checks(out: Output, checks: list[Check]) -> None:
    """One line for each check, and how to mend what isn't well."""
    for found in checks:
        glyph, style = _MARKS[found.status]
        out.line((f"{glyph} ", style), i18n.render(found.message))
        if found.fix is not None and found.status != "ok":
            out.line("    ", (i18n.render(found.fix), "dim"))


def _check(found: Check) -> dict[str, object]:
    def text(message: Message | None) -> str | None:
        return None if message is None else str(message)

    return {
        "name": found.name,
        "status": found.status,
        "message": text(found.message),
        "fix": text(found.fix),
    }
