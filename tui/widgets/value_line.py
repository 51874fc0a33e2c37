"""The line in which one value of a profile is changed: enter takes it, esc leaves it, arrows go through the
choices."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.widgets import Input

from tui.widgets.filter_line import focus_now


class ValueLine(Input):
    """Hidden until `open`; posts `Typed` at each change and `Closed` with the text, or None for esc."""

    DEFAULT_CSS = """
    ValueLine { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    ValueLine:focus { border: none; }
    ValueLine.-open { display: block; }
    """
    can_focus = False

    class Typed(Message):
        """This stands in the line now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The line was answered."""

        def __init__(self, text: str | None) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(select_on_focus=False)
        self._choices: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is there."""
        return self.has_class("-open")

    def open(self, value: str, choices: Sequence[str], hint: str) -> None:
        """Asks for another value than this."""
        self._choices = tuple(choices)
        self.add_class("-open")
        self.can_focus = True
        self.placeholder = hint
        self.value = value
        self.cursor_position = len(value)
        focus_now(self)

    def close(self) -> None:
        """Hides the line."""
        self.remove_class("-open")
        self.styles.display = None
        self.can_focus = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Typed(self.value.strip()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Closed(self.value.strip()))

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.post_message(self.Closed(None))
        elif event.key in {"up", "down"} and self._choices:
            event.stop()
            event.prevent_default()
            step = -1 if event.key == "up" else 1
            at = self._choices.index(self.value) if self.value in self._choices else -step
            self.value = self._choices[(at + step) % len(self._choices)]
            self.cursor_position = len(self.value)
