"""What has ended while nobody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.format import duration
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from tui.store.runs import RunView


def since_line(ended: list[RunView], away: float, width: int) -> Text | None:
    """`Since you left (9h): 2 finished, 1 failed: out of device memory (olmo-1b-3f2a), enter to see why`, or
    as much of it as fits into `width` cells."""
    if not ended:
        return None
    failed = [view for view in ended if view.state in {"failed", "lost"}]
    endings = _failures(failed) or [None]
    head = _("Since you left ({age}):").format(age=duration(away, parts=1))
    line = Text()
    for ending in endings:
        parts = [*_counts(ended), *([ending] if ending is not None else [])]
        line = Text.assemble(
            (head + " ", theme.style("bold text")), Text(_(", "), theme.style("muted")).join(parts)
        )
        if line.cell_len <= width:
            return line
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def _counts(ended: list[RunView]) -> list[Text]:
    parts = []
    finished = sum(view.state == "completed" for view in ended)
    stopped = sum(view.state == "stopped" for view in ended)
    if finished:
        text = ngettext("{count} finished", "{count} finished", finished).format(count=finished)
        parts.append(Text(text, theme.style("done")))
    if stopped:
        text = ngettext("{count} stopped", "{count} stopped", stopped).format(count=stopped)
        parts.append(Text(text, theme.style("text")))
    return parts


def _failures(failed: list[RunView]) -> list[Text]:
    """How many failed and why the first of them did, the longest way of saying so first."""
    if not failed:
        return []
    count = ngettext("{count} failed", "{count} failed", len(failed)).format(count=len(failed))
    first = failed[0]
    why = describe.reason(first.record) if first.record is not None else ""
    where = describe.short_id(first.run_id)
    full = _("{failed}: {reason} ({run}), enter to see why").format(failed=count, reason=why, run=where)
    ways = [full, _("{failed}: {reason} ({run})").format(failed=count, reason=why, run=where)]
    ways += [
        _("{failed} ({run}), enter to see why").format(failed=count, run=where),
        f"{count} ({where})",
        count,
    ]
    return [Text(way, theme.style("failed")) for way in ways]
