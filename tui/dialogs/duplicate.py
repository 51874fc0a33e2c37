"""Asks for the name of a copy of a profile."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePath

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Input

from tui import theme
from tui.clean import clean
from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _
from tui.widgets.lines import Lines, wrapped

_WIDTH = 56  # cells
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,47}")


class DuplicateDialog(Dialog[str]):
    """The new name, or None. `taken(name)` says whether there is one of that name already; `why` stands
    above."""

    DEFAULT_CSS = """
    DuplicateDialog Input { width: 56; margin-bottom: 1; background: $panel; padding: 0 1; }
    DuplicateDialog Input:focus { background: $panel; }
    DuplicateDialog #note { width: 56; height: 1; margin-bottom: 1; }
    """

    def __init__(
        self, source: str, suggestion: str, directory: Path, taken: Callable[[str], bool], why: str | None
    ) -> None:
        super().__init__()
        self._source, self._suggestion, self._why = source, suggestion, why
        self._directory, self._taken = directory, taken

    def title_text(self) -> str:
        return _("Duplicate {name}").format(name=clean(self._source))

    def content(self) -> ComposeResult:
        if self._why is not None:
            yield Lines([*wrapped(self._why, theme.style("text"), _WIDTH), Text()])
        yield Input(self._suggestion, placeholder=_("name of the copy"), max_length=48)
        yield Lines(id="note")

    def choices(self) -> list[Choice[str]]:
        return [Choice("enter", _("make the copy"), "", None), Choice("escape", _("no copy"), "", None)]

    def on_mount(self) -> None:
        self._check(self._suggestion)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._check(event.value)

    def _check(self, value: str) -> str | None:
        """The name, if it may be used; says what is wrong with it otherwise."""
        name = value.strip()
        if not _NAME.fullmatch(name):
            problem = _("lower-case letters, digits, - and . only, at most 48")
        elif self._taken(name):
            problem = _("there is one of this name already")
        else:
            target = PurePath(*self._directory.parts[-2:], f"{name}.yaml")
            where = _("becomes {path}").format(path=clean(target))
            note = Text(where, theme.style("muted"), no_wrap=True)
            note.truncate(56, overflow="ellipsis")
            self.query_one("#note", Lines).show([note])
            return name
        self.query_one("#note", Lines).show([Text(problem, theme.style("failed"))])
        return None

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name = self._check(event.value)
        if name is not None:
            self.dismiss(name)
