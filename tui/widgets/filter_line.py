"""The line in which `/` filters, and the one below it that says what is wrong or what could come next; enter
keeps the filter, esc drops it."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import Input

from tui.widgets.lines import Lines


def focus_now(field: Input) -> None:
    """Gives a field that has just been shown the focus before the next key is looked at.

    `Widget.focus` does so a moment later. Whoever types ahead, as one does over a slow line, would mean
    letters and get commands.
    """
    field.styles.display = "block"  # its class shows it, but not before the next refresh of styles
    field.screen.set_focus(field)


class FilterNote(Lines):
    """What is said of the filter; takes no room while there is nothing to say."""

    DEFAULT_CSS = "FilterNote { display: none; padding: 0 2; }"

    def tell(self, line: Text | None) -> None:
        """Shows this line, or nothing."""
        self.display = line is not None
        if line is not None:
            line.truncate(max(10, self.screen.size.width - 4), overflow="ellipsis")
            self.show([line])


class FilterLine(Input):
    """Hidden until `open`; posts `Filtered` at each change and when it closes. `complete(text)` is what tab
    makes of a text."""

    DEFAULT_CSS = """
    FilterLine { display: none; height: 1; border: none; padding: 0 1; margin: 0 1; background: $surface; }
    FilterLine:focus { border: none; }
    FilterLine.-open { display: block; }
    """

    class Filtered(Message):
        """`words` are to be found now; `done` when the keys go back to the list."""

        def __init__(self, words: str, done: bool) -> None:
            super().__init__()
            self.words, self.done = words, done

    can_focus = False  # until it is opened

    def __init__(self, placeholder: str, complete: Callable[[str], str] | None = None) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False)
        self._complete = complete

    @property
    def is_open(self) -> bool:
        """Whether it is there."""
        return self.has_class("-open")

    def open(self) -> None:
        """Shows the line and takes the focus."""
        self.add_class("-open")
        self.can_focus = True
        focus_now(self)
        self.post_message(self.Filtered(self.value.strip(), done=False))

    def close(self) -> None:
        """Hides the line and drops the filter."""
        self.remove_class("-open")
        self.styles.display = None
        self.can_focus = False
        self.value = ""
        self.post_message(self.Filtered("", done=True))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Filtered(self.value.strip(), done=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.value.strip():
            self.post_message(self.Filtered(self.value.strip(), done=True))
        else:
            self.close()

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.close()
        elif event.key == "tab" and self._complete is not None:
            event.stop()
            event.prevent_default()
            self.value = self._complete(self.value)
            self.cursor_position = len(self.value)
