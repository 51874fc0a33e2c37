"""A log file of any size, or several as one: the end is followed, all of it can be read, searched and copied.

view = LogView()
view.show(attempt.log(0), times=attempt.times(0))          # or None
view.show_merged([Part("0", attempt.log(0), attempt.times(0)), …])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
from tui.i18n import _, render
from tui.logs.file import LogFile, TextFile
from tui.logs.jump import Target, after_report, locate, target
from tui.logs.merge import MergedLog, Part
from tui.logs.search import Errors, Needle, Pattern, SearchError, find_place, needle_of
from tui.widgets.filter_line import FilterLine
from tui.widgets.log_lines import LogLines

POLL_SECONDS = 0.25
BYTES_PER_SECOND = 12_000
"""What following a log may send, at most."""
_TOLD_SECONDS = 0.25

Job = Callable[[Callable[[], bool], Callable[[int], None]], int | None]
"""What a thread does: `job(stopped, passed)` gives the place to go to."""


class JumpLine(FilterLine):
    """Where to go to."""

    class Filtered(FilterLine.Filtered):
        """What was typed."""


class LogView(Vertical):
    """See the module's text. Posts `Changed` when `status` (place, size, what is searched) is another one."""

    DEFAULT_CSS = "LogView { height: 1fr; width: 1fr; padding: 0 1; }"
    ACTIONS: ClassVar[tuple[str, ...]] = (
        "find", "find_next", "find_previous", "find_error", "jump", "follow", "times", "wrap",
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
        self.prompt = FilterLine(_("text to find, or re: and a regular expression"))
        self.jump_line = JumpLine(_("line 1200 · 50% · 14:32 · start · end"))
        self.path: Path | None = None
        self.empty_text = ""
        self.seeking: Needle | Pattern | Errors | None = None
        """What is searched for, and where `n` and `p` go."""
        self._times: Path | None = None
        self._parts: Sequence[Part] | None = None
        self._searching = ""
        self._note = ""
        self._then: Target | int | str | None = None
        self._status: tuple[str, bool] = ("", False)
        self._rest_until = 0.0

    def compose(self) -> ComposeResult:
        yield self.prompt
        yield self.jump_line
        yield self.lines

    def on_mount(self) -> None:
        self._open()
        self.set_interval(self.poll_seconds, self._tick)

    def on_unmount(self) -> None:
        if self.lines.file is not None:
            self.lines.file.close()

    # -- what is shown

    def show(self, path: Path | None, empty_text: str = "", times: Path | None = None) -> None:
        """Shows and follows this file, which needn't exist yet; `empty_text` stands there until it has
        content, `times` is where it is noted when its lines came.
        """
        self._begin(path, None, empty_text)
        self._times = times
        if self.is_mounted:
            self._open()

    def show_merged(self, parts: Sequence[Part], empty_text: str = "") -> None:
        """Shows and follows these logs as one, in the order in which their lines came."""
        self._begin(None, parts, empty_text)
        if self.is_mounted:
            self._open()

    def _begin(self, path: Path | None, parts: Sequence[Part] | None, empty_text: str) -> None:
        self.path, self._parts, self._times = path, parts, None
        self.empty_text = empty_text or self.empty_text
        something = path is not None or parts
        self.lines.empty_text = self.empty_text or (
            _("nothing printed yet") if something else _("no log to show")
        )
        self._note = self._searching = ""
        self._then = None
        self.workers.cancel_group(self, "search")

    def _open(self) -> None:
        if self._parts is None:
            self.lines.clocks = False
            self.lines.open(LogFile(self.path, self._times) if self.path is not None else None)
            return
        merged = MergedLog(self._parts)
        self.lines.open(None)

        def work() -> None:
            merged.load()
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._loaded, merged)

        self.run_worker(work, thread=True, exclusive=True, group="load")

    def _loaded(self, merged: MergedLog) -> None:
        if self._parts is None or list(self._parts) != merged.parts or not self.is_mounted:
            return
        self.lines.clocks = True
        self.lines.open(merged)
        self._note = _("times are estimated") if merged.estimated else ""
        then, self._then = self._then, None
        if then is not None:
            self.go_to(then)
        self._tell()

    def go_to(self, where: Target | int | str) -> None:
        """Goes to a line, a place (an offset in bytes) or the last line with this text, once it is open."""
        file = self.lines.file
        if file is None:
            self._then = where
        elif isinstance(where, int):
            self.lines.show_offset(where)
        elif isinstance(where, Target):
            self._run(lambda stopped, passed: locate(file, where, stopped, passed), True)
        else:
            self.seeking = self.lines.needle = Needle(where)
            self._run_search(self.seeking, False, file.size)

    def _tick(self) -> None:
        """Four times a second while it can be seen: a burst of lines becomes one update.

        A log that grows moves every row, and a wide screen full of rows is much for a slow line: after a
        large update the next one waits until it is within the budget.
        """
        now = time.monotonic()
        if self.screen.is_current and self.lines.size and now >= self._rest_until:
            before = self.lines.sent
            self.lines.poll()
            self._rest_until = now + (self.lines.sent - before) / BYTES_PER_SECOND - self.poll_seconds / 2

    # -- status

    @property
    def status(self) -> str:
        """Where one is, and what goes on: for the note of a pane."""
        file = self.lines.file
        parts = [self._searching or self._note]
        if file is not None and file.size:
            parts.append(size_text(file.size))
            parts.append(_("following") if self.lines.follow else percent(self.lines.share))
        return "   ".join(part for part in parts if part)

    def on_log_lines_moved(self, message: LogLines.Moved) -> None:
        message.stop()
        self._tell()

    def _tell(self) -> None:
        status = (self.status, self.seeking is not None)
        if status != self._status:
            self._status = status
            self.post_message(self.Changed(self))

    # -- search

    def action_find(self) -> None:
        self.prompt.open()

    def on_filter_line_filtered(self, message: FilterLine.Filtered) -> None:
        message.stop()
        try:
            needle = needle_of(message.words) if message.words else None
            self._note = ""
        except SearchError as error:
            needle, self._note = None, render(error.message)
        self.seeking = self.lines.needle = needle
        self.lines.update_rows()
        if message.done:
            self.lines.focus()
            # At the end of a file that is followed, what was found last is what is nearest.
            self._search(forwards=not self.lines.follow, from_here=True)
        self._tell()

    def action_clear_search(self) -> None:
        """Ends a search that goes on, and what is highlighted."""
        self.workers.cancel_group(self, "search")
        self._searching = ""
        self.seeking = None
        self.prompt.close()

    def action_find_next(self) -> None:
        self._search(forwards=True)

    def action_find_previous(self) -> None:
        self._search(forwards=False)

    def action_find_error(self) -> None:
        """The next error, from the top of a log that is followed; n and p go from one to another then."""
        self.seeking, self.lines.needle = Errors(), None
        self.lines.update_rows()
        if self.lines.follow:
            self._run_search(self.seeking, True, 0)
        else:
            self._search(forwards=True)

    def _search(self, forwards: bool, from_here: bool = False) -> None:
        """Goes to the next line that matches, after the one with the cursor (or it, if `from_here`)."""
        file, needle = self.lines.file, self.seeking
        if file is None or needle is None:
            return
        cursor = self.lines.cursor
        if forwards and isinstance(needle, Errors):
            start = after_report(file, cursor)
        elif forwards:
            start = cursor if from_here else file.stop_after(cursor)
        else:
            start = file.stop_after(cursor) if from_here or self.lines.follow else cursor
        self._run_search(needle, forwards, start)

    def _run_search(self, needle: Needle | Pattern | Errors, forwards: bool, start: int) -> None:
        file = self.lines.file
        if file is None:
            return

        def job(stopped: Callable[[], bool], passed: Callable[[int], None]) -> int | None:
            found = find_place(file, needle, start, forwards, stopped, passed)
            if found is None and not stopped():
                found = find_place(file, needle, 0 if forwards else file.size, forwards, stopped, passed)
                around.append(found is not None)
            return found

        around: list[bool] = []
        self._run(job, forwards, around)

    def _run(self, job: Job, forwards: bool, around: Sequence[bool] = ()) -> None:
        """Lets a thread find a place, tells how far it is, and goes there."""
        file = self.lines.file
        if file is None:
            return
        self._searching, self._note = _("searching…"), ""
        self._tell()

        def work() -> None:
            worker, told = get_current_worker(), [time.monotonic()]

            def passed(place: int) -> None:
                if time.monotonic() - told[0] > _TOLD_SECONDS and not worker.is_cancelled:
                    told[0] = time.monotonic()
                    self.app.call_from_thread(self._progress, file, place)

            found, fault = None, ""
            try:
                found = job(lambda: worker.is_cancelled, passed)
            except OSError as error:
                fault = error.strerror or str(error)
            except SearchError as error:
                fault = render(error.message)
            if not worker.is_cancelled:
                self.app.call_from_thread(self._found, file, found, forwards, bool(around), fault)

        self.run_worker(work, thread=True, exclusive=True, group="search")

    def _progress(self, file: TextFile, place: int) -> None:
        if file is self.lines.file and self._searching:
            self._searching = _("searching at {percent}…").format(percent=percent(place / max(file.size, 1)))
            self._tell()

    def _found(self, file: TextFile, found: int | None, forwards: bool, around: bool, fault: str) -> None:
        if file is not self.lines.file:
            return
        self._searching = ""
        if fault:
            self._note = fault
        elif found is None:
            self._note = _("no error found") if isinstance(self.seeking, Errors) else _("not found")
        else:
            self._note = (_("from the top again") if forwards else _("from the end again")) if around else ""
            self.lines.show_offset(found)
        self._tell()

    # -- the other keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in self.ACTIONS and (self.lines.file is None or not self.lines.file.size):
            return False
        if action in ("find_next", "find_previous", "clear_search"):
            return self.seeking is not None or bool(self._searching)
        return True

    def action_jump(self) -> None:
        self.jump_line.open()

    def on_jump_line_filtered(self, message: JumpLine.Filtered) -> None:
        message.stop()
        if not message.done:
            return
        self.lines.focus()
        if message.words:
            self.jump_line.close()
            try:
                self.go_to(target(message.words))
            except SearchError as error:
                self._note = render(error.message)
        self._tell()

    def action_follow(self) -> None:
        self.lines.follow = not self.lines.follow
        self.lines.update_rows()

    def action_wrap(self) -> None:
        self.lines.wrap = not self.lines.wrap
        self.lines.pan = 0
        self.lines.update_rows()

    def action_times(self) -> None:
        """As printed, each line with when it came (where that is noted), without any time."""
        lines = self.lines
        tells = lines.file is not None and lines.file.tells_time
        if lines.clocks:
            lines.clocks, lines.times = False, False
        elif lines.times and tells:
            lines.clocks = True
        else:
            lines.times = not lines.times
        self._note = "" if lines.has_times or tells else _("this log has no times")
        lines.update_rows()
        self._tell()

    def copy_text(self) -> str | None:
        """What `y` copies: the line with the cursor."""
        return self.lines.current_text
