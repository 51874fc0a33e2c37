"""The order of runs in the tree of checkpoints: each run under the one that it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.store.runs import RunView


def arranged(views: Sequence[RunView]) -> Iterator[tuple[RunView, int]]:
    """The runs with their depth. Those without a parent here keep their order, and so do the children of one;
    a run that (by a torn record) descends from itself is no one's child."""
    here = {view.run_id: view for view in views}
    children: dict[str, list[RunView]] = {}
    roots = []
    for view in views:
        parent = _parent(view)
        if parent in here and not _descends_from_itself(view, here):
            children.setdefault(str(parent), []).append(view)
        else:
            roots.append(view)
    pending = [(view, 0) for view in reversed(roots)]
    while pending:
        view, depth = pending.pop()
        yield view, depth
        pending += [(child, depth + 1) for child in reversed(children.get(view.run_id, []))]


def _parent(view: RunView) -> str | None:
    record = view.record
    return record.parent["run_id"] if record is not None and record.parent is not None else None


def _descends_from_itself(view: RunView, here: dict[str, RunView]) -> bool:
    seen = {view.run_id}
    parent = _parent(view)
    while parent in here:
        if parent in seen:
            return True
        seen.add(str(parent))
        parent = _parent(here[str(parent)])
    return False
