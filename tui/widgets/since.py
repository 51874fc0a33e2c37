"""What has ended while nobody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.format import duration
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from tui.store.runs import RunView


def since_line(ended: list[RunView], away: float) -> Text | None:
    """`Since you left (9h): 2 finished, 1 failed: out of device memory (olmo-1b-3f2a), enter to see why`."""
    if not ended:
        return None
    finished = sum(view.state == "completed" for view in ended)
    stopped = sum(view.state == "stopped" for view in ended)
    failed = [view for view in ended if view.state in {"failed", "lost"}]
    parts: list[Text] = []
    if finished:
        text = ngettext("{count} finished", "{count} finished", finished).format(count=finished)
        parts.append(Text(text, theme.style("done")))
    if stopped:
        text = ngettext("{count} stopped", "{count} stopped", stopped).format(count=stopped)
        parts.append(Text(text, theme.style("text")))
    if failed:
        text = ngettext("{count} failed", "{count} failed", len(failed)).format(count=len(failed))
        first = failed[0]
        why = describe.reason(first.record) if first.record is not None else ""
        where = describe.short_id(first.run_id)
        text = _("{failed}: {reason} ({run}), enter to see why").format(failed=text, reason=why, run=where)
        parts.append(Text(text, theme.style("failed")))
    head = _("Since you left ({age}):").format(age=duration(away, parts=1))
    return Text.assemble(
        (head + " ", theme.style("bold text")), Text(_(", "), theme.style("muted")).join(parts)
    )
