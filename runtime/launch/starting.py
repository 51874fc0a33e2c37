"""Starting a supervisor, detached from this process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from runtime.launch.exit_codes import HELD, LAUNCHED, TAKEN
from runtime.launch.rank_environment import python, supervisor_environment
from runtime.launch.session import scope_prefix
from runtime.messages import N_, HeadnodeError
from runtime.run.layout import RunDirectory

_PATIENCE = 60.0


class SupervisorFailed(HeadnodeError):
    """No supervisor could be started for a run."""


def start_supervisor(run: RunDirectory, *, launched: bool = False) -> bool:
    """Starts a supervisor and returns once it holds the run; False where another one has it. `launched`: the
    run was asked for just now, and not by somebody else some time ago.

    Raises SupervisorFailed where none could be started.
    """
    flags = [LAUNCHED] if launched else []
    command = [*scope_prefix(run.run_id), python(), "-m", "runtime.launch.supervisor", *flags, str(run.path)]
    try:
        done = subprocess.run(
            command,
            cwd="/",
            env=supervisor_environment(os.environ, run.run_id),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SupervisorFailed(
            N_("No supervisor could be started for {run}: {problem}"), run=run.run_id, problem=str(error)
        ) from error
    if done.returncode in (TAKEN, HELD):
        return done.returncode == TAKEN
    problem = done.stderr.decode(errors="replace").strip().splitlines()
    raise SupervisorFailed(
        N_("No supervisor could be started for {run}: {problem}"),
        run=run.run_id,
        problem=problem[-1] if problem else f"exit code {done.returncode}",
    )


def workspace_root(run: RunDirectory) -> Path:
    """The workspace that a run lies in."""
    return run.path.parent.parent
