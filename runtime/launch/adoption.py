"""Adoption: an active run whose supervisor is proven gone gets a new one. Cheap enough to be done by every
command and, every few seconds, by the panel."""

from __future__ import annotations

import os
import time
from pathlib import Path

from runtime.launch.lease_files import WAITING, lease_directory, names
from runtime.launch.rebuilding import rebuilt_record
from runtime.run.epochs import holder
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.workspace import Workspace

_over: dict[Path, tuple[int, int, int]] = {}
"""run.json as it stood when its run was seen to be over: not read again until it changes."""

UNHELD = 20.0
"""Seconds that a launcher has to start the first supervisor; after that the run is an orphan."""


def adopt(workspace: Workspace) -> list[str]:
    """Starts a supervisor for each active run of the workspace that has none any more; returns their ids.

    A run whose supervisor can't be judged from here (another host, another pid namespace) is left alone, and
    so is one that can't be written. Of several who adopt at once one wins. Runs of other workspaces that
    stand in this machine's queue without a supervisor get one too: whoever is behind them waits for them.
    Another user's runs are left to him."""
    adopted = [run.run_id for run in workspace.runs() if _orphaned(run) and _ours(run) and _start(run)]
    return adopted + [run.run_id for run in _abandoned() if _orphaned(run) and _ours(run) and _start(run)]


def _abandoned() -> list[RunDirectory]:
    try:
        if not any(name.endswith(WAITING) for name in names(lease_directory())):
            return []
    except OSError:
        return []
    from runtime.launch.queueing_line import abandoned  # needed seldom, and home has to open fast

    return [RunDirectory(Path(ticket.path)) for ticket in abandoned() if ticket.path]


def adopt_run(run: RunDirectory) -> bool:
    """The same for one run."""
    return _orphaned(run) and _start(run)


def _orphaned(run: RunDirectory) -> bool:
    try:
        status = run.record.stat()
    except OSError:
        return False
    stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
    if _over.get(run.path) == stamp:
        return False
    try:
        record = read_record(run) or rebuilt_record(run)
    except OSError:
        return False
    if record is None:
        return False
    if not record.active or record.read_only:
        _over[run.path] = stamp
        return False
    return needs_supervisor(run)


def needs_supervisor(run: RunDirectory) -> bool:
    """Whether it is proven that no supervisor looks after this run."""
    try:
        held = holder(run)
        if held is not None:
            return held.over
        return _age(run) > UNHELD
    except OSError:
        return False


def _age(run: RunDirectory) -> float:
    """Seconds since the run was created, by the time stamp of its record."""
    return time.time() - run.record.stat().st_mtime


def _ours(run: RunDirectory) -> bool:
    """Whether the run is this user's own. Another's processes can't be judged nor signalled from here, and
    what he launched would run with our rights: root passes by everybody's runs."""
    try:
        owner = run.path.stat().st_uid
        if owner == os.geteuid():
            return True
        import tempfile  # needed seldom, as below

        with tempfile.TemporaryFile(prefix=".", dir=run.path) as probe:  # a file server may rename us all
            return os.fstat(probe.fileno()).st_uid == owner
    except OSError:
        return False


def _start(run: RunDirectory) -> bool:
    if not os.access(run.path, os.W_OK):
        return False
    from runtime.launch.starting import SupervisorFailed, start_supervisor

    try:
        return start_supervisor(run)
    except SupervisorFailed:
        # Adopting is done in passing by commands that are about something else; supervisor.log has the
        # reason.
        return False
