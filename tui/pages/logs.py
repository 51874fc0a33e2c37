"""6 Logs: what every rank and the supervisor of a run printed, from its end backwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.worker import get_current_worker

from tui import describe, theme
from tui.describe_diagnosis import log_place
from tui.format import size
from tui.i18n import _
from tui.logs.jump import Target
from tui.logs.listing import Kind, LogEntry, choose, find_logs
from tui.pages.page import Page
from tui.widgets.log_view import LogView
from tui.widgets.pane import Pane
from tui.widgets.table import Column, Row, Table

if TYPE_CHECKING:
    from tui.store.runs import RunView

_LIST_WIDTH = 40
_LOOK_SECONDS = 2


class LogsPage(Page):
    """`app.show_page("logs", run_id=…, rank=…)` opens a run's log; without them, of the run looked at.

    `source` ("rank", "supervisor", "agent" or "merged") and `attempt` say which one; `line` (from 1),
    `offset` (in bytes) or `text` (the last line that holds it) where to go in it.
    """

    NAME = "logs"
    ACTIONS = ("open", *LogView.ACTIONS, "next_source", "previous_source")
    AUTO_FOCUS = "LogLines"
    DEFAULT_CSS = """
    LogsPage #list { width: 40; }
    LogsPage #log { padding-left: 1; }
    LogsPage.-narrow #panes { layout: vertical; }
    LogsPage.-narrow #list { width: 100%; height: 9; }
    LogsPage.-narrow #log { padding-left: 0; margin-top: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._run_id: str | None = None
        self._wanted = Wanted()
        self._entries: list[LogEntry] = []
        self._entry: LogEntry | None = None
        self._ticks = 0

    def body(self) -> ComposeResult:
        with Horizontal(id="panes"):
            yield Pane(_("Runs"), Table(id="logs"), id="list")
            yield Pane("", LogView(id="view"), id="log")

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def arrive(
        self,
        run_id: str | None = None,
        rank: int | None = None,
        source: Kind | None = None,
        attempt: int | None = None,
        line: int | None = None,
        offset: int | None = None,
        text: str | None = None,
        **arguments: object,
    ) -> None:
        run_id = run_id or self._run_left_behind()
        where: Target | int | str | None = offset if offset is not None else text
        if line is not None:
            where = Target("line", line)
        wanted = Wanted(rank, source, attempt, where)
        if run_id is not None and (run_id != self._run_id or wanted != Wanted()):
            self._open(run_id, wanted)

    def _run_left_behind(self) -> str | None:
        """The run that one was looking at: its page, or the cursor in the list of runs."""
        page = self.headnode.page
        selected = getattr(page, "selected_run", None) or getattr(page, "selected", None)
        run_id = getattr(page, "run_id", None) or getattr(selected, "run_id", None)
        return run_id if isinstance(run_id, str) else None

    def _open(self, run_id: str, wanted: Wanted | None = None) -> None:
        """Another run: its logs are listed, and the one that says most is shown."""
        self._run_id, self._entries, self._entry = run_id, [], None
        self._wanted = wanted or Wanted()
        if self._wanted.rank is None and self._wanted.source is None:
            self._wanted = self._telling(self._wanted)
        if self.is_mounted:
            self._show()
            self._look()

    def _telling(self, wanted: Wanted) -> Wanted:
        """The telling line of a run that failed, where it is known; of a run that goes on, the first rank."""
        view = self.view
        if view is None or view.record is None:
            return wanted
        place = log_place(view.record.evidence) if view.record.state == "failed" else None
        if place is None:
            return replace(wanted, rank=0 if view.active else None)
        return replace(wanted, rank=place[0], where=place[1] if wanted.where is None else wanted.where)

    @property
    def view(self) -> RunView | None:
        """The run whose logs are listed."""
        return self.store.runs.get(self._run_id) if self._run_id else None

    # -- what is shown

    def refresh_page(self) -> None:
        if self.view is None:
            ordered = self.store.ordered()
            if ordered:
                self._open(ordered[0].run_id)
        self._show()
        self._look()

    def runs_changed(self, changed: frozenset[str]) -> None:
        if self.view is None:
            self.refresh_page()
        else:
            self._show()

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % _LOOK_SECONDS == 0:
            self._look()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 100, "-narrow")
        self.call_after_refresh(self._show)

    def _look(self) -> None:
        """Asks the disk, in a thread, which logs the run has now."""
        view = self.view
        if view is None:
            return
        directory, run_id = view.directory, view.run_id

        def work() -> None:
            entries = find_logs(directory)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._found, run_id, entries)

        self.run_worker(work, thread=True, exclusive=True, group="look")

    def _found(self, run_id: str, entries: list[LogEntry]) -> None:
        if run_id != self._run_id or not self.is_mounted:
            return
        before, self._entries = self._entries, entries
        if self._entry is None:
            self._choose(self._wanted.among(entries))
            if self._wanted.where is not None and self._entry is not None:
                self.call_after_refresh(self.log_view.go_to, self._wanted.where)
                self._wanted = replace(self._wanted, where=None)
        elif self._moves_on(before, entries):
            self._choose(choose(entries, self._entry.rank, self._entry.kind))
        elif self._entry.kind == "merged":
            self._follow_parts(entries)
        if entries != before:
            self._show()

    def _follow_parts(self, entries: list[LogEntry]) -> None:
        """A rank that has begun to print belongs into the merged log that is shown."""
        now = next((entry for entry in entries if self._entry and entry.key == self._entry.key), None)
        if now is not None and self._entry is not None and now.parts != self._entry.parts:
            self._choose(now)

    def _moves_on(self, before: list[LogEntry], now: list[LogEntry]) -> bool:
        """Whether a new attempt has begun while the end of the newest one was being watched."""
        newest = max((entry.attempt or 0 for entry in before), default=0)
        shown = self._entry
        return (
            shown is not None
            and shown.kind in ("rank", "merged")
            and shown.attempt == newest
            and self.log_view.lines.follow
            and any(
                (entry.attempt or 0) > newest and (entry.rank, entry.kind) == (shown.rank, shown.kind)
                for entry in now
            )
        )

    def _choose(self, entry: LogEntry | None) -> None:
        self._entry = entry
        if entry is not None and entry.parts:
            self.log_view.show_merged(entry.parts, self._empty_text())
        elif entry is not None:
            self.log_view.show(entry.path, self._empty_text(), entry.times)
        else:
            self.log_view.show(None, self._empty_text())
        self._show()
        if entry is not None:
            self.query_one(Table).cursor = f"log:{entry.key}"

    def _empty_text(self) -> str:
        if not self.store.runs:
            return _("No runs here yet: 2 shows the profiles, enter launches one")
        return (
            _("nothing printed yet")
            if self.view is not None and self.view.active
            else _("nothing was printed")
        )

    def _show(self) -> None:
        if not self.is_mounted or not self.size:
            return
        table = self.query_one(Table)
        width = self.size.width if self.has_class("-narrow") else _LIST_WIDTH
        table.set_columns(
            [Column("name", _("LOG"), width - 17, flexible=True), Column("size", _("SIZE"), 9, "right")]
        )
        rows: list[Row] = []
        for view in self.store.ordered():
            rows.append(_run_row(view, view.run_id == self._run_id))
            if view.run_id == self._run_id:
                rows += [self._log_row(entry) for entry in self._entries]
        table.set_rows(rows)
        if not rows:
            self.log_view.show(None, self._empty_text())
        self._title()
        self.refresh_footer()

    def _log_row(self, entry: LogEntry) -> Row:
        shown = self._entry is not None and entry.key == self._entry.key
        name = Text("  " + entry_name(entry, self._newest), theme.style("accent" if shown else "text"))
        return Row(f"log:{entry.key}", (name, Text(size(entry.size), theme.style("muted"))))

    @property
    def _newest(self) -> int:
        return max((entry.attempt or 0 for entry in self._entries), default=0)

    def _title(self) -> None:
        pane = self.query_one("#log", Pane)
        if self._entry is None or self._run_id is None:
            pane.set_title(_("Log"))
            return
        title = f"{describe.short_id(self._run_id)} › {entry_name(self._entry, self._newest)}"
        pane.set_title(title, self.log_view.status)

    def on_log_view_changed(self) -> None:
        self._title()
        self.refresh_footer()

    # -- keys

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        """A log under the cursor is shown at once, a run only when it is opened."""
        entry = self._entry_of(message.key)
        if entry is not None and (self._entry is None or entry.key != self._entry.key):
            self._choose(entry)
        self.refresh_footer()

    def _entry_of(self, key: str | None) -> LogEntry | None:
        return next((entry for entry in self._entries if key == f"log:{entry.key}"), None)

    def can(self, action: str) -> bool:
        if not self.is_mounted:
            return False
        if action == "open":
            return self.query_one(Table).has_focus and self.query_one(Table).cursor is not None
        if action in ("next_source", "previous_source"):
            return len(self._entries) > 1
        return bool(self.log_view.check_action(action, ()))

    def action_open(self) -> None:
        key = self.query_one(Table).cursor
        if self._entry_of(key) is not None:
            self.log_view.lines.focus()
        elif key is not None:
            self._open(key.removeprefix("run:"))

    def action_find(self) -> None:
        self.log_view.action_find()

    def action_find_next(self) -> None:
        self.log_view.action_find_next()

    def action_find_previous(self) -> None:
        self.log_view.action_find_previous()

    def action_find_error(self) -> None:
        self.log_view.action_find_error()

    def action_jump(self) -> None:
        self.log_view.action_jump()

    def action_next_source(self) -> None:
        self._turn(1)

    def action_previous_source(self) -> None:
        self._turn(-1)

    def _turn(self, direction: int) -> None:
        """Another log of the same run; the focus stays where it is."""
        keys = [entry.key for entry in self._entries]
        if self._entry is not None and self._entry.key in keys:
            self._choose(self._entries[(keys.index(self._entry.key) + direction) % len(keys)])

    def action_follow(self) -> None:
        self.log_view.action_follow()

    def action_times(self) -> None:
        self.log_view.action_times()

    def action_wrap(self) -> None:
        self.log_view.action_wrap()

    def has_more_to_close(self) -> bool:
        return self.is_mounted and bool(self.log_view.check_action("clear_search", ()))

    def close_one(self) -> None:
        self.log_view.action_clear_search()

    def copy_text(self) -> str | None:
        return self.log_view.copy_text()


@dataclass(frozen=True)
class Wanted:
    """Which log is to be opened, and where."""

    rank: int | None = None
    source: Kind | None = None
    attempt: int | None = None
    where: Target | int | str | None = None

    def among(self, entries: list[LogEntry]) -> LogEntry | None:
        """The log that fits best."""
        of_attempt = [entry for entry in entries if entry.attempt == self.attempt]
        if self.attempt is None or not of_attempt or self.source == "supervisor":
            of_attempt = entries
        found = choose(of_attempt, self.rank, self.source or "rank")
        if self.where is None and self.source is None and found is not None and not found.size:
            return choose(of_attempt)  # a rank that was killed has often said nothing; another one has
        return found


def entry_name(entry: LogEntry, newest: int) -> str:
    """`rank 0`, `supervisor`, `all, by time`; `attempt 1, rank 0` for an earlier attempt."""
    if entry.kind == "supervisor":
        return _("supervisor")
    if entry.kind == "rank":
        name = _("rank {rank}").format(rank=entry.rank)
    else:
        name = _("agent") if entry.kind == "agent" else _("all, by time")
    if entry.attempt == newest:
        return name
    return _("attempt {number}, {name}").format(number=entry.attempt, name=name)


def _run_row(view: RunView, opened: bool) -> Row:
    name = Text.assemble(
        (describe.glyph(view.state) + " ", theme.style(describe.style(view.state))),
        (describe.short_id(view.run_id), theme.style("bold text" if opened else "muted")),
    )
    return Row(f"run:{view.run_id}", (name, Text(describe.word(view.state), theme.style("muted"))))
