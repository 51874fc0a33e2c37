"""Workers as an agent starts them, without the agent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.profile import dump, loads
from runtime.run.files import write_json_atomic
from runtime.run.layout import RunDirectory

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


def make_run(workspace: Path, profile: str, *, attempt: int = 1, **command: Any) -> RunDirectory:
    """A run directory with what a worker reads: the attempt's profile and command."""
    run = RunDirectory(workspace / "logs" / "20261124-073012-test-ab12")
    files = run.attempt(attempt)
    for directory in (files.path, run.artifacts, run.checkpoints):
        directory.mkdir(parents=True, exist_ok=True)
    raw = profile.startswith("raw:")
    files.profile.write_text(profile if raw else dump(loads(f"name: test\n{profile}")))
    write_json_atomic(files.command, {"argv": [], "world_size": 1, "resume": None, **command})
    return run


def environment(run: RunDirectory, rank: int = 0, world_size: int = 1, attempt: int = 1) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "HEADNODE_RUN": run.run_id,
        "HEADNODE_RUN_DIR": str(run.path),
        "HEADNODE_ATTEMPT": str(attempt),
        "RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "LOCAL_RANK": str(rank),
    }


def start(
    run: RunDirectory, *, argv: list[str] | None = None, extra: Mapping[str, str] | None = None, **place: int
) -> subprocess.Popen[bytes]:
    """`python -m runtime.jobs` (or another program in its place), its output in the rank's log."""
    rank, attempt = place.get("rank", 0), place.get("attempt", 1)
    with run.attempt(attempt).log(rank).open("wb") as log:
        return subprocess.Popen(
            argv or [sys.executable, "-m", "runtime.jobs"],
            env=environment(run, **place) | dict(extra or {}),
            cwd=run.path.parent.parent,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def reports(run: RunDirectory, rank: int = 0) -> list[dict[str, Any]]:
    path = run.attempt(1).report(rank)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(condition: Callable[[], Any], what: str, process: subprocess.Popen[bytes]) -> Any:
    """Waits for something that the process is to do; its early end is an error."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert process.poll() is None, f"ended with {process.returncode} before {what}"
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)
    return found
