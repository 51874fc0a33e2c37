"""Columns of a metrics file, kept in the user's cache directory so that a long run opens at once the second
time.

A segment is an immutable file that holds one block: the bytes [start, end) of the source. Segments are
written aside and renamed, so any number of panels can read and write at a time. What doesn't fit the source
any more (another inode, other bytes at its ends), is damaged (every array has a CRC) or of another version is
no segment. Arrays are read when they are needed, by `pread`: a mapped file that somebody truncates would take
the whole process down.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from runtime.run.files import write_atomic
from runtime.run.jsontext import parse_object
from runtime.run.metrics_columns import Axis, Block, Column, Rows
from runtime.run.metrics_source import Mark
from runtime.run.workspace import user_cache_directory

_MAGIC = b"HNMETR01"
_HEADER = struct.Struct("<8sII")
_SUFFIX = ".columns"
_KEPT_SECONDS = 90 * 86400
_Scalar = TypeVar("_Scalar", bound=np.generic)


class DamagedCache(Exception):
    """A segment isn't what was written: it is thrown away and the source is read instead."""


class CachedBlock:
    """The block in a segment."""

    def __init__(self, path: Path, header: Mapping[str, Any], base: int) -> None:
        self._path = path
        self._base = base
        self._rows = int(header["rows"])
        self._arrays: list[list[Any]] = header["arrays"]
        self._columns: dict[str, tuple[int, int]] = {name: (p, v) for name, p, v in header["columns"]}
        self._patterns: dict[int, Rows | None] = {-2: None}
        self._axis: Axis | None = None
        self.starts: Mapping[int, int] = {int(attempt): int(step) for attempt, step in header["starts"]}

    @property
    def names(self) -> Sequence[str]:
        return list(self._columns)

    def axis(self) -> Axis:
        if self._axis is None:
            self._axis = Axis(
                self._array(0, np.dtype(np.int64)),
                self._array(1, np.dtype(np.float64)),
                self._array(2, np.dtype(np.int32)),
            )
            if len(self._axis.step) != self._rows:
                raise DamagedCache(self._path)
        return self._axis

    def column(self, name: str) -> Column | None:
        if name not in self._columns:
            return None
        pattern, values = self._columns[name]
        if pattern not in self._patterns:
            self._patterns[pattern] = self._array(pattern, np.dtype(np.int32))
        return Column(self._patterns[pattern], self._array(values, np.dtype(np.float64)))

    def pattern(self, name: str) -> int:
        return self._columns[name][0] if name in self._columns else -1

    def __len__(self) -> int:
        return self._rows

    def _array(self, index: int, dtype: np.dtype[_Scalar]) -> npt.NDArray[_Scalar]:
        offset, size, checksum = self._arrays[index]
        data = bytearray(size)
        try:
            with self._path.open("rb", buffering=0) as stream:
                stream.seek(self._base + offset)
                read = stream.readinto(data)
        except OSError as error:
            raise DamagedCache(self._path) from error
        if read != size or zlib.crc32(data) != checksum:
            raise DamagedCache(self._path)
        return np.frombuffer(data, dtype)


class MetricsCache:
    """The segments of one metrics file."""

    def __init__(self, source: Path, root: Path | None = None) -> None:
        self._source = os.path.realpath(source)
        self.root = root if root is not None else user_cache_directory()
        self.directory = self.root / "metrics" / hashlib.sha256(os.fsencode(self._source)).hexdigest()[:32]

    def load(self, descriptor: int, start: int = 0) -> tuple[list[Block], int]:
        """The blocks that cover the open source from `start` on without a gap, and the offset where they
        end.
        """
        blocks: list[Block] = []
        end = start
        by_start: dict[int, list[tuple[int, Path]]] = {}
        for path in self._segments():
            by_start.setdefault(int(path.stem[:16], 16), []).append((int(path.stem[17:], 16), path))
        while end in by_start:
            for last, path in sorted(by_start[end], reverse=True):
                block = _open_segment(path, descriptor, end, last)
                if block is not None:
                    blocks.append(block)
                    end = last
                    break
                path.unlink(missing_ok=True)
            else:
                break
        if blocks:
            with suppress(OSError):
                os.utime(self.directory)
        return blocks, end

    def _segments(self) -> list[Path]:
        try:
            names = os.listdir(self.directory)  # noqa: PTH208 (names only)
        except OSError:
            return []
        return [self.directory / name for name in names if _is_segment(name)]

    def save(self, block: Block, descriptor: int, start: int, end: int) -> Block | None:
        """Writes the block of the source's bytes [start, end); returns it as it is in the cache, None where
        that can't be.
        """
        path = self.directory / f"{start:016x}-{end:016x}{_SUFFIX}"
        data = _encode(block, Mark.at(descriptor, end), start)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            note = self.directory / "source"
            if not note.exists():
                note.write_bytes(os.fsencode(self._source))
            write_atomic(path, data, durable=False)
        except OSError:  # no room, or no home that can be written: the block stays in memory
            return None
        return _open_segment(path, descriptor, start, end)

    def writable(self) -> bool:
        """Whether segments can be written, as far as that can be known beforehand."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self.directory, os.W_OK | os.X_OK)

    def bytes_between(self, start: int, end: int) -> int:
        """How many of the source's bytes [start, end) segments hold, as their names say."""
        spans = [(int(path.stem[:16], 16), int(path.stem[17:], 16)) for path in self._segments()]
        return sum(last - first for first, last in spans if start <= first and last <= end)

    def discard(self) -> None:
        """Throws the segments away."""
        for path in self._segments():
            with suppress(OSError):
                path.unlink()

    def prune(self) -> None:
        """Removes the caches of files that are no more, or weren't opened for three months."""
        with suppress(OSError):
            for directory in list(self.directory.parent.iterdir()):
                note = directory / "source"
                old = time.time() - directory.stat().st_mtime > _KEPT_SECONDS
                if directory != self.directory and note.is_file():
                    missing = not os.path.exists(note.read_bytes())  # noqa: PTH110 (bytes)
                    if old or missing:
                        shutil.rmtree(directory, ignore_errors=True)


def _is_segment(name: str) -> bool:
    stem = name.removesuffix(_SUFFIX)
    return stem != name and len(stem) == 33 and stem[16] == "-" and set(stem) <= set("0123456789abcdef-")


def _encode(block: Block, mark: Mark, start: int) -> bytes:
    parts: list[bytes] = []
    arrays: list[tuple[int, int, int]] = []
    size = 0

    def add(array: npt.NDArray[Any]) -> int:
        nonlocal size
        data = np.ascontiguousarray(array).tobytes()
        arrays.append((size, len(data), zlib.crc32(data)))
        parts.append(data)
        size += len(data)
        return len(arrays) - 1

    axis = block.axis()
    for array in (axis.step, axis.time, axis.attempt):
        add(array)
    patterns: dict[int, int] = {}
    columns: list[tuple[str, int, int]] = []
    for name in block.names:
        column = block.column(name)
        assert column is not None
        key = block.pattern(name)
        if key not in patterns:
            patterns[key] = -2 if column.rows is None else add(column.rows)
        columns.append((name, patterns[key], add(column.values)))
    header = {
        "start": start,
        "mark": vars(mark),
        "rows": len(block),
        "starts": list(block.starts.items()),
        "arrays": arrays,
        "columns": columns,
    }
    text = json.dumps(header).encode()
    return b"".join([_HEADER.pack(_MAGIC, len(text), zlib.crc32(text)), text, *parts])


def _open_segment(path: Path, descriptor: int, start: int, end: int) -> CachedBlock | None:
    """The block in a segment, None unless it is whole in its header and fits the open source."""
    try:
        with path.open("rb") as stream:
            magic, length, checksum = _HEADER.unpack(stream.read(_HEADER.size))
            text = stream.read(length) if magic == _MAGIC else b""
        header = parse_object(text)
        if magic != _MAGIC or zlib.crc32(text) != checksum or header is None or header["start"] != start:
            return None
        mark = Mark(**header["mark"])
        if mark.offset != end or not mark.holds(descriptor):
            return None
        return CachedBlock(path, header, _HEADER.size + length)
    except (OSError, struct.error, KeyError, TypeError, ValueError):
        return None
