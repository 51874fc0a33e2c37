"""Appending to a journal: a file of records that only grows."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.run.jsontext import encode

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a disk without room says."""


def write_all(descriptor: int, data: bytes) -> None:
    """`os.write` until everything is written (a signal or a filling disk can cut one call short)."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def patiently(write: Callable[[], None], seconds: float = 2.0) -> None:
    """Calls `write`, again and again while the disk is full, for so long at most: another rank's failed save
    may be about to give back the room that a last record needs. Raises OSError as `write` does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return write()
        except OSError as error:
            if error.errno not in FULL or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


class JsonlAppender:
    """Appends records to a journal, each by one `write()`.

    Where the file ends in a torn line (its writer was killed, or the disk was full), that line is ended
    first, so that no record is glued to it. Opened at the first record; `durable` fsyncs each one.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self._descriptor: int | None = None
        self._torn = False
        self._lock = threading.Lock()

    def append(self, record: Mapping[str, Any]) -> None:
        """Appends one record. Raises OSError where the disk refuses it; the journal stays readable."""
        self.append_line(encode(record))

    def append_line(self, line: bytes) -> None:
        """Appends one encoded record (no newline in it)."""
        with self._lock:
            if self._descriptor is None:
                self._descriptor = self._open()
            data = (b"\n" if self._torn else b"") + line + b"\n"
            self._torn = True
            write_all(self._descriptor, data)
            self._torn = False
            if self._durable:
                os.fsync(self._descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            self._torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def close(self) -> None:
        """Closes the file; the next record opens it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


class PatientAppender:
    """Appends to a journal as `JsonlAppender` does, and waits where the disk is full instead of failing.

    What can't be written is kept (the newest `limit` records) and written later, in its order; that it waits,
    and how much was lost in the end, is told once on standard error. `before` is called with each record
    before it is written. Other faults of the disk are raised.
    """

    RETRY = 1.0
    """Seconds between two tries."""

    def __init__(
        self,
        path: Path,
        *,
        limit: int = 10_000,
        before: Callable[[Mapping[str, Any]], None] = lambda record: None,
    ) -> None:
        self._appender = JsonlAppender(path)
        self._waiting: deque[Mapping[str, Any]] = deque(maxlen=limit)
        self._before = before
        self._lock = threading.Lock()
        self._next_try = 0.0
        self._told = False
        self.lost = 0

    def append(self, record: Mapping[str, Any]) -> None:
        """Appends one record, now or when there is room."""
        with self._lock:
            self.lost += len(self._waiting) == self._waiting.maxlen
            self._waiting.append(record)
            if time.monotonic() >= self._next_try:
                self._flush()

    def _flush(self) -> None:
        try:
            self._write_waiting()
            self._next_try = 0.0
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._next_try = time.monotonic() + self.RETRY
            self._tell(f"{self._appender.path.name} can't be written, trying again: {error}")

    def _write_waiting(self) -> None:
        while self._waiting:
            self._before(self._waiting[0])
            self._appender.append(self._waiting[0])
            self._waiting.popleft()

    def _tell(self, text: str) -> None:
        if not self._told:
            print(f"headnode: {text}", file=sys.stderr, flush=True)
        self._told = True

    def close(self) -> None:
        """Writes what still waits, or tells that it is lost, and closes the file."""
        with self._lock:
            try:
                patiently(self._write_waiting)
            except OSError as error:
                if error.errno not in FULL:
                    raise
            lost = self.lost + len(self._waiting)
            self._appender.close()
        if lost:
            self._told = False
            self._tell(f"{lost} lines of {self._appender.path.name} were lost: the disk is full")
