"""A dialog that finds out what would be started, lets values be changed, and starts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from runtime.messages import HeadnodeError
from tui import theme
from tui.clean import clean
from tui.dialogs.dialog import Dialog, choice_lines
from tui.dialogs.resume_work import Read
from tui.i18n import render
from tui.widgets.lines import Lines, wrapped
from tui.widgets.overrides_line import OverridesLine
from tui.widgets.preflight_report import BadOverrides, split_overrides

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.app import HeadnodeApp

_FRAME = 4  # lines of the window's border and padding


class StartingDialog(Dialog[None]):
    """Above, what can be said (`says`); below, what was found (`rows`), which scrolls; then overrides, keys.

    Subclasses begin to find out in `inquire(words)` and show themselves by `show` when they know more. The
    run that was started is opened; nothing is handed back.
    """

    DEFAULT_CSS = """
    StartingDialog #dialog { width: 90%; }
    StartingDialog #found { height: auto; max-height: 100%; scrollbar-gutter: stable; }
    StartingDialog #found Lines { width: 1fr; }
    StartingDialog #says { width: 1fr; }
    StartingDialog OverridesLine { padding: 0; }
    StartingDialog OverridesLine Input { background: $panel; }
    """
    AUTO_FOCUS: ClassVar[str | None] = "#found"

    def __init__(self) -> None:
        super().__init__()
        self.reading: Read | None = None
        self.error: str | None = None
        self.starting = False

    # -- what a subclass gives

    def inquire(self, words: Sequence[str]) -> None:
        """Begins to find out what would be started with these overrides."""
        raise NotImplementedError

    def says(self, width: int) -> list[Text]:
        """What can be said while nothing is wrong with a start that was tried."""
        return []

    def rows(self, width: int) -> list[Text]:
        """What was found."""
        return []

    @property
    def known(self) -> bool:
        """Whether it has been found out."""
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether enter starts it."""
        raise NotImplementedError

    def start(self) -> None:
        """Enter was pressed: calls `run_start`."""
        raise NotImplementedError

    def take(self, key: str) -> bool:
        """Acts on a key of the subclass's own; whether it was one."""
        return False

    # -- what is shown

    @property
    def headnode(self) -> HeadnodeApp:
        """The app, with its own type."""
        return self.app  # type: ignore[return-value]

    @property
    def typing(self) -> bool:
        """Whether keys go into the overrides."""
        return any(line.is_open for line in self.query(OverridesLine))

    def content(self) -> ComposeResult:
        yield Lines(id="says")
        with VerticalScroll(id="found"):
            yield Lines(id="rows")
        yield OverridesLine(id="overrides")

    def on_mount(self) -> None:
        self.inquire(())
        self.show()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def show(self) -> None:
        """Brings the window up to date. What decides stays to be seen, and what it is about scrolls."""
        if not self.is_mounted or not self.query("#rows"):
            return
        found = self.query_one("#found")
        width = max(30, found.size.width - 2)
        self.query_one("#dialog").border_title = self.title_text()
        failed = None if self.error is None else wrapped(f"✗ {self.error}", theme.style("failed"), width)
        says = [*(self.says(width) if failed is None else failed), Text()]
        self.query_one("#says", Lines).show(says)
        rows = self.rows(width)
        self.query_one("#rows", Lines).show([*rows, Text()] if rows else [])
        choices = choice_lines(self.choices())
        self.query_one("#choices", Lines).show(choices)
        overrides = max(2, self.query_one(OverridesLine).outer_size.height + 1)
        room = self.size.height * 9 // 10 - _FRAME - len(says) - len(choices) - overrides
        found.styles.max_height = max(3, room)
        at = next((number for number, line in enumerate(rows) if line.plain.startswith("▸")), None)
        if at is not None:
            found.scroll_to(y=max(0, at - 1), animate=False)

    # -- reading and starting

    def show_read(self, read: Read) -> None:
        """From a thread: so far a checkpoint has been verified."""
        self.app.call_from_thread(self._has_read, read)

    def _has_read(self, read: Read) -> None:
        self.reading = read
        self.show()

    def run_start(self, begin: Callable[[], RunDirectory]) -> None:
        """Calls `begin` in a thread, and opens the run that it gives or shows why there is none."""
        self.starting, self.reading = True, None
        self.show()

        def work() -> None:
            run, error = None, None
            try:
                run = begin()
            except (HeadnodeError, OSError) as problem:
                error = error_text(problem)
            self.app.call_from_thread(self._started, run, error)

        self.run_worker(work, thread=True, group="start")

    def _started(self, run: RunDirectory | None, error: str | None) -> None:
        self.starting = False
        if run is None:
            self.error = error
            self.show()
            return
        self.dismiss()
        self.headnode.store.wake()
        self.headnode.open_new_run(run)

    # -- keys

    def on_overrides_line_changed(self, message: OverridesLine.Changed) -> None:
        try:
            words = split_overrides(message.text)
        except BadOverrides as error:
            self.query_one(OverridesLine).show_error(render(error.message))
            return
        self.inquire(words)

    def on_overrides_line_closed(self) -> None:
        self.query_one("#found").focus()
        self.show()

    def on_key(self, event: events.Key) -> None:
        if self.typing or self.starting:
            return
        if event.key == "enter" and self.ready:
            event.stop()
            self.start()
        elif event.key == "o" and self.known:
            event.stop()
            self.query_one(OverridesLine).open()
            self.show()
        elif self.take(event.key):
            event.stop()
            event.prevent_default()
            self.show()

    def action_close(self) -> None:
        if not self.starting:
            self.dismiss()


def error_text(error: Exception) -> str:
    """What went wrong, in the reader's language."""
    return render(error.message) if isinstance(error, HeadnodeError) else clean(str(error))
