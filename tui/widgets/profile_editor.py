"""The text of a profile to be edited: numbered lines in three colours, those with a mistake marked."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.widgets import TextArea

from tui import theme
from tui.widgets.profile_yaml import yaml_line


class ProfileEditor(TextArea):
    """A `TextArea` for YAML: no wrapping, two spaces for tab, and a mark for each line in `mark`."""

    DEFAULT_CSS = """
    ProfileEditor, ProfileEditor:focus { border: none; padding: 0; background: $background; }
    ProfileEditor .text-area--gutter { color: $faint; }
    ProfileEditor .text-area--cursor-gutter { color: $accent; background: $selection; text-style: none; }
    ProfileEditor .text-area--cursor-line { background: $selection; }
    """

    def __init__(self, text: str, *, id: str | None = None) -> None:
        super().__init__(
            text, soft_wrap=False, show_line_numbers=True, tab_behavior="focus", max_checkpoints=500, id=id
        )
        self.indent_width = 2
        self.cursor_blink = False  # every blink would be sent over SSH
        self._wrong: frozenset[int] = frozenset()

    def mark(self, lines: Iterable[int]) -> None:
        """The lines (from 1) that something is wrong with."""
        wrong = frozenset(lines)
        if wrong != self._wrong:
            self._wrong = wrong
            self.notify_style_update()
            self.refresh()

    def get_line(self, line_index: int) -> Text:
        raw = self.document.get_line(line_index)
        text = yaml_line(raw)
        if len(text.plain) != len(raw):  # the cursor counts the characters that are there
            text = Text(raw, end="", no_wrap=True)
        if line_index + 1 in self._wrong:
            text.stylize(theme.style("failed"))
        return text
