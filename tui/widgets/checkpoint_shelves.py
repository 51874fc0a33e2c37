"""Which runs are unfolded, and what has been read of their checkpoints, off the panel's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.dom import DOMNode
from textual.worker import get_current_worker

from tui.widgets.checkpoint_list import Shelf, kept_metric, read_shelf

if TYPE_CHECKING:
    from tui.store.runs import RunView

_UNFOLDED_AT_FIRST = 3


class Shelves:
    """Only what is unfolded is read: a workspace of a thousand runs isn't read whole. `changed` is called on
    the panel's thread with each run whose checkpoints are others now."""

    def __init__(self, owner: DOMNode, changed: Callable[[Shelf], None]) -> None:
        self._owner, self._changed = owner, changed
        self._shelves: dict[str, Shelf] = {}
        self._metrics: dict[str, str | None] = {}
        self._told: dict[str, object] = {}
        self._known: set[str] | None = None
        self.unfolded: set[str] = set()

    def get(self, run_id: str) -> Shelf | None:
        """What is known of the run's checkpoints."""
        return self._shelves.get(run_id)

    def choose(self, views: list[RunView]) -> None:
        """Unfolds the newest runs with a checkpoint at first, and later whatever is launched."""
        ids = {view.run_id for view in views}
        if self._known is None:
            saved = [view for view in views if view.record and view.record.summary.checkpoint]
            self.unfolded |= {view.run_id for view in saved[:_UNFOLDED_AT_FIRST]}
        else:
            self.unfolded |= ids - self._known
        self._known = ids | (self._known or set())

    def forget(self, run_ids: Iterable[str]) -> None:
        """These runs have vanished."""
        for run_id in run_ids:
            self._shelves.pop(run_id, None)
            self.unfolded.discard(run_id)

    def news(self, views: Iterable[RunView]) -> list[RunView]:
        """Those of the unfolded runs whose record tells of another checkpoint, attempt or state than
        before."""
        found = []
        for view in views:
            record = view.record
            told = record and (record.state, record.attempt, record.summary.checkpoint)
            if view.run_id in self.unfolded and told != self._told.get(view.run_id, self):
                found.append(view)
            self._told[view.run_id] = told
        return found

    def read(self, views: Iterable[RunView]) -> None:
        """Reads the checkpoints of these runs anew, in a thread."""
        directories = [view.directory for view in views]
        if not directories:
            return
        metrics, app = self._metrics, self._owner.app

        def work() -> None:
            for directory in directories:
                if get_current_worker().is_cancelled:
                    return
                run_id = directory.run_id
                metric = metrics[run_id] if run_id in metrics else kept_metric(directory)
                app.call_from_thread(self._has_read, read_shelf(directory, metric), metric)

        self._owner.run_worker(work, thread=True, group="read")

    def _has_read(self, shelf: Shelf, metric: str | None) -> None:
        self._metrics[shelf.run_id] = metric
        before, self._shelves[shelf.run_id] = self._shelves.get(shelf.run_id), shelf
        if shelf != before:
            self._changed(shelf)
