"""A profile in a row of a list, and in the few lines below its text: what is wrong with it, or what it comes
to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.clean import clean
from tui.format import count, short_count
from tui.i18n import _, ngettext, render
from tui.widgets.lines import wrapped
from tui.widgets.table import Column, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runtime.profile import Problem, Profile, ProfileEntry
    from tui.widgets.profile_list import ProfileDetail

_ROOMY = 66  # cells of a table from which on the description has room


def profile_columns(width: int) -> list[Column]:
    """The columns for a table of this width in cells."""
    columns = [
        Column("mark", "", 1),
        Column("name", _("NAME"), 14, flexible=True, maximum=24),
        Column("job", _("JOB"), 8),
        Column("from", _("FROM"), 8),
    ]
    if width >= _ROOMY:
        columns.append(Column("description", _("DESCRIPTION"), 16, flexible=True))
    return columns


def profile_row(entry: ProfileEntry, columns: Sequence[Column]) -> Row:
    """One profile; a broken one with its problem in the place of the description."""
    muted, broken = theme.style("muted"), entry.problem is not None
    about = render(entry.problem) if entry.problem is not None else " ".join(clean(entry.description).split())
    cells = {
        "mark": Text("✗" if broken else "", theme.style("failed")),
        "name": Text(clean(entry.name), theme.style("text")),
        "job": Text(clean(entry.job), muted),
        "from": Text(_("shipped") if entry.shipped else _("yours"), muted),
        "description": Text(about, theme.style("failed") if broken else muted),
    }
    return Row(str(entry.path), tuple(cells[column.key] for column in columns))


def about_lines(detail: ProfileDetail, width: int) -> list[Text]:
    """State, description and numbers of a profile, or everything that is wrong with it."""
    if detail.profile is None:
        return [*problem_lines(detail.problems, width), Text(), _mend(detail, width)]
    text, muted, profile = theme.style("text"), theme.style("muted"), detail.profile
    lines = [Text.assemble(("✓ " + _("valid"), theme.style("done")), ("   " + clean(profile.job), muted))]
    description = " ".join(clean(profile.description).split())
    lines += wrapped(description, text, width) if description else []
    facts = Text()
    for fact in size_facts(profile):
        if facts.cell_len and facts.cell_len + 3 + len(fact) > width:
            lines.append(facts)
            facts = Text()
        facts.append(("   " if facts.cell_len else "") + fact, muted)
    return [*lines, facts]


def problem_lines(problems: Iterable[Problem], width: int) -> list[Text]:
    """`✗ 2 problems`, then each as `file:line: key: what is wrong`."""
    found = list(problems)
    head = ngettext("{count} problem", "{count} problems", len(found)).format(count=len(found))
    lines = [Text(f"✗ {head}", theme.style("bold failed"))]
    for problem in found:
        lines += wrapped(problem_text(problem), theme.style("text"), width)
    return lines


def problem_text(problem: Problem) -> str:
    """`demo.yaml:12: train.steps: must be at least 1`; of a file only its name, as the path stands above."""
    file, message = problem.file, render(problem.message)
    if file is not None and "/" in file and not file.startswith("-o"):
        problem = replace(problem, file=PurePath(file).name)
    return f"{clean(problem.location)}: {message}" if problem.location else message


def _mend(detail: ProfileDetail, width: int) -> Text:
    words = (
        _("e edits it, v looks again; it can be launched when nothing is wrong with it")
        if detail.text is not None
        else _("v looks again; it can be launched when nothing is wrong with it")
    )
    line = Text(words, theme.style("muted"))
    line.truncate(width, overflow="ellipsis")
    return line


def size_facts(profile: Profile) -> list[str]:
    """`3.3M parameters`, `819k tokens`, `400 steps`, `1 process`, as far as they are known."""
    from runtime.messages import UsageError
    from runtime.profile import estimate, total_steps

    facts = []
    steps, tokens = total_steps(profile), None
    if profile.job == "pretrain":
        try:
            size = estimate(profile)
        except UsageError:  # the vocabulary comes with the data
            pass
        else:
            facts.append(_("{count} parameters").format(count=short_count(size.parameters)))
            tokens = size.tokens
    if tokens is not None:
        facts.append(_("{count} tokens").format(count=short_count(tokens)))
    if steps is not None:
        facts.append(ngettext("{count} step", "{count} steps", steps).format(count=count(steps)))
    world = profile.launch.processes
    facts.append(ngettext("{count} process", "{count} processes", world).format(count=world))
    return facts
