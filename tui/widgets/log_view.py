"""A log file of any size: its end is followed, all of it can be read, searched and copied from.

view = LogView()
view.show(attempt.log(0))          # or None
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.worker import get_current_worker

from tui import keymap
from tui.format import percent
from tui.format import size as size_text
from tui.i18n import _
from tui.widgets.filter_line import FilterLine
from tui.widgets.log_file import LogFile
from tui.widgets.log_lines import LogLines
from tui.widgets.log_search import Needle, next_error, search

POLL_SECONDS = 0.25


class LogView(Vertical):
    """See the module's text. Posts `Changed` when `status` (place, size, what is searched) is another one."""

    DEFAULT_CSS = "LogView { height: 1fr; width: 1fr; padding: 0 1; }"
    ACTIONS: ClassVar[tuple[str, ...]] = (
        "find", "find_next", "find_previous", "find_error", "follow", "times", "wrap",
    )  # fmt: skip
    BINDINGS: ClassVar[list[Binding]] = [
        Binding("escape", "clear_search", show=False),
        *keymap.bindings(ACTIONS),
    ]

    class Changed(Message):
        """The status is another one; what can be done may be, too."""

        def __init__(self, view: LogView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> LogView:
            return self.view

    def __init__(
        self, *, poll_seconds: float = POLL_SECONDS, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.poll_seconds = poll_seconds
        self.lines = LogLines()
        self.prompt = FilterLine(_("text to find"))
        self.path: Path | None = None
        self.empty_text = ""
        self._searching = False
        self._note = ""
        self._status: tuple[str, bool] = ("", False)

    def compose(self) -> ComposeResult:
        yield self.prompt
        yield self.lines

    def on_mount(self) -> None:
        self.show(self.path)
        self.set_interval(self.poll_seconds, self._tick)

    def on_unmount(self) -> None:
        if self.lines.file is not None:
            self.lines.file.close()

    def show(self, path: Path | None, empty_text: str = "") -> None:
        """Shows and follows this file, which needn't exist yet; `empty_text` stands there until it has
        content.
        """
        self.path = path
        self.empty_text = empty_text or self.empty_text
        self.lines.empty_text = self.empty_text or (_("nothing printed yet") if path else _("no log to show"))
        if self.is_mounted:
            self._note = ""
            self.lines.open(LogFile(path) if path is not None else None)

    def _tick(self) -> None:
        """Four times a second while it can be seen: a burst of lines becomes one update."""
        if self.screen.is_current and self.lines.size:
            self.lines.poll()

    # -- status

    @property
    def status(self) -> str:
        """Where one is, and what goes on: for the note of a pane."""
        file = self.lines.file
        parts = [_("searching…") if self._searching else self._note]
        if file is not None and file.size:
            parts.append(size_text(file.size))
            parts.append(_("following") if self.lines.follow else percent(self.lines.share))
        return "   ".join(part for part in parts if part)

    def on_log_lines_moved(self, message: LogLines.Moved) -> None:
        message.stop()
        self._tell()

    def _tell(self) -> None:
        status = (self.status, self.lines.needle is not None)
        if status != self._status:
            self._status = status
            self.post_message(self.Changed(self))

    # -- search

    def action_find(self) -> None:
        self.prompt.open()

    def on_filter_line_filtered(self, message: FilterLine.Filtered) -> None:
        message.stop()
        self.lines.needle = Needle(message.words) if message.words else None
        self.lines.update_rows()
        if message.done:
            self.lines.focus()
            if message.words:
                # At the end of a file that is followed, what was found last is what is nearest.
                self._search(forwards=not self.lines.follow, from_here=True)
            else:
                self._note = ""
        self._tell()

    def action_clear_search(self) -> None:
        self.prompt.close()

    def action_find_next(self) -> None:
        self._search(forwards=True)

    def action_find_previous(self) -> None:
        self._search(forwards=False)

    def action_find_error(self) -> None:
        file = self.lines.file
        if file is not None:
            start = 0 if self.lines.follow else file.stop_after(self.lines.cursor)
            self._run_search(None, True, start)

    def _search(self, forwards: bool, from_here: bool = False) -> None:
        """Goes to the next line that matches, after the one with the cursor (or it, if `from_here`)."""
        file = self.lines.file
        if file is None or self.lines.needle is None:
            return
        cursor = self.lines.cursor
        if forwards:
            start = cursor if from_here else file.stop_after(cursor)
        else:
            start = file.stop_after(cursor) if from_here or self.lines.follow else cursor
        self._run_search(self.lines.needle, forwards, start)

    def _run_search(self, needle: Needle | None, forwards: bool, start: int) -> None:
        if self.path is None:
            return
        self._searching, self._note = True, ""
        self._tell()
        path = self.path

        def work() -> None:
            worker = get_current_worker()

            def stopped() -> bool:
                return worker.is_cancelled

            found, around, fault = None, False, ""
            try:
                found = self._find(path, needle, start, forwards, stopped)
                if found is None and not worker.is_cancelled:
                    around = True
                    found = self._find(path, needle, 0 if forwards else 1 << 62, forwards, stopped)
            except OSError as error:
                fault = error.strerror or str(error)
            if not worker.is_cancelled:
                self.app.call_from_thread(self._found, path, found, around, forwards, fault)

        self.run_worker(work, thread=True, exclusive=True, group="search")

    @staticmethod
    def _find(
        path: Path, needle: Needle | None, start: int, forwards: bool, stopped: Callable[[], bool]
    ) -> int | None:
        if needle is None:
            return next_error(path, start, stopped)
        return search(path, needle, start, forwards, stopped)

    def _found(self, path: Path, found: int | None, around: bool, forwards: bool, fault: str) -> None:
        if path != self.path:
            return
        self._searching = False
        if fault:
            self._note = fault
        elif found is None:
            self._note = _("not found")
        else:
            self._note = (_("from the top again") if forwards else _("from the end again")) if around else ""
            self.lines.show_offset(found)
        self._tell()

    # -- the other keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in self.ACTIONS and (self.lines.file is None or not self.lines.file.size):
            return False
        if action in ("find_next", "find_previous", "clear_search"):
            return self.lines.needle is not None
        return True

    def action_follow(self) -> None:
        self.lines.follow = not self.lines.follow
        self.lines.update_rows()

    def action_wrap(self) -> None:
        self.lines.wrap = not self.lines.wrap
        self.lines.pan = 0
        self.lines.update_rows()

    def action_times(self) -> None:
        self.lines.times = not self.lines.times
        self._note = "" if self.lines.has_times else _("this log has no times")
        self.lines.update_rows()
        self._tell()

    def copy_text(self) -> str | None:
        """What `y` copies: the line with the cursor."""
        return self.lines.current_text
