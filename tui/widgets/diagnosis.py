"""What went wrong with a run, on top of its page: what happened, the evidence, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.widgets.lines import Lines, wrapped

if TYPE_CHECKING:
    from tui.describe_diagnosis import Diagnosis

_ARROW = "→ "
_BAR = "│ "


class DiagnosisView(Lines):
    """A block as high as it has something to say: at most 6 lines on a low screen, 12 on a high one."""

    DEFAULT_CSS = "DiagnosisView { padding: 0 1; margin-bottom: 1; display: none; }"

    def update_diagnosis(self, found: Diagnosis | None, width: int, *, low: bool) -> None:
        """Shows `found` in lines of `width` cells; None hides the block."""
        self.display = found is not None
        self.show(block(found, width, low=low) if found is not None else [])


def block(found: Diagnosis, width: int, *, low: bool) -> list[Text]:
    """The lines: what happened in its colour, evidence behind a bar, what to do behind an arrow."""
    what_lines, evidence_lines, next_lines = (2, 1, 2) if low else (3, 4, 4)
    lines = _limited(wrapped(found.what, theme.style(f"bold {found.level}"), width), what_lines, width)
    for text in found.evidence[:evidence_lines]:
        line = Text.assemble((_BAR, theme.style("muted")), (text, theme.style("muted")))
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    steps = (
        wrapped(" ".join(found.next), theme.style("text"), max(1, width - len(_ARROW))) if found.next else []
    )
    for index, step in enumerate(_limited(steps, next_lines, width - len(_ARROW))):
        lead = _ARROW if index == 0 else " " * len(_ARROW)
        lines.append(Text.assemble((lead, theme.style("accent")), step))
    return lines


def _limited(lines: list[Text], most: int, width: int) -> list[Text]:
    """The first lines; the last of them says by an ellipsis that there were more."""
    if len(lines) <= most:
        return lines
    kept = lines[:most]
    last = kept[-1].copy()
    last.truncate(max(1, width - 1))
    kept[-1] = last.append("…")
    return kept
