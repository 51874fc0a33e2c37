"""Which logs a run has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tui.logs.merge import Part

if TYPE_CHECKING:
    from runtime.run.layout import AttemptDirectory, RunDirectory

Kind = Literal["rank", "supervisor", "agent", "merged"]


@dataclass(frozen=True)
class LogEntry:
    """One log: of a rank or an agent in an attempt, of the run's supervisors, or (`parts`) several as one."""

    path: Path
    size: int
    attempt: int | None = None
    rank: int | None = None
    kind: Kind = "rank"
    times: Path | None = None
    parts: tuple[Part, ...] = ()

    @property
    def key(self) -> str:
        """Tells it apart from the run's other logs, whatever its size."""
        return f"{self.kind}:{self.attempt}:{self.path}"


def find_logs(directory: RunDirectory) -> list[LogEntry]:
    """The newest attempt's ranks, all as one, the supervisor, then earlier attempts. Asks the disk: not for
    the panel's thread.
    """
    numbers = directory.attempt_numbers()[::-1]
    supervisor = list(_entry(directory.supervisor_log, kind="supervisor"))
    entries: list[LogEntry] = []
    for number in numbers[:1]:
        entries += _attempt(directory.attempt(number), number, supervisor)
    entries += supervisor
    for number in numbers[1:]:
        entries += _attempt(directory.attempt(number), number, supervisor)
    return entries


def _attempt(attempt: AttemptDirectory, number: int, supervisor: Sequence[LogEntry]) -> list[LogEntry]:
    ranks = [
        entry
        for rank in attempt.log_ranks()
        for entry in _entry(attempt.log(rank), number, rank, times=attempt.times(rank))
    ]
    agents = [
        entry
        for path in sorted(attempt.path.glob("agent-*.jsonl"))
        for entry in _entry(path, number, kind="agent")
    ]
    several = [*ranks, *agents, *supervisor]
    if len(several) < 2 or not ranks:
        return [*ranks, *agents]
    begun = _changed(attempt.command)
    width = max(len(label(entry)) for entry in several)
    parts = tuple(Part(label(entry).ljust(width), entry.path, entry.times, begun) for entry in several)
    size = sum(entry.size for entry in several)
    return [*ranks, LogEntry(attempt.path, size, number, None, "merged", None, parts), *agents]


def label(entry: LogEntry) -> str:
    """What stands before its lines among others': `[0]`, `[sup]`, `[agt]`."""
    if entry.rank is not None:
        return f"[{entry.rank}]"
    return "[sup]" if entry.kind == "supervisor" else "[agt]"


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _entry(
    path: Path,
    attempt: int | None = None,
    rank: int | None = None,
    kind: Kind = "rank",
    times: Path | None = None,
) -> Iterator[LogEntry]:
    try:
        yield LogEntry(path, path.stat().st_size, attempt, rank, kind, times)
    except OSError:  # gone since it was listed, or never there
        return


def choose(entries: list[LogEntry], rank: int | None = None, kind: Kind = "rank") -> LogEntry | None:
    """The log to open: of this rank (or of this kind) in the newest attempt, else the first one in which
    there is something.
    """
    if kind == "rank":
        fitting = [entry for entry in entries if rank is not None and entry.rank == rank]
    else:
        fitting = [entry for entry in entries if entry.kind == kind]
    filled = [entry for entry in entries if entry.size and entry.kind != "merged"]
    return next(iter([*fitting, *filled, *entries]), None)
