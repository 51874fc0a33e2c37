"""The line in which values are changed for one launch or resume: `train.steps=100 …`, with what is wrong
below it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from tui import theme
from tui.i18n import _
from tui.widgets.filter_line import focus_now
from tui.widgets.lines import Lines, wrapped
from tui.widgets.profile_summary import problem_text

if TYPE_CHECKING:
    from runtime.profile import Problem

_PAUSE_SECONDS = 0.2


class OverridesInput(Input):
    """esc gives back what was there before; enter closes when nothing is wrong."""

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            if isinstance(self.parent, OverridesLine):
                self.parent.close(keep=False)


class OverridesLine(Vertical):
    """Shows the overrides; `open` lets them be edited. Posts `Changed` when the typing rests, and
    `Closed`."""

    DEFAULT_CSS = """
    OverridesLine { height: auto; padding: 0 1; margin-bottom: 1; }
    OverridesLine Input { display: none; padding: 0 1; }
    OverridesLine.-open Input { display: block; }
    OverridesLine.-open #set { display: none; }
    """

    class Changed(Message):
        """`text` is what the line says now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The keys go back to the page."""

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = self._before = text
        self._submitted = False
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Lines(id="set")
        field = OverridesInput(
            self._text,
            placeholder="train.steps=100 train.optimizer.learning_rate=1e-4",
            select_on_focus=False,
        )
        field.can_focus = False
        yield field
        yield Lines(id="problems")

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        accent, muted, text = theme.style("accent"), theme.style("muted"), theme.style("text")
        if self._text.strip():
            line = Text.assemble((_("overrides") + "  ", muted), (self._text, text), no_wrap=True)
            line.truncate(max(20, self._width - len("   o")), overflow="ellipsis")
            line.append("   o", accent)
        else:
            words = _("changes values for this time, as in train.steps=100")
            line = Text.assemble(("o", accent), ("  " + words, muted), no_wrap=True)
        self.query_one("#set", Lines).show([line])

    @property
    def _width(self) -> int:
        """Cells that a line has, also before the first layout."""
        return self.query_one("#set", Lines).size.width or self.content_size.width or self.app.size.width - 2

    def on_resize(self) -> None:
        self._show()

    def set_text(self, text: str) -> None:
        """What was chosen by other means than typing."""
        self._text = self._before = text
        self._show()

    @property
    def field(self) -> Input:
        return self.query_one(OverridesInput)

    @property
    def is_open(self) -> bool:
        """Whether the overrides are being edited."""
        return self.has_class("-open")

    def open(self) -> None:
        """Takes the focus."""
        self._before, self._submitted = self._text, False
        self.add_class("-open")
        self.field.can_focus = True
        self.field.value = self._text
        focus_now(self.field)

    def close(self, keep: bool) -> None:
        """Gives the focus back; without `keep` the overrides are those of before."""
        self._submitted = False
        if self._typing is not None:
            self._typing.stop()
        if not keep and self._text != self._before:
            self._text = self._before
            self.post_message(self.Changed(self._text))
        if not keep:
            self.show_error(None)
        self.remove_class("-open")
        self.field.can_focus = False
        self.field.styles.display = None
        self._show()
        self.post_message(self.Closed())

    def show_problems(self, problems: Iterable[Problem]) -> None:
        """What is wrong with the overrides; none: nothing."""
        self._show_wrong([problem_text(problem) for problem in problems])

    def show_error(self, text: str | None) -> None:
        """The same in words."""
        self._show_wrong([text] if text is not None else [])

    def _show_wrong(self, texts: list[str]) -> None:
        if self._submitted and not texts:
            self.close(keep=True)
        self._submitted = False
        width = max(20, self.size.width - 4)
        lines = [line for text in texts for line in wrapped(f"✗ {text}", theme.style("failed"), width)]
        self.query_one("#problems", Lines).show(lines)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if not self.is_open or event.value == self._text:
            return
        self._text = event.value
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_PAUSE_SECONDS, lambda: self.post_message(self.Changed(self._text)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._text = event.value.strip()
        self._submitted = True  # it closes when nothing turns out to be wrong
        self.post_message(self.Changed(self._text))
