"""What a supervisor writes about its run: record and events, and nothing once somebody else holds the run.

A disk that is full or a file server that is away must not end a supervisor, since its ranks would then be on
their own: what could not be written is kept and tried again, in order.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from runtime.run.epochs import still_mine
from runtime.run.events import Event, EventWriter
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord, write_record

_RETRY = 1.0  # seconds between two tries to write to a disk that refuses


class EpochLost(Exception):
    """Another supervisor has taken the run over: this one must not write any more, nor touch its
    processes."""


class Chronicle:
    """Record and events of one run, for the holder of `epoch`."""

    def __init__(self, run: RunDirectory, record: RunRecord, epoch: int) -> None:
        self.run = run
        self.record = record
        self._epoch = epoch
        self._dirty = False
        self._events = EventWriter(run, clock=lambda: self._time)
        self._time = 0.0
        self._unwritten: list[tuple[float, str, int, str | None, dict[str, Any]]] = []
        self._next_try = 0.0
        self._complaint = ""
        self.listener: Callable[[Event], None] = lambda event: None
        """Told of every event, also of one that the disk refuses for now."""

    @property
    def settled(self) -> bool:
        """Whether everything has reached the disk."""
        return not self._dirty and not self._unwritten

    def check_epoch(self) -> None:
        """Raises EpochLost where a higher epoch has been taken. A directory that is away for now proves
        nothing."""
        try:
            if not still_mine(self.run, self._epoch) and self.run.path.exists():
                raise EpochLost(f"epoch {self._epoch} is over")
        except OSError as error:
            self._complain(error)

    def change(self, **fields: Any) -> None:
        """Changes fields of the record, and writes it unless nothing is different."""
        changed = replace(self.record, **fields)
        if changed != self.record:
            self.record = changed
            self._dirty = True
            self.flush()

    def event(self, name: str, reason: str | None = None, **detail: Any) -> Event:
        """Writes an event of the present attempt."""
        moment = time.time()
        self._unwritten.append((moment, name, self.record.attempt, reason, detail))
        happened = Event(moment, self.record.attempt, name, reason, detail)
        self.listener(happened)
        self.flush()
        return happened

    def flush(self, *, force: bool = False) -> None:
        """Writes what is due: events in their order, then the record. Keeps what the disk refuses."""
        if self.settled or (time.monotonic() < self._next_try and not force):
            return
        self.check_epoch()
        try:
            while self._unwritten:
                self._time, name, attempt, reason, detail = self._unwritten[0]
                self._events.write(name, attempt, reason, **detail)
                del self._unwritten[0]
            if self._dirty:
                write_record(self.run, self.record)
                self._dirty = False
            self._next_try = 0.0
            self._complaint = ""
        except OSError as error:
            self._next_try = time.monotonic() + _RETRY
            self._events.close()
            self._complain(error)

    def close(self) -> None:
        """Closes the files."""
        self._events.close()

    def _complain(self, error: OSError) -> None:
        if str(error) != self._complaint:
            self._complaint = str(error)
            say(f"cannot write to {self.run.path}, trying again: {error}")


def say(text: str) -> None:
    """One line for a person in supervisor.log. A full disk is no reason to fail."""
    try:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)
    except OSError:
        return
