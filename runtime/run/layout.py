"""Where things lie in a run directory, and how one comes into being. Paths only: nothing here reads a file's
content.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from runtime.run.files import encode, fsync_directory, write_all

RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9][a-z0-9.-]*-[0-9a-f]{4}")
_FOLDERS = ("annotations", "control", "attempts", "checkpoints", "artifacts")


class HasLogs(Protocol):
    """What has a directory of runs: a workspace."""

    @property
    def logs(self) -> Path: ...


@dataclass(frozen=True)
class AttemptDirectory:
    """The files of one attempt: `attempts/<n>/`."""

    path: Path

    @property
    def number(self) -> int:
        """The attempt's number, from 1."""
        return int(self.path.name)

    @property
    def profile(self) -> Path:
        """The profile as this attempt runs it."""
        return self.path / "profile.yaml"

    @property
    def command(self) -> Path:
        """What is executed: argv, directory, world size, what is resumed."""
        return self.path / "command.json"

    @property
    def environment(self) -> Path:
        """The versions and the machine that this attempt ran on."""
        return self.path / "environment.json"

    @property
    def order(self) -> Path:
        """From the supervisor to rank 0: stop, save."""
        return self.path / "order.json"

    @property
    def rendezvous(self) -> Path:
        """The file by which the ranks of one node find each other."""
        return self.path / "rendezvous"

    def log(self, rank: int) -> Path:
        """What rank `rank` printed."""
        return self.path / f"rank-{rank}.log"

    def heartbeat(self, rank: int) -> Path:
        """Step and phase of rank `rank`, overwritten in place."""
        return self.path / f"heartbeat-{rank}"

    def exit(self, rank: int) -> Path:
        """How rank `rank` says that it ended."""
        return self.path / f"exit-{rank}.json"

    def report(self, rank: int) -> Path:
        """What rank `rank` reports to the supervisor."""
        return self.path / f"report-{rank}.jsonl"

    @property
    def memory(self) -> Path:
        """What smaller micro-batches would need on each device, reckoned at launch."""
        return self.path / "memory.json"

    @property
    def pace(self) -> Path:
        """The longest silence of each phase, as its supervisor saw it."""
        return self.path / "pace.json"

    def stack(self, rank: int) -> Path:
        """Where rank `rank` stood when the attempt hung."""
        return self.path / f"stack-{rank}.txt"

    def agent(self, node: str) -> Path:
        """The agent of a node and its ranks' identities."""
        return self.path / f"agent-{node}.json"

    def agent_log(self, node: str) -> Path:
        """What the agent of a node saw: ranks spawned, exited."""
        return self.path / f"agent-{node}.jsonl"

    def times(self, rank: int) -> Path:
        """When the lines of a rank's log came; see `runtime.run.arrivals`."""
        return self.path / f"rank-{rank}.times"

    def log_ranks(self) -> list[int]:
        """The ranks that have a log, in order."""
        matches = (re.fullmatch(r"rank-(\d+)\.log", name) for name in _names(self.path))
        return sorted(int(match[1]) for match in matches if match)


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run: `logs/<run_id>/`. The path is made absolute; equal paths are equal runs."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(os.path.abspath(self.path)))  # noqa: PTH100 (symlinks stay as given)

    @property
    def run_id(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def profile(self) -> Path:
        """The resolved profile as launched; never changes."""
        return self.path / "profile.yaml"

    @property
    def record(self) -> Path:
        """Identity, state and summary of the run."""
        return self.path / "run.json"

    @property
    def events(self) -> Path:
        """One line a lifecycle event."""
        return self.path / "events.jsonl"

    @property
    def metrics(self) -> Path:
        """One line a logged step."""
        return self.path / "metrics.jsonl"

    @property
    def annotations(self) -> Path:
        """What people added, one small file a fact."""
        return self.path / "annotations"

    @property
    def control(self) -> Path:
        """Requests, dropped in by rename."""
        return self.path / "control"

    @property
    def checkpoints(self) -> Path:
        """One directory a checkpoint."""
        return self.path / "checkpoints"

    @property
    def artifacts(self) -> Path:
        """What the job produced: predictions, exports, prepared data."""
        return self.path / "artifacts"

    @property
    def attempts(self) -> Path:
        """One directory an attempt."""
        return self.path / "attempts"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisors printed."""
        return self.path / "supervisor.log"

    def attempt(self, number: int) -> AttemptDirectory:
        """The directory of an attempt, whether it exists or not."""
        return AttemptDirectory(self.attempts / str(number))

    def attempt_numbers(self) -> list[int]:
        """The attempts that have a directory, in order."""
        return sorted(int(name) for name in _names(self.attempts) if name.isascii() and name.isdigit())

    def supervisor(self, epoch: int) -> Path:
        """The claim of a supervisor to write here."""
        return self.path / f"supervisor-{epoch}.json"

    def telemetry(self, node: str) -> Path:
        """GPU and host samples of a node."""
        return self.path / f"telemetry-{node}.jsonl"

    def telemetry_nodes(self) -> list[str]:
        """The nodes that have samples, in order of name."""
        matches = (re.fullmatch(r"telemetry-(.+)\.jsonl", name) for name in _names(self.path))
        return sorted(match[1] for match in matches if match)

    def checkpoint(self, step: int) -> Path:
        """Where the complete checkpoint of a step lies."""
        return self.checkpoints / f"step-{step:08d}"

    def exists(self) -> bool:
        """Whether there is a run (a directory with a record)."""
        return self.record.is_file()


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 (names only)
    except OSError:
        return []


def new_run_id(profile_name: str, now: float | None = None) -> str:
    """`<UTC date>-<UTC time>-<profile>-<4 hex>`: sorts by time, never the same twice. `now` in Unix
    seconds.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    name = re.sub(r"[^a-z0-9.-]+", "-", profile_name.lower()).strip("-.")[:48] or "run"
    return f"{stamp}-{name}-{os.urandom(2).hex()}"


def create_run_directory(
    workspace: HasLogs, run_id: str, files: Mapping[str, bytes | str | Mapping[str, Any]]
) -> RunDirectory:
    """Creates the run `run_id` in `workspace` with these files (relative path → content; a mapping is written
    as JSON).

    It appears as a whole, by the rename of a hidden directory, or not at all. Raises FileExistsError where
    the id is taken, and OSError as the disk does.
    """
    logs = workspace.logs
    logs.mkdir(parents=True, exist_ok=True)
    final = logs / run_id
    if final.exists():
        raise FileExistsError(f"{final} exists already")
    temporary = logs / f".{run_id}.{os.urandom(3).hex()}.tmp"
    temporary.mkdir()
    try:
        for folder in _FOLDERS:
            (temporary / folder).mkdir()
        for name, content in files.items():
            _create(temporary / name, content)
        for parent in sorted({temporary, *((temporary / name).parent for name in files)}):
            fsync_directory(parent)
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_directory(logs)
    return RunDirectory(final)


def _create(path: Path, content: bytes | str | Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Mapping):
        content = encode({"schema": 1, **content}, indent=2) + b"\n"
    data = content.encode() if isinstance(content, str) else content
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
