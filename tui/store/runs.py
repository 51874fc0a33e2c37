"""The runs of a workspace as the panel sees them, read incrementally and off the panel's thread."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from runtime.launch.sight import with_doubt
from runtime.messages import N_, Message
from runtime.run.annotations import NOTHING, Annotations, read_annotations
from runtime.run.record import ACTIVE, RunRecord, read_record

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.workspace import Workspace

_RELIST = 6
"""After so many looks at everything the logs are listed again even where their time of change is the same:
two changes may fall into one tick of the file system's clock."""


@dataclass(frozen=True)
class RunView:
    """One run: its record, or the reason why there is none."""

    run_id: str
    directory: RunDirectory = field(compare=False)
    record: RunRecord | None = None
    problem: Message | None = None
    annotations: Annotations = NOTHING
    owner: str = ""
    """The name of the user whose files these are."""

    @property
    def active(self) -> bool:
        """Queued, starting, running or stopping: something still happens or will."""
        return self.record is not None and self.record.state in ACTIVE and not self.record.moved

    @property
    def stoppable(self) -> bool:
        """Whether there is something to stop."""
        return self.active

    @property
    def savable(self) -> bool:
        """Whether it can be asked for a checkpoint now."""
        return (
            self.record is not None
            and self.state == "running"
            and self.record.job not in {"command", "prepare"}
        )

    @property
    def resumable(self) -> bool:
        """Whether it has ended before its end and may be continued; whether it has a checkpoint is seen in
        the plan."""
        return (
            self.record is not None
            and self.record.state in {"stopped", "failed", "lost"}
            and not self.record.read_only
            and self.record.job not in {"command", "prepare"}
        )

    @property
    def removable(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.record is not None and self.record.ended_state and not self.record.read_only

    @property
    def annotatable(self) -> bool:
        """Whether a person may add tags and notes to it."""
        return self.record is not None and not self.record.read_only

    @property
    def archivable(self) -> bool:
        """Whether it can be put away: over, and not yet."""
        return self.removable and not self.annotations.archived

    @property
    def curve_seconds(self) -> int:
        """How often to look at its curves: the longer they are, the less of a cell one second's steps move
        them."""
        if not self.active:
            return 10
        step = (self.record.summary.step or 0) if self.record is not None else 0
        return 1 if step < 600 else 2 if step < 6000 else 3

    @property
    def state(self) -> str:
        """The state of the record; "unreadable" without one."""
        return self.record.state if self.record is not None else "unreadable"


class WorkspaceReader:
    """Finds what changed since the last `poll`, by the attributes of each `run.json` and `annotations/`.

    Active runs are looked at every time, the others when `everything` is asked for; on NFS that keeps 1,000
    old runs from costing 1,000 requests a second.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._views: dict[str, RunView] = {}
        self._paths: dict[str, tuple[str, str]] = {}  # of run.json and annotations
        self._records: dict[str, object] = {}
        self._annotations: dict[str, object] = {}
        self._unread: set[str] = set()
        self._lively: set[str] = set()  # those that go on, or whose record could not be read
        self._listed: object = None
        self._looks = 0

    def poll(self, everything: bool = False, at_most: int | None = None) -> dict[str, RunView | None]:
        """The runs that changed (None: gone). With `at_most`, of those never read only so many are, the ones
        written last; the others follow when `everything` is looked at. Raises OSError when the logs can't be
        listed."""
        changes: dict[str, RunView | None] = {}
        with os.scandir(self.workspace.logs):  # raises where there would otherwise seem to be no runs
            listing = _signature(str(self.workspace.logs))
        self._looks += everything
        if listing != self._listed or not self._views or self._looks >= _RELIST:
            self._list(changes)
            self._listed, self._looks = listing, 0
        fresh = self._newest(at_most) if at_most is not None else set(self._unread)
        known = (
            (run_id for run_id in self._views if run_id not in self._unread) if everything else self._lively
        )
        for run_id in [*known, *fresh]:
            self._unread.discard(run_id)
            self._read(run_id, changes)
        return changes

    def active(self) -> list[RunView]:
        """The active runs as of the last poll."""
        return [view for run_id in self._lively if (view := self._views[run_id]).active]

    def view(self, run_id: str) -> RunView | None:
        """A run as of the last poll."""
        return self._views.get(run_id)

    def views(self) -> list[RunView]:
        """All runs as of the last poll."""
        return list(self._views.values())

    def _newest(self, count: int) -> set[str]:
        """Of the runs that were never read, those whose records were written last."""
        import heapq

        def written(run_id: str) -> int:
            try:
                return os.stat(self._paths[run_id][0]).st_mtime_ns  # noqa: PTH116 (a thousand of them)
            except OSError:
                return 0

        return set(heapq.nlargest(count, self._unread, key=written))

    def _list(self, changes: dict[str, RunView | None]) -> None:
        found = {directory.run_id: directory for directory in self.workspace.runs()}
        for run_id in self._views.keys() - found.keys():
            for known in (self._views, self._paths, self._records, self._annotations):
                known.pop(run_id, None)
            self._unread.discard(run_id)
            self._lively.discard(run_id)
            changes[run_id] = None
        for run_id in found.keys() - self._views.keys():
            directory = found[run_id]
            self._views[run_id] = RunView(run_id, directory)
            self._paths[run_id] = (str(directory.record), str(directory.annotations))
            self._unread.add(run_id)

    def _read(self, run_id: str, changes: dict[str, RunView | None]) -> None:
        before = self._views[run_id]
        record, annotations = (_signature(path) for path in self._paths[run_id])
        view = before
        if record is None or record != self._records.get(run_id):
            read = read_view(run_id, before.directory, annotated=False)
            view = replace(read, annotations=before.annotations)
            # An unreadable record may be one that is just being replaced: look again next time.
            self._records[run_id] = record if view.record is not None else None
        if annotations != self._annotations.get(run_id):
            view = replace(view, annotations=read_annotations(before.directory))
            self._annotations[run_id] = annotations
        if view.record is not None and view.active:
            view = replace(view, record=with_doubt(view.directory, view.record, time.time()))
        if view is not before and view != before:
            self._views[run_id] = view
            changes[run_id] = view
        if self._records.get(run_id) is None or view.active:
            self._lively.add(run_id)
        else:
            self._lively.discard(run_id)


def read_view(run_id: str, directory: RunDirectory, *, annotated: bool = True) -> RunView:
    """The run as its directory tells it now. Never raises: what can't be read is a `problem`."""
    annotations = read_annotations(directory) if annotated else NOTHING
    owner = owner_of(directory)
    try:
        record = read_record(directory)
    except PermissionError:
        problem = Message(N_("not yours to read"))
        return RunView(run_id, directory, None, problem, annotations, owner)
    except (OSError, ValueError) as error:
        problem = Message(N_("can't be read: {error}"), {"error": str(error)})
        return RunView(run_id, directory, None, problem, annotations, owner)
    if record is None:
        problem = Message(N_("has no readable run.json"))
        return RunView(run_id, directory, None, problem, annotations, owner)
    foreign = Message(N_("written by a newer version of Headnode")) if record.foreign else None
    return RunView(run_id, directory, record, foreign, annotations, owner)


def _signature(path: str) -> object:
    """What changes when a file is replaced or written; None when it can't be looked at."""
    try:
        status = os.stat(path)  # noqa: PTH116 (a thousand of them)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def owner_of(run: RunDirectory) -> str:
    """The name of the user whose run it is; "" where that can't be told."""
    try:
        return _user(run.record.stat().st_uid)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
