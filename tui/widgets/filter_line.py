"""The line in which `/` filters: words to look for; enter keeps the filter, esc drops it."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Input


def focus_now(field: Input) -> None:
    """Gives a field that has just been shown the focus before the next key is looked at.

    `Widget.focus` does so a moment later. Whoever types ahead, as one does over a slow line, would mean
    letters and get commands.
    """
    field.styles.display = "block"  # its class shows it, but not before the next refresh of styles
    field.screen.set_focus(field)


class FilterLine(Input):
    """Hidden until `open`; posts `Filtered` at each change and when it closes."""

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

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False)

    def open(self) -> None:
        """Shows the line and takes the focus."""
        self.add_class("-open")
        self.can_focus = True
        focus_now(self)

    def close(self) -> None:
        """Hides the line and drops the filter."""
        self.remove_class("-open")
        self.styles.display = None
        self.can_focus = False
        self.value = ""
        self.post_message(self.Filtered("", done=True))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-open"):
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
