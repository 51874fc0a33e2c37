"""Which logs a run has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory


@dataclass(frozen=True)
class LogEntry:
    """One log: of a rank in an attempt, or (`rank` is None) of the run's supervisor."""

    path: Path
    size: int
    attempt: int | None = None
    rank: int | None = None


def find_logs(directory: RunDirectory) -> list[LogEntry]:
    """The newest attempt's ranks, the supervisor, then earlier attempts. Asks the disk: not for the panel's
    thread.
    """
    numbers = directory.attempt_numbers()[::-1]
    entries: list[LogEntry] = []
    for number in numbers[:1]:
        entries += _ranks(directory, number)
    entries += _entry(directory.supervisor_log)
    for number in numbers[1:]:
        entries += _ranks(directory, number)
    return entries


def _ranks(directory: RunDirectory, number: int) -> Iterator[LogEntry]:
    attempt = directory.attempt(number)
    for rank in attempt.log_ranks():
        yield from _entry(attempt.log(rank), number, rank)


def _entry(path: Path, attempt: int | None = None, rank: int | None = None) -> Iterator[LogEntry]:
    try:
        yield LogEntry(path, path.stat().st_size, attempt, rank)
    except OSError:  # gone since it was listed, or never there
        return


def choose(entries: list[LogEntry], rank: int | None = None) -> LogEntry | None:
    """The log to open: of this rank in the newest attempt, else the first one in which there is something."""
    fitting = [entry for entry in entries if rank is not None and entry.rank == rank]
    return next(iter([*fitting, *(entry for entry in entries if entry.size), *entries]), None)
