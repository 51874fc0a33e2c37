"""4 Checkpoints: what each run has saved, whether it is sound, and what can be gone on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll

from tui import describe, theme
from tui.dialogs import checkpoint_changes
from tui.i18n import _
from tui.pages.checkpoint_actions import CheckpointActions
from tui.pages.filtered import FilteredPage
from tui.widgets import overview
from tui.widgets.checkpoint_detail import address, detail_lines
from tui.widgets.checkpoint_rows import (
    RowMaker,
    checkpoint_columns,
    checkpoint_key,
    run_key,
    run_row,
)
from tui.widgets.checkpoint_tree import arranged
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane
from tui.widgets.run_table import matches
from tui.widgets.table import Row, Table

if TYPE_CHECKING:
    from runtime.run.checkpoints import Checkpoint
    from runtime.run.record import RunRecord
    from tui.store.runs import RunView
    from tui.widgets.checkpoint_list import Shelf

_LOOK_SECONDS = 5
_PAIR = 2
_NO_CHECKPOINTS = frozenset({"command", "prepare"})


class CheckpointsPage(CheckpointActions, FilteredPage):
    """`app.show_page("checkpoints", run_id=…)` unfolds this run and goes to its newest checkpoint."""

    NAME = "checkpoints"
    ACTIONS = (
        "undo",
        "unfold",
        "resume",
        "branch",
        "verify",
        "protect",
        "delete",
        "mark",
        "compare_checkpoints",
        "filter",
    )
    DEFAULT_CSS = """
    CheckpointsPage #tree { height: 3fr; }
    CheckpointsPage #detail { height: 2fr; margin-top: 1; }
    CheckpointsPage #scroll { padding: 0 1; }
    CheckpointsPage #empty { padding: 1 3; display: none; height: 1fr; }
    CheckpointsPage.-empty #panes { display: none; }
    CheckpointsPage.-empty #empty { display: block; }
    CheckpointsPage #panes { layout: vertical; }
    CheckpointsPage.-wide #panes { layout: horizontal; }
    CheckpointsPage.-wide #tree { height: 1fr; width: 11fr; }
    CheckpointsPage.-wide #detail { height: 1fr; width: 9fr; margin-top: 0; padding-left: 1; }
    """
    _ARROWS: ClassVar[list[Any]] = [
        Binding("right", "fold(False)", show=False),
        Binding("left", "fold(True)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        for binding in self._ARROWS:
            self._bindings.bind(binding.key, binding.action, show=False)
        self._run_rows: dict[str, tuple[tuple[object, ...], Row]] = {}
        self._wanted: str | None = None
        self._ticks = 0
        self._swept = False

    def body(self) -> ComposeResult:
        yield from self.filter_widgets(_("words of a run's name, state or job"))
        with Horizontal(id="panes"):
            yield Pane(_("Checkpoints"), Table(id="checkpoints"), id="tree")
            with Pane("", id="detail"), VerticalScroll(id="scroll"):
                yield Lines(id="lines")
        yield Lines(id="empty")

    def arrive(self, run_id: str | None = None, **arguments: object) -> None:
        if run_id is not None:
            self._wanted, self.words = run_id, ""
            self._shelves.unfolded.add(run_id)
            shelf = self._shelves.get(run_id)
            if shelf is not None:
                self.call_later(self._shelf_changed, shelf)

    # -- reading

    def _views(self) -> list[RunView]:
        """The runs that can have checkpoints."""
        return [
            view
            for view in self.store.ordered()
            if (view.record is None or view.record.job not in _NO_CHECKPOINTS)
            and (not self.words or matches(view, self.words))
        ]

    def refresh_page(self) -> None:
        self._run_rows.clear()
        if self.store.loaded:
            views = self._views()
            self._shelves.choose(views)
            self._shelves.news(views)
            self._shelves.read(view for view in views if view.run_id in self._shelves.unfolded)
            self._sweep(views)
        self._show()

    def _sweep(self, views: list[RunView]) -> None:
        """Once: what an earlier panel had no time to remove is removed now."""
        if self._swept or self.headnode.preferences.read_only:
            return
        self._swept = True
        over = [view.directory for view in views if view.record is not None and _changeable(view.record)]
        checkpoint_changes.empty(self, over, self._after_sweep)

    def _after_sweep(self) -> None:
        self._shelves.read(view for view in self._views() if view.run_id in self._shelves.unfolded)

    def runs_changed(self, changed: frozenset[str]) -> None:
        views = self._views()
        self._shelves.choose(views)
        self._shelves.forget(changed - self.store.runs.keys())
        self._shelves.read(self._shelves.news(view for view in views if view.run_id in changed))
        self._show()

    def tick(self) -> None:
        self._ticks += 1
        if self._leaving:
            self._show()  # the seconds that are left
        if self._ticks % _LOOK_SECONDS == 0:
            watched = {view.run_id for view in self.store.active()}
            if self.selected_run is not None:
                watched.add(self.selected_run.run_id)
            shown = watched & self._shelves.unfolded
            self._shelves.read(view for view in self._views() if view.run_id in shown)
            self._show()

    def _shelf_changed(self, shelf: Shelf) -> None:
        if not self.is_mounted:
            return
        self._show()
        if self._wanted == shelf.run_id:
            self._wanted = None
            first = next(iter((*shelf.complete, *shelf.checkpoints)), None)
            key = checkpoint_key(shelf.run_id, first) if first is not None else run_key(shelf.run_id)
            self.call_after_refresh(setattr, self.query_one(Table), "cursor", key)  # when it has its height

    # -- what is shown

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= 180, "-wide")
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        if not self.is_mounted or not self.query(Table) or not self.size.width:
            return
        table = self.query_one(Table)
        columns = checkpoint_columns(table.size.width)
        table.set_columns(columns)
        clock = self.headnode.services.clock()
        maker = RowMaker(columns, clock, self._failed, self._verifying.shares, self._marked)
        views, rows = self._views(), list[Row]()
        for view, depth in arranged(views):
            shelf = self._shelves.get(view.run_id)
            unfolded = view.run_id in self._shelves.unfolded
            rows.append(self._run_row(view, shelf, unfolded, depth))
            if shelf is not None and unfolded:
                rows += [maker.trashed(shelf, one) for one in shelf.trashed]
                rows += [maker.row(shelf, checkpoint) for checkpoint in shelf.checkpoints]
        table.set_rows(rows)
        empty = self.store.loaded and not views
        self.set_class(empty, "-empty")
        if empty:
            self._show_empty()
        self._show_detail()

    def _run_row(self, view: RunView, shelf: Shelf | None, unfolded: bool, depth: int) -> Row:
        """Made anew only where something of it has changed: there may be a thousand."""
        made_for = (view, shelf, unfolded, depth)
        before = self._run_rows.get(view.run_id)
        if before is not None and all(old is new for old, new in zip(before[0], made_for, strict=True)):
            return before[1]
        row = run_row(view, shelf, unfolded, depth)
        self._run_rows[view.run_id] = (made_for, row)
        return row

    def _show_empty(self) -> None:
        accent, muted = theme.style("accent"), theme.style("muted")
        if self.words:
            lines = self.no_match(_("No run matches “{words}”."))
        else:
            lines = [
                Text(_("No run here has saved anything yet."), theme.style("bold text")),
                Text(),
                Text.assemble(("2", accent), ("  " + _("picks a profile to launch"), muted)),
                Text.assemble(("1", accent), ("  " + _("goes back to the runs"), muted)),
            ]
        self.query_one("#empty", Lines).show(lines)

    def _show_detail(self) -> None:
        pane, lines, view = (
            self.query_one("#detail", Pane),
            self.query_one("#lines", Lines),
            self.selected_run,
        )
        now, width = self.headnode.services.clock(), max(24, self.query_one("#scroll").size.width - 3)
        checkpoint, shelf = self.selected, self._shelves.get(view.run_id) if view is not None else None
        if view is None:
            pane.set_title("")
            lines.show([])
        elif checkpoint is None or shelf is None:
            pane.set_title(_("Run"))
            lines.show(overview.lines(view, now, width))
        else:
            pane.set_title(
                address(describe.short_id(view.run_id), checkpoint.step), _("y copies the address")
            )
            lines.show(
                detail_lines(
                    shelf,
                    checkpoint,
                    now,
                    width,
                    self._failed.get(checkpoint.path, ()),
                    self._verifying.shares.get(checkpoint.path),
                )
            )
        self.refresh_footer()

    # -- where the cursor is

    @property
    def selected_run(self) -> RunView | None:
        """The run under the cursor, or the one that the checkpoint there belongs to."""
        cursor = self.query_one(Table).cursor if self.is_mounted and self.query(Table) else None
        return self.store.runs.get(cursor.split(":")[1]) if cursor else None

    @property
    def selected(self) -> Checkpoint | None:
        """The checkpoint under the cursor."""
        view, cursor = self.selected_run, self.query_one(Table).cursor if self.query(Table) else None
        shelf = self._shelves.get(view.run_id) if view is not None else None
        if shelf is None or cursor is None:
            return None
        found = (item for item in shelf.checkpoints if checkpoint_key(shelf.run_id, item) == cursor)
        return next(found, None)

    def on_table_highlighted(self) -> None:
        self.query_one("#scroll").scroll_to(y=0, animate=False)
        self._show_detail()

    def on_table_activated(self) -> None:
        if self.can("unfold"):
            self.action_unfold()

    # -- the line of words

    def filter_changed(self) -> None:
        self._show()

    def has_more_to_close(self) -> bool:
        return super().has_more_to_close() or self._verifying.busy

    def close_one(self) -> None:
        if self._verifying.busy:
            self._verifying.cancel()
            self.headnode.say(_("Verifying was cancelled"))
        else:
            super().close_one()

    def copy_text(self) -> str | None:
        view, checkpoint = self.selected_run, self.selected
        if view is None:
            return None
        return address(view.run_id, checkpoint.step) if checkpoint is not None else view.run_id


def _changeable(record: RunRecord) -> bool:
    """Whether something of the run may be removed from here."""
    return record.ended_state and not record.read_only
