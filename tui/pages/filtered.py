"""What pages with a list that `/` filters have in common."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult

from tui import theme
from tui.i18n import _
from tui.pages.page import Page
from tui.widgets.filter_line import FilterLine, FilterNote
from tui.widgets.table import Table


class FilteredPage(Page):
    """A page yields `filter_widgets(…)` above its table, shows what matches `words`, and has "filter" among
    its actions."""

    words = ""

    def filter_changed(self) -> None:
        """Other `words` are to be found from now on."""

    def filter_note(self, text: str) -> Text | None:
        """What is to be said of the filter while it is typed: a mistake, or what could come next."""
        return None

    def complete(self, text: str) -> str:
        """What tab makes of the filter."""
        return text

    def filter_widgets(self, placeholder: str) -> ComposeResult:
        """The line and the note below it."""
        yield FilterLine(placeholder, self.complete)
        yield FilterNote()

    def drop_filter(self) -> None:
        """All is shown again."""
        if self.words:
            self.query_one(FilterLine).close()

    def no_match(self, template: str) -> list[Text]:
        """What stands where nothing matches; `template` has {words} in it."""
        accent, muted = theme.style("accent"), theme.style("muted")
        return [
            Text(template.format(words=self.words), theme.style("text")),
            Text.assemble(("esc", accent), ("  " + _("shows all again"), muted)),
        ]

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def on_filter_line_filtered(self, message: FilterLine.Filtered) -> None:
        if message.words != self.words:
            self.words = message.words
            self.filter_changed()
        self.tell_filter()
        if message.done:
            self.query_one(Table).focus()
        self.refresh_footer()

    def tell_filter(self) -> None:
        """The note below the line, as it is now: also when what is filtered has changed."""
        line = self.query_one(FilterLine)
        self.query_one(FilterNote).tell(self.filter_note(line.value) if line.is_open else None)

    def has_more_to_close(self) -> bool:
        return bool(self.words)

    def close_one(self) -> None:
        self.drop_filter()
