"""Lines of `metrics.jsonl` turned into columns.

A block is a stretch of the file: per row its step, time and attempt, and for each metric the rows that have
it and their values. Metrics that are logged together share one array of rows, which is how their axis is
found to be the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from runtime.run.jsontext import SCHEMA, schema_of
from runtime.run.metrics import RESERVED

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Attempts = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int32]

_LARGEST_STEP = 1 << 62
_Row = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """Step, time (Unix seconds, nan where a line has none) and attempt (1 where a line has none) of each
    row.
    """

    step: Ints
    time: Floats
    attempt: Attempts

    def __len__(self) -> int:
        return len(self.step)

    def at(self, rows: npt.NDArray[Any] | None) -> Axis:
        """The axis of these rows only; None means all."""
        if rows is None:
            return self
        return Axis(self.step[rows], self.time[rows], self.attempt[rows])


@dataclass(frozen=True)
class Column:
    """The values of one metric in a block, and the rows that have it (None: every row)."""

    rows: Rows | None
    values: Floats


class Block(Protocol):
    """A stretch of the file as columns, in memory or in the cache."""

    @property
    def names(self) -> Sequence[str]:
        """The metrics in it, in the order in which they came."""

    @property
    def starts(self) -> Mapping[int, int]:
        """The attempts in it, in the order in which they came, with the first step of each here."""

    def axis(self) -> Axis:
        """The axis of all rows."""

    def column(self, name: str) -> Column | None:
        """The column of a metric, None where it isn't in this block."""

    def pattern(self, name: str) -> int:
        """A number for the rows that a metric has: equal for those that share `rows`, -1 where it isn't in
        this block.
        """

    def __len__(self) -> int: ...


class MemoryBlock:
    """A block in memory."""

    def __init__(self, axis: Axis, columns: Mapping[str, Column]) -> None:
        self._axis = axis
        self._columns = columns
        self.starts: Mapping[int, int] = _starts(axis)

    @property
    def names(self) -> Sequence[str]:
        return list(self._columns)

    def axis(self) -> Axis:
        return self._axis

    def column(self, name: str) -> Column | None:
        return self._columns.get(name)

    def pattern(self, name: str) -> int:
        column = self._columns.get(name)
        return -1 if column is None else id(column.rows)

    def __len__(self) -> int:
        return len(self._axis)


def _starts(axis: Axis) -> dict[int, int]:
    if not len(axis):
        return {}
    changes = np.concatenate([[0], np.flatnonzero(axis.attempt[1:] != axis.attempt[:-1]) + 1])
    starts: dict[int, int] = {}
    for row in changes.tolist():
        starts.setdefault(int(axis.attempt[row]), int(axis.step[row]))
    return starts


def parse(data: bytes) -> MemoryBlock:
    """The block of some whole lines. What is no line of metrics (noise, a torn line, no step) is left out."""
    rows = _load(data)
    try:
        groups = _group(rows)
        matrices = [_matrix(rows, names, members) for names, members in groups.items()]
        regular = all(_regular(names, matrix) for names, matrix in zip(groups, matrices, strict=True))
    except (TypeError, ValueError, OverflowError):
        regular = False
    if not regular:  # something is no number, no step or no object: look at each by itself
        rows = [numbers for row in rows if (numbers := _numbers_only(row)) is not None]
        groups = _group(rows)
        matrices = [_matrix(rows, names, members) for names, members in groups.items()]
    return _assemble(len(rows), list(groups.items()), matrices)


def _load(data: bytes) -> list[Any]:
    """The values in `data`, hopefully objects. All lines are parsed as one JSON array where they can be: it
    takes half the time.
    """
    body = data[:-1] if data.endswith(b"\n") else data
    if not body:
        return []
    try:
        rows = orjson.loads(b"[" + body.replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        rows = None
    if rows is None or len(rows) != body.count(b"\n") + 1:
        return [_load_line(line) for line in body.split(b"\n")]
    return list(rows)


def _regular(names: tuple[str, ...], matrix: Floats) -> bool:
    if "schema" in names or "step" not in names:
        return False
    step = matrix[names.index("step")]
    return bool(np.all(np.abs(step) < _LARGEST_STEP))  # false for nan and inf too


def _load_line(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:  # Python's own writer says NaN and Infinity, which is no JSON but found in the wild
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _group(rows: list[_Row]) -> dict[tuple[str, ...], list[int] | None]:
    """The rows by their keys; None stands for all rows, where there is one group only."""
    if not rows:
        return {}
    if set(map(type, rows)) != {dict}:
        raise TypeError("a line holds something else than an object")
    keys = list(map(tuple, rows))
    if keys.count(keys[0]) == len(keys):
        return {keys[0]: None}
    groups: dict[tuple[str, ...], list[int] | None] = {}
    members: list[int] | None
    for index, names in enumerate(keys):
        members = groups.setdefault(names, [])
        assert members is not None
        members.append(index)
    return groups


def _matrix(rows: list[_Row], names: tuple[str, ...], members: list[int] | None) -> Floats:
    """The values of a group as [names, rows]. "nan", "inf" and "-inf" are numbers to numpy as they are to us,
    null is nan.
    """
    chosen = rows if members is None else [rows[index] for index in members]
    count = len(chosen) * len(names)
    flat = np.fromiter(chain.from_iterable(map(dict.values, chosen)), np.float64, count)
    return np.ascontiguousarray(flat.reshape(len(chosen), len(names)).T)


def _numbers_only(row: object) -> dict[str, float] | None:
    """What of a row is numbers; None for what is no row."""
    if not isinstance(row, dict) or schema_of(row) > SCHEMA:
        return None
    values = ((name, _as_numpy_would(value)) for name, value in row.items() if name != "schema")
    numbers = {name: value for name, value in values if value is not None}
    step = numbers.get("step")
    return numbers if step is not None and abs(step) < _LARGEST_STEP else None


def _as_numpy_would(value: object) -> float | None:
    if value is None:
        return math.nan
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _assemble(
    count: int, groups: list[tuple[tuple[str, ...], list[int] | None]], matrices: list[Floats]
) -> MemoryBlock:
    members = [
        np.arange(count, dtype=np.int32) if rows is None else np.array(rows, np.int32) for _, rows in groups
    ]
    found: dict[str, list[tuple[int, Floats]]] = {}
    for index, ((names, _), matrix) in enumerate(zip(groups, matrices, strict=True)):
        for position, name in enumerate(names):
            found.setdefault(name, []).append((index, matrix[position]))

    orders: dict[tuple[int, ...], tuple[Rows | None, Ints]] = {}

    def column(parts: list[tuple[int, Floats]]) -> Column:
        key = tuple(index for index, _ in parts)
        if key not in orders:
            rows = np.concatenate([members[index] for index in key])
            order = np.argsort(rows, kind="stable")
            orders[key] = (None if len(rows) == count else rows[order], order)
        rows_in_order, order = orders[key]
        values = parts[0][1] if len(parts) == 1 else np.concatenate([values for _, values in parts])[order]
        return Column(rows_in_order, values)

    return _block(count, {name: column(parts) for name, parts in found.items()})


def _block(count: int, columns: Mapping[str, Column]) -> MemoryBlock:
    axis = Axis(
        step=_spread(columns.get("step"), count, 0).astype(np.int64),
        time=_spread(columns.get("time"), count, math.nan),
        attempt=_attempts(_spread(columns.get("attempt"), count, 1)),
    )
    return MemoryBlock(axis, {name: item for name, item in columns.items() if name not in RESERVED})


def _spread(column: Column | None, count: int, missing: float) -> Floats:
    if column is not None and column.rows is None:
        return column.values
    values = np.full(count, missing, np.float64)
    if column is not None:
        values[column.rows] = column.values
    return values


def _attempts(values: Floats) -> Attempts:
    limits = np.iinfo(np.int32)
    return np.clip(np.nan_to_num(values, nan=1), limits.min, limits.max).astype(np.int32)


def merge(blocks: Sequence[Block]) -> MemoryBlock:
    """One block of several that follow each other."""
    axes = [block.axis() for block in blocks]
    axis = Axis(
        np.concatenate([axis.step for axis in axes]),
        np.concatenate([axis.time for axis in axes]),
        np.concatenate([axis.attempt for axis in axes]),
    )
    offsets = np.concatenate([[0], np.cumsum([len(block) for block in blocks])])
    shared: dict[tuple[object, ...], Rows | None] = {}
    columns: dict[str, Column] = {}
    for name in unique_names(blocks):
        parts = [
            (index, found) for index, block in enumerate(blocks) if (found := block.column(name)) is not None
        ]
        key = tuple((index, id(part.rows)) for index, part in parts)
        if key not in shared:
            shared[key] = _joined_rows(parts, blocks, offsets, len(axis))
        columns[name] = Column(shared[key], np.concatenate([part.values for _, part in parts]))
    return MemoryBlock(axis, columns)


def _joined_rows(
    parts: list[tuple[int, Column]], blocks: Sequence[Block], offsets: Ints, count: int
) -> Rows | None:
    if sum(len(part.values) for _, part in parts) == count:
        return None
    pieces = [
        (np.arange(len(blocks[index])) if part.rows is None else part.rows) + offsets[index]
        for index, part in parts
    ]
    return np.concatenate(pieces).astype(np.int32)


def unique_names(blocks: Iterable[Block]) -> list[str]:
    """The metrics of some blocks, in the order in which they came."""
    return list(dict.fromkeys(chain.from_iterable(block.names for block in blocks)))
