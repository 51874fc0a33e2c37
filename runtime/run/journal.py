"""Appending to a journal: a file of records that only grows."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.run.jsontext import encode


def write_all(descriptor: int, data: bytes) -> None:
    """`os.write` until everything is written (a signal or a filling disk can cut one call short)."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


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
