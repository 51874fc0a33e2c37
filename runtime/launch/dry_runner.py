"""A dry run from outside: the child process that makes it, what it tells, and its end."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runtime.launch.dry_run import DryRun
from runtime.launch.rank_environment import headnode_environment, python
from runtime.messages import N_, HeadnodeError
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile


class DryRunFailed(HeadnodeError):
    """The dry run itself, not the job, came to grief."""


class DryRunner:
    """One dry run: iterate `phases` in a thread, then take `result`; `stop` from anywhere."""

    def __init__(self, profile: Profile, workspace: Workspace) -> None:
        from runtime.profile import dump

        self.result: DryRun | None = None
        self._child = subprocess.Popen(
            [python(), "-m", "runtime.launch.dry_run"],
            cwd="/",
            env=headnode_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._child.stdin is not None
        request = {"workspace": str(workspace.root), "profile": dump(profile)}
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        self._child.stdin.flush()  # and stays open: its end is the order to stop

    def phases(self) -> Iterator[str]:
        """The phases as they come, to the end. Raises DryRunFailed."""
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        for line in self._child.stdout:
            value: dict[str, Any] = json.loads(line)
            if "phase" in value:
                yield str(value["phase"])
            else:
                self.result = DryRun(**{**value, "log": tuple(value.get("log") or ())})
        problem = self._child.stderr.read().decode(errors="replace").strip().splitlines()
        self.stop()
        self._child.wait()
        self._child.stdout.close()
        self._child.stderr.close()
        if self.result is None:
            raise DryRunFailed(
                N_("the dry run could not be made: {problem}"), problem=problem[-1] if problem else "?"
            )

    def stop(self) -> None:
        """Breaks it off; what it started is ended by the child."""
        if self._child.stdin is not None:
            with suppress(OSError):
                self._child.stdin.close()
