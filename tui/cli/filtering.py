"""The filter language at the command line: `ls --filter '…'`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from runtime.messages import UsageError, joined
from tui.format import pad
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.record import RunRecord
    from tui.filtering import Filter
    from tui.store.runs import RunView


def parsed_filter(text: str) -> Filter:
    """The filter. Raises UsageError with all that can't be understood: a script must not go on with less."""
    from tui.filtering import parse

    found = parse(text)
    if found.problems:
        raise UsageError("{problems}", problems=joined(problem.message for problem in found.problems))
    return found


def with_record(run: RunDirectory, record: RunRecord) -> RunView:
    """The run as a filter looks at it."""
    from runtime.run.annotations import read_annotations
    from tui.store.runs import RunView, owner_of

    return RunView(run.run_id, run, record, None, read_annotations(run), owner_of(run))


def filter_help() -> str:
    """The keys of a filter, one a line."""
    from tui.filtering.keys import KEYS, grammar

    width = max(cell_len(key.example) for key in KEYS) + 3
    lines = [_("What a filter may ask for") + ":"]
    lines += [f"  {pad(key.example, width)}{_(key.help)}" for key in KEYS]
    lines += [f"  {pad(example, width)}{meaning}" for example, meaning in grammar()]
    return "\n".join(lines)
