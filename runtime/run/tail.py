"""Following a file that somebody else writes: lines as they are finished, whatever happens to the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runtime.run.jsontext import LONGEST_LINE, SCHEMA, parse_object, schema_of

_SIGNATURE = 64
_CHUNK = 1 << 20


class LineTail:
    """The finished lines of a growing file, each once, in bytes without the newline.

    The file is opened anew at each poll. It may be missing, grow while it is read, end in half a line, be
    truncated or be replaced by another: the last two start it over and are told by `resets`, at whose change
    a reader forgets what it had. A line longer than LONGEST_LINE is skipped and counted in `skipped`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.resets = 0
        self.skipped = 0
        self._inode: int | None = None
        self._signature = b""
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._discarding = False

    def poll(self, limit: int | None = None) -> list[bytes]:
        """The lines finished since the last poll; reads at most about `limit` bytes, the rest is left for the
        next.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # missing or unreachable for now; whatever comes back is judged then
            return []
        try:
            self._notice_replacement(descriptor)
            return list(self._read(descriptor, limit))
        finally:
            os.close(descriptor)

    def _notice_replacement(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        same = self._inode in (None, status.st_ino) and status.st_size >= self.offset
        if same and self._signature:
            start = self.offset - len(self._signature)
            same = os.pread(descriptor, len(self._signature), start) == self._signature
        if not same:
            self.resets += 1
            self.offset = 0
            self._signature = b""
            self._forget_partial()
            self._discarding = False
        self._inode = status.st_ino

    def _read(self, descriptor: int, limit: int | None) -> Iterator[bytes]:
        start = self.offset
        while limit is None or self.offset - start < limit:
            data = os.pread(descriptor, _CHUNK, self.offset)
            if not data:
                return
            self.offset += len(data)
            self._signature = (self._signature + data)[-_SIGNATURE:]
            yield from self._split(data)

    def _split(self, data: bytes) -> Iterator[bytes]:
        head, newline, rest = data.partition(b"\n")
        if not newline:
            self._hold(data)
            return
        if self._discarding:
            self._discarding = False
        else:
            yield b"".join([*self._partial, head])
        self._forget_partial()
        *lines, half = rest.split(b"\n")
        yield from lines
        self._hold(half)

    def _hold(self, data: bytes) -> None:
        if self._discarding or not data:
            return
        self._partial.append(data)
        self._partial_bytes += len(data)
        if self._partial_bytes > LONGEST_LINE:
            self._forget_partial()
            self._discarding = True
            self.skipped += 1

    def _forget_partial(self) -> None:
        self._partial = []
        self._partial_bytes = 0

    @property
    def partial(self) -> bytes:
        """The half line at the end of what was read so far."""
        return b"".join(self._partial)


class JsonlTail:
    """The records of a growing journal, each once. Lines that are no JSON object, and those of a newer
    schema, are left out and counted (`noise`, `foreign`). See `LineTail` for truncation and rotation
    (`resets`).
    """

    def __init__(self, path: Path) -> None:
        self._lines = LineTail(path)
        self.noise = 0
        self.foreign = 0

    @property
    def path(self) -> Path:
        return self._lines.path

    @property
    def offset(self) -> int:
        """Bytes read so far."""
        return self._lines.offset

    @property
    def resets(self) -> int:
        """How often the file was truncated or replaced: at a change, forget the records had before."""
        return self._lines.resets

    def poll(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The records finished since the last poll (about `limit` bytes of them)."""
        return list(self._records(self._lines.poll(limit)))

    def rest(self) -> list[dict[str, Any]]:
        """The record in an unfinished last line, where it is whole but for its newline; for a reader that
        won't come back.
        """
        return list(self._records([self._lines.partial]))

    def _records(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        for line in lines:
            if not line.strip():
                continue
            record = parse_object(line)
            if record is None:
                self.noise += 1
            elif schema_of(record) > SCHEMA:
                self.foreign += 1
            else:
                yield record


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """All records of the journal at `path`, none where it is missing."""
    tail = JsonlTail(path)
    return [*tail.poll(), *tail.rest()]


def read_last_records(path: Path, at_most: int, *, window: int = 256 << 10) -> list[dict[str, Any]]:
    """The last records of a journal (at most so many, and from its last `window` bytes), oldest first,
    without reading it all.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        start = max(0, os.fstat(descriptor).st_size - window)
        data = os.pread(descriptor, window + _CHUNK, start)
    finally:
        os.close(descriptor)
    lines = data.split(b"\n")[1 if start else 0 :]
    records = (parse_object(line) for line in reversed(lines))
    found: list[dict[str, Any]] = []
    for record in records:
        if record is not None and schema_of(record) <= SCHEMA:
            found.append(record)
            if len(found) == at_most:
                break
    return found[::-1]
