"""Tags and a note for one run or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Input

from runtime.run.annotations import LONGEST_NOTE, valid_tag
from tui import describe, theme
from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _, ngettext
from tui.store.runs import RunView
from tui.widgets.lines import Lines

_WIDTH = 58


@dataclass(frozen=True)
class Annotated:
    """What was decided: tags to put on and to take off, and the newest note's new text (None: as it was)."""

    put_on: frozenset[str]
    taken_off: frozenset[str]
    note: str | None


class AnnotateDialog(Dialog[Annotated]):
    """For several runs it shows the tags that all of them have; a note is given to each."""

    DEFAULT_CSS = """
    AnnotateDialog Input { width: 58; height: 1; margin-bottom: 1;
        background: $panel; padding: 0 1; border: none;
    }
    AnnotateDialog Input:focus { border: none; background: $selection; }
    AnnotateDialog #wrong { width: 58; height: 1; }
    """
    AUTO_FOCUS = "#tags"

    def __init__(self, views: Sequence[RunView]) -> None:
        super().__init__()
        self._views = views
        self._tags = frozenset.intersection(*(frozenset(view.annotations.tags) for view in views))
        notes = views[0].annotations.notes if len(views) == 1 else ()
        self._note = notes[-1].text if notes else ""

    def title_text(self) -> str:
        if len(self._views) == 1:
            return _("Tags and note of {run}").format(run=describe.short_id(self._views[0].run_id))
        many = len(self._views)
        return ngettext("Tags and note of {count} run", "Tags and note of {count} runs", many).format(
            count=many
        )

    def content(self) -> ComposeResult:
        muted = theme.style("muted")
        yield Lines([Text(_("tags, with spaces between them"), muted)])
        yield Input(" ".join(sorted(self._tags)), id="tags", select_on_focus=False)
        yield Lines([Text(_("note"), muted)])
        yield Input(self._note, id="text", max_length=LONGEST_NOTE, select_on_focus=False)
        yield Lines([Text()], id="wrong")

    def choices(self) -> list[Choice[Annotated]]:
        return [
            Choice("enter", _("keep this"), "", None),
            Choice("tab", _("from tags to note and back"), "", None),
            Choice("escape", _("change nothing"), "", None),
        ]

    def on_key(self, event: events.Key) -> None:
        if event.key == "tab":
            event.stop()
            event.prevent_default()
            other = "#text" if self.focused is self.query_one("#tags") else "#tags"
            self.query_one(other).focus()

    def on_input_changed(self) -> None:
        self._check()

    def _check(self) -> list[str] | None:
        """The tags, if all of them can be; says which can't otherwise."""
        tags = self.query_one("#tags", Input).value.replace(",", " ").replace("#", " ").split()
        wrong = next((tag for tag in tags if not valid_tag(tag)), None)
        line = Text()
        if wrong is not None:
            text = _("{tag} can't be a tag: one word, without quotes and parentheses").format(tag=wrong)
            line = Text(text, theme.style("failed"))
            line.truncate(_WIDTH, overflow="ellipsis")
        self.query_one("#wrong", Lines).show([line])
        return tags if wrong is None else None

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        tags = self._check()
        if tags is None:
            return
        text = self.query_one("#text", Input).value.strip()
        wanted = frozenset(tags)
        self.dismiss(
            Annotated(wanted - self._tags, self._tags - wanted, text if text != self._note else None)
        )
