"""Two checkpoints beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from tui import describe, theme
from tui.dialogs.dialog import Choice, Dialog, choice_lines
from tui.i18n import _
from tui.widgets.checkpoint_compare import compare_lines, distance
from tui.widgets.lines import Lines, wrapped

if TYPE_CHECKING:
    from runtime.run.checkpoints import Checkpoint

_FRAME = 5  # lines of the window's border and padding, and one below the table


class CompareCheckpointsDialog(Dialog[None]):
    """Both are complete."""

    DEFAULT_CSS = """
    CompareCheckpointsDialog #dialog { width: 90%; max-width: 110; }
    CompareCheckpointsDialog #table { height: auto; scrollbar-gutter: stable; }
    CompareCheckpointsDialog #table Lines { width: 1fr; }
    """
    AUTO_FOCUS = "#table"

    def __init__(self, first: Checkpoint, second: Checkpoint) -> None:
        super().__init__()
        self._pair = first, second

    def title_text(self) -> str:
        runs = {item.complete.run_id for item in self._pair if item.complete is not None}
        if len(runs) > 1:
            return _("Compare checkpoints")
        return _("Compare checkpoints of {run}").format(run=describe.short_id(runs.pop()))

    def content(self) -> ComposeResult:
        with VerticalScroll(id="table"):
            yield Lines(id="rows")

    def choices(self) -> list[Choice[None]]:
        return [Choice("escape", _("back"), "", None)]

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        first, second = self._pair
        width = max(40, self.query_one("#table").size.width - 2)
        lines = compare_lines(first, second, width)
        assert first.complete is not None
        assert second.complete is not None
        apart = distance(first.complete, second.complete)
        if apart is not None:
            lines = [*wrapped(apart, theme.style("text"), width), Text(), *lines]
        self.query_one("#rows", Lines).show([*lines, Text()])
        room = self.size.height * 9 // 10 - _FRAME - len(choice_lines(self.choices()))
        self.query_one("#table").styles.max_height = max(4, room)
