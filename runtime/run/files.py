"""The two kinds of file in a run directory, written so that a reader never meets half of a record unawares.

A *document* (`run.json`, an exit record, a request …) is replaced as a whole: temporary file in the same
directory, fsync, rename, fsync of the directory. A *journal* (`events.jsonl`, `metrics.jsonl` …) only grows:
each record is one `write()` on a descriptor opened with O_APPEND. Both are UTF-8 JSON with `"schema": 1`; a
number that isn't finite is `"nan"`, `"inf"` or `"-inf"`. Readers reopen at every poll (NFS attributes lag)
and take any content: half lines, truncation, rotation, noise.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.messages import N_, HeadnodeError
from runtime.run.journal import JsonlAppender, write_all
from runtime.run.jsontext import SCHEMA, encode, number, parse_object, plain, schema_of
from runtime.run.tail import JsonlTail, LineTail, read_jsonl, read_last_records

__all__ = [
    "SCHEMA",
    "ForeignSchema",
    "JsonlAppender",
    "JsonlTail",
    "LineTail",
    "encode",
    "fsync_directory",
    "number",
    "plain",
    "read_bytes",
    "read_json",
    "read_jsonl",
    "read_last_records",
    "write_all",
    "write_atomic",
    "write_json_atomic",
]

_counter = itertools.count()
_UNREADABLE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ESTALE}


class ForeignSchema(HeadnodeError):
    """A record of a newer version than this one: it is shown as foreign and never changed."""

    def __init__(self, path: Path, schema: int) -> None:
        self.path = path
        self.schema = schema
        template = N_(
            "{path} was written by a newer version of Headnode (schema {schema}); update to open it"
        )
        super().__init__(template, path=str(path), schema=schema)


def fsync_directory(path: Path) -> None:
    """Makes a rename or creation in `path` durable. File systems that can't (some FUSE and NFS) are left as
    they are.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other writer uses, and that every reader skips (it starts with a dot)."""
    return path.with_name(f".{path.name}.{os.getpid()}.{next(_counter)}.{os.urandom(3).hex()}.tmp")


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replaces `path` by `data`; a reader sees the old content or the new, also after a power cut if
    `durable`.

    Raises OSError (ENOSPC, EACCES …) with the old content still in place.
    """
    temporary = temporary_name(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        fsync_directory(path.parent)


def write_json_atomic(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    """Replaces the document `path`; `"schema": 1` is added where `value` has none. Raises OSError as
    `write_atomic`.
    """
    write_atomic(path, encode({"schema": SCHEMA, **value}, indent=2) + b"\n", durable=durable)


def read_bytes(path: Path) -> bytes | None:
    """The content of `path`, None where it is missing or may not be read. Raises OSError for faults of the
    device.
    """
    for last in (False, True):
        try:
            return path.read_bytes()
        except OSError as error:
            if (
                error.errno == errno.ESTALE and not last
            ):  # replaced under an NFS client: the second look finds the new one
                continue
            if error.errno not in _UNREADABLE:
                raise
            return None
    return None


def read_json(path: Path) -> dict[str, Any] | None:
    """The document at `path`, None where it is missing, unreadable or torn.

    Raises ForeignSchema where a newer version wrote it.
    """
    data = read_bytes(path)
    value = parse_object(data) if data is not None else None
    if value is not None and schema_of(value) > SCHEMA:
        raise ForeignSchema(path, schema_of(value))
    return value
