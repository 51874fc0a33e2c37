"""What a verb works with: the parsed options, the two outputs, and the workspace when it is first needed."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.output import Output

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.record import RunRecord
    from runtime.run.workspace import Workspace

_JUDGED_SECONDS = 1.0
"""What a new supervisor has to look around in before a command goes on without its word."""


class Context:
    """One invocation of the command line."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.out = Output(sys.stdout)
        self.err = Output(sys.stderr)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace of this command, with orphaned runs adopted.

        Raises UsageError where there is none.
        """
        workspace = self.workspace_untouched
        self._adopt(workspace)
        return workspace

    @cached_property
    def workspace_untouched(self) -> Workspace:
        """The workspace, for verbs that have nothing to do with runs."""
        from runtime.run.workspace import find_workspace

        named = self.options.workspace
        workspace = find_workspace(Path(named) if named else None)
        workspace.remember()
        return workspace

    def run(self, reference: str) -> RunDirectory:
        """The run that a person named."""
        return self.workspace.resolve(reference)

    def writable_run(self, reference: str) -> RunDirectory:
        """The run, unless it is a copy or of a newer version. Raises HeadnodeError for those."""
        from runtime.messages import N_, HeadnodeError

        run = self.run(reference)
        record = self.record(run)
        if record.read_only:
            raise HeadnodeError(
                N_("{run} is read-only here: it is a copy of {path}, or a newer version wrote it"),
                run=run.run_id,
                path=record.path,
            )
        return run

    def readable(self, path: Path) -> Path:
        """The path of a file that may be missing. Raises OSError where it is there and can't be read."""
        with contextlib.suppress(FileNotFoundError):
            path.open("rb").close()
        return path

    def record(self, run: RunDirectory) -> RunRecord:
        """Its record. Raises HeadnodeError when it can't be read."""
        from runtime.messages import N_, HeadnodeError
        from runtime.run.record import read_record

        record = read_record(run)
        if record is None:
            raise HeadnodeError(N_("{run} has no readable run.json"), run=run.run_id)
        return record

    def _adopt(self, workspace: Workspace) -> None:
        """Gives runs whose supervisor died a new one. A workspace that can't be written is only looked at.

        Where all of a run died, its new supervisor says so a moment later. That is waited for, or a command
        would still call the run running.
        """
        from runtime.launch.adoption import adopt
        from runtime.run.record import read_record

        adopted = set(adopt(workspace))
        # What waited in the machine's queue from another workspace is no matter of this command.
        waiting = [run for run in workspace.runs() if run.run_id in adopted] if adopted else []
        until = time.monotonic() + _JUDGED_SECONDS
        while waiting and time.monotonic() < until:
            time.sleep(0.1)
            waiting = [run for run in waiting if (record := read_record(run)) is not None and record.active]
