"""The runs of a workspace as the panel sees them, read incrementally and off the panel's thread."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import N_, Message
from runtime.run.record import ACTIVE, RunRecord, read_record

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.workspace import Workspace


@dataclass(frozen=True)
class RunView:
    """One run: its record, or the reason why there is none."""

    run_id: str
    directory: RunDirectory = field(compare=False)
    record: RunRecord | None = None
    problem: Message | None = None

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
    """Finds what changed since the last `poll`, by the attributes of each run's `run.json`.

    Active runs are looked at every time, the others when `everything` is asked for; on NFS that keeps 1,000
    old runs from costing
    1,000 requests a second.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._views: dict[str, RunView] = {}
        self._signatures: dict[str, object] = {}
        self._listed: object = None

    def poll(self, everything: bool = False) -> dict[str, RunView | None]:
        """The runs that changed (None: gone). Raises OSError when the logs can't be listed."""
        changes: dict[str, RunView | None] = {}
        with os.scandir(self.workspace.logs):  # raises where there would otherwise seem to be no runs
            listing = _signature(self.workspace.logs)
        if everything or listing != self._listed or not self._views:
            self._list(changes)
            self._listed = listing
        for run_id, view in list(self._views.items()):
            if everything or view.active or self._signatures.get(run_id) is None:
                self._read(run_id, view.directory, changes)
        return changes

    def view(self, run_id: str) -> RunView | None:
        """A run as of the last poll."""
        return self._views.get(run_id)

    def views(self) -> list[RunView]:
        """All runs as of the last poll."""
        return list(self._views.values())

    def _list(self, changes: dict[str, RunView | None]) -> None:
        found = {directory.run_id: directory for directory in self.workspace.runs()}
        for run_id in self._views.keys() - found.keys():
            del self._views[run_id]
            self._signatures.pop(run_id, None)
            changes[run_id] = None
        for run_id in found.keys() - self._views.keys():
            self._views[run_id] = RunView(run_id, found[run_id])
            self._signatures.pop(run_id, None)
            self._read(run_id, found[run_id], changes)

    def _read(self, run_id: str, directory: RunDirectory, changes: dict[str, RunView | None]) -> None:
        signature = _signature(directory.record)
        if signature is not None and signature == self._signatures.get(run_id):
            return
        view = read_view(run_id, directory)
        # An unreadable record may be one that is just being replaced: look again next time.
        self._signatures[run_id] = signature if view.record is not None else None
        if view != self._views.get(run_id):
            self._views[run_id] = view
            changes[run_id] = view


def read_view(run_id: str, directory: RunDirectory) -> RunView:
    """The run as its directory tells it now. Never raises: what can't be read is a `problem`."""
    try:
        record = read_record(directory)
    except PermissionError:
        return RunView(run_id, directory, None, Message(N_("not yours to read")))
    except (OSError, ValueError) as error:
        return RunView(run_id, directory, None, Message(N_("can't be read: {error}"), {"error": str(error)}))
    if record is None:
        return RunView(run_id, directory, None, Message(N_("has no readable run.json")))
    if record.foreign:
        return RunView(run_id, directory, record, Message(N_("written by a newer version of Headnode")))
    return RunView(run_id, directory, record)


def _signature(path: Path) -> object:
    """What changes when a file is replaced or written; None when it can't be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
