"""`doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.messages import UsageError
from tui.cli.parser import Parser, add_common
from tui.cli.text import wrap
from tui.format import pad
from tui.i18n import _, ngettext, render

if TYPE_CHECKING:
    from runtime.doctor import Check, Surroundings
    from runtime.messages import Message
    from runtime.run.workspace import Workspace
    from tui.cli.context import Context

_GLYPHS = {"ok": ("✓", "done"), "warn": ("!", "warning"), "fail": ("✗", "failed")}
_TITLE = 18


def doctor_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Checks whether this machine and this terminal are fit for training: Python, torch, driver, "
            "GPUs, disk, memory, limits, terminal, caches. What isn't as it should be comes with the fix."
        ),
        [
            ("headnode doctor", _("all checks; exit code 1 if one fails")),
            ("headnode doctor --measure", _("also how fast the disk and the all-reduce are")),
            ("headnode doctor --json | jq '.[] | select(.status != \"ok\")'", _("for scripts")),
        ],
    )
    parser.add_argument(
        "--measure", action="store_true", help=_("also measure disk speed and all-reduce, in about a minute")
    )
    add_common(parser, json=_("print the checks, as an array"))


def doctor(context: Context) -> int:
    from runtime.doctor import Surroundings, Terminal

    surroundings = Surroundings(_workspace(context), Terminal.of_this_process())
    checks: list[tuple[str, Check]] = []
    shown = not context.options.json
    from runtime.doctor import GROUPS

    for group in GROUPS:
        if shown:
            context.out.line((render(group.title), "strong"))
            context.out.flush()
        for check in group.run(surroundings):
            checks.append((group.name, check))
            if shown:
                _print(context, check)
    if context.options.measure:
        if shown:
            context.out.line((_("Measurements"), "strong"))
        for check in _measured(context, surroundings):
            checks.append(("measurements", check))
            if shown:
                _print(context, check)
    if shown:
        _sum_up(context, [check for _group, check in checks])
    else:
        context.out.json([_object(group, check) for group, check in checks])
    return 1 if any(check.status == "fail" for _group, check in checks) else 0


def _object(group: str, check: Check) -> dict[str, Any]:
    return {"group": group, **check.to_json()}


def _workspace(context: Context) -> Workspace | None:
    """The one of this command; a doctor also looks at a machine that has none yet."""
    try:
        return context.workspace_untouched
    except UsageError:
        if context.options.workspace is not None:
            raise
        return None


def _print(context: Context, check: Check) -> None:
    out = context.out
    glyph, style = _GLYPHS[check.status]
    indent = " " * (_TITLE + 6)
    lines = wrap(render(check.message), out.text_width, indent)
    title = pad(render(check.title), _TITLE)
    out.line("  ", (glyph, style), "  ", title, "  ", lines[0].strip())
    out.lines(lines[1:])
    if check.fix is not None:
        out.lines(wrap("→ " + render(check.fix), out.text_width, indent + "  ", indent))
    out.flush()


def _measured(context: Context, surroundings: Surroundings) -> list[Check]:
    from runtime.doctor.measuring import MEASUREMENTS

    found = []
    for measurement in MEASUREMENTS:
        title = render(measurement.title)

        def progress(share: float, doing: Message, title: str = title) -> None:
            if context.err.terminal and not context.err.dumb:
                context.err.stream.write(f"\r\x1b[K{title}: {share:4.0%} {render(doing)}")
                context.err.flush()

        found.append(measurement.run(surroundings, progress))
        if context.err.terminal and not context.err.dumb:
            context.err.stream.write("\r\x1b[K")
            context.err.flush()
    return found


def _sum_up(context: Context, checks: list[Check]) -> None:
    warn = sum(1 for check in checks if check.status == "warn")
    fail = sum(1 for check in checks if check.status == "fail")
    context.out.line()
    parts: list[str | tuple[str, str]] = []
    if fail:
        text = ngettext("{count} to be mended", "{count} to be mended", fail).format(count=fail)
        parts += [(text, "failed"), "   "]
    if warn:
        text = ngettext("{count} worth a look", "{count} worth a look", warn).format(count=warn)
        parts += [(text, "warning")]
    context.out.line(*(parts or [(_("All is as it should be."), "done")]))
