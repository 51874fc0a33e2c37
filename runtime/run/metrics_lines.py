"""From blocks to the curve of a metric: what is live, and what a later attempt replaced.

An attempt that starts at step s replaces what earlier ones logged at steps ≥ s. Within what is live the steps
are strictly increasing; of several values for a step the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from runtime.run.metrics_columns import (
    Attempts,
    Axis,
    Block,
    Column,
    Floats,
    Ints,
    MemoryBlock,
    merge,
)

_MERGED_ROWS = 1 << 16
_Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Series:
    """One metric over the steps: arrays of equal length, read-only, steps strictly increasing.

    `time` in Unix seconds; `exact` is False for a sample of a long file that is still being read.
    """

    name: str
    step: Ints
    value: Floats
    time: Floats
    attempt: Attempts
    exact: bool = True

    def __len__(self) -> int:
        return len(self.step)


def live_order(axis: Axis, starts: Mapping[int, int]) -> tuple[Ints | None, list[Ints]]:
    """Which rows are live, in order of step (None: all, as they stand), and those replaced, one array an
    attempt.
    """
    attempts = np.unique(axis.attempt)
    cut: dict[int, int] = {}
    lowest: int | None = None
    for attempt in sorted({*starts, *map(int, attempts)}, reverse=True):
        if lowest is not None:
            cut[attempt] = lowest
        if attempt in starts:
            lowest = starts[attempt] if lowest is None else min(lowest, starts[attempt])
    live = np.ones(len(axis), np.bool_)
    for attempt, step in cut.items():
        live &= (axis.attempt != attempt) | (axis.step < step)
    if live.all() and bool(np.all(axis.step[1:] > axis.step[:-1])):
        return None, []
    replaced = []
    for attempt in map(int, attempts):
        rows = np.flatnonzero(~live & (axis.attempt == attempt))
        if len(rows):
            replaced.append(_by_step(axis.step, rows))
    return _by_step(axis.step, np.flatnonzero(live)), replaced


def _by_step(step: Ints, rows: Ints) -> Ints:
    """`rows` in order of their step; of several with the same step the last."""
    rows = rows[np.argsort(step[rows], kind="stable")]
    if not len(rows):
        return rows
    sorted_steps = step[rows]
    last = np.ones(len(rows), np.bool_)
    last[:-1] = sorted_steps[1:] != sorted_steps[:-1]
    chosen: Ints = rows[last]
    return chosen


class _Growing:
    """An array that grows at its end. Views given out before stay as they are."""

    def __init__(self, values: _Array) -> None:
        self._buffer = values
        self.size = len(values)

    def append(self, values: _Array) -> None:
        needed = self.size + len(values)
        if needed > len(self._buffer):
            buffer = np.empty(max(needed + (needed >> 1), 1024), self._buffer.dtype)
            buffer[: self.size] = self._buffer[: self.size]
            self._buffer = buffer
        self._buffer[self.size : needed] = values
        self.size = needed

    def view(self) -> npt.NDArray[np.generic]:
        view = self._buffer[: self.size]
        view.flags.writeable = False
        return view


@dataclass
class _Bundle:
    """The live lines of metrics that are logged together, and so share their axis.

    `order` maps the first `ordered` raw rows to live ones (None: as they stand); what came after was appended
    in order.
    """

    step: _Growing
    time: _Growing
    attempt: _Growing
    order: Ints | None
    ordered: int
    replaced: list[Ints]
    lines: dict[str, _Growing] = field(default_factory=dict)
    past: dict[str, list[Series]] = field(default_factory=dict)


class Lines:
    """All metrics of a file as curves, kept up to date block by block. Not for several threads at a time."""

    def __init__(self, blocks: Iterable[Block] = (), *, exact: bool = True) -> None:
        self.exact = exact
        self._blocks: list[Block] = []
        self._starts: dict[int, int] = {}
        self._names: dict[str, None] = {}
        self._bundles: list[_Bundle] = []
        self._sealed = 0
        for block in blocks:
            self.add(block)

    @property
    def names(self) -> list[str]:
        """The metrics, in the order in which they came."""
        return list(self._names)

    @property
    def shown(self) -> list[str]:
        """The metrics that were asked for so far."""
        return [name for bundle in self._bundles for name in bundle.lines]

    @property
    def recent(self) -> list[Block]:
        """What was added since `seal`."""
        return self._blocks[self._sealed :]

    def seal(self) -> None:
        """What was added up to here stays in the blocks that it is in."""
        self._sealed = len(self._blocks)

    def replace_recent(self, block: Block) -> None:
        """Puts a block with the same content in the place of the recent ones, and seals it."""
        self._blocks[self._sealed :] = [block]
        self.seal()

    def add(self, block: Block) -> None:
        """Adds what follows."""
        if not len(block):
            return
        new_attempt = any(attempt not in self._starts for attempt in block.starts)
        newest = max(self._starts, default=0)
        for attempt, step in block.starts.items():
            self._starts.setdefault(attempt, step)
        self._names.update(dict.fromkeys(block.names))
        self._blocks.append(block)
        if new_attempt or set(block.starts) != {newest}:
            self._bundles.clear()
        else:
            self._bundles = [bundle for bundle in self._bundles if _extend(bundle, block)]
        self._compact()

    def _compact(self) -> None:
        """Merges small blocks at the end, each row a logarithmic number of times."""
        while len(self._blocks) > self._sealed + 1:
            before, last = self._blocks[-2:]
            small = isinstance(before, MemoryBlock) and isinstance(last, MemoryBlock)
            if not small or len(before) > 2 * len(last) or len(before) + len(last) > _MERGED_ROWS:
                return
            self._blocks[-2:] = [merge([before, last])]

    def series(self, name: str) -> Series:
        """The live line of a metric; empty for one that there isn't."""
        bundle = self._bundle(name)
        if bundle is None:
            return _series(
                name, Axis(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int32)), np.empty(0), self.exact
            )
        axis = Axis(bundle.step.view(), bundle.time.view(), bundle.attempt.view())  # type: ignore[arg-type]
        return _series(name, axis, bundle.lines[name].view(), self.exact)  # type: ignore[arg-type]

    def replaced(self, name: str) -> list[Series]:
        """What later attempts replaced of a metric, one series an attempt."""
        bundle = self._bundle(name)
        if bundle is None or not bundle.replaced:
            return []
        if name not in bundle.past:
            axis, values = self._raw_axis(name), self._raw_values(name)
            bundle.past[name] = [
                _series(name, axis.at(rows), values[rows], self.exact) for rows in bundle.replaced
            ]
        return bundle.past[name]

    def _bundle(self, name: str) -> _Bundle | None:
        if name not in self._names:
            return None
        for bundle in self._bundles:
            if name in bundle.lines:
                return bundle
        for bundle in self._bundles:
            if self._logged_together(name, next(iter(bundle.lines))):
                break
        else:
            bundle = self._build(self._raw_axis(name))
            self._bundles.append(bundle)
        values = self._raw_values(name)
        if bundle.order is not None:
            values = np.concatenate([values[bundle.order], values[bundle.ordered :]])
        bundle.lines[name] = _Growing(values)
        return bundle

    def _build(self, axis: Axis) -> _Bundle:
        order, replaced = live_order(axis, self._starts)
        live = axis.at(order)
        grown = (_Growing(live.step), _Growing(live.time), _Growing(live.attempt))
        return _Bundle(*grown, order=order, ordered=len(axis), replaced=replaced)

    def _logged_together(self, one: str, other: str) -> bool:
        return all(block.pattern(one) == block.pattern(other) for block in self._blocks)

    def _columns(self, name: str) -> list[tuple[Block, Column]]:
        return [(block, column) for block in self._blocks if (column := block.column(name)) is not None]

    def _raw_axis(self, name: str) -> Axis:
        parts = [block.axis().at(column.rows) for block, column in self._columns(name)]
        return Axis(
            np.concatenate([part.step for part in parts]),
            np.concatenate([part.time for part in parts]),
            np.concatenate([part.attempt for part in parts]),
        )

    def _raw_values(self, name: str) -> Floats:
        return np.concatenate([column.values for _, column in self._columns(name)])


def _series(name: str, axis: Axis, values: Floats, exact: bool) -> Series:
    return Series(name, axis.step, values, axis.time, axis.attempt, exact)


def _extend(bundle: _Bundle, block: Block) -> bool:
    """Appends a block to a bundle; False where it doesn't simply go on, so that the bundle must be built
    anew.
    """
    patterns = {block.pattern(name) for name in bundle.lines}
    if len(patterns) != 1:
        return False
    columns = {name: column for name in bundle.lines if (column := block.column(name)) is not None}
    if not columns:
        return True
    axis = block.axis().at(next(iter(columns.values())).rows)
    steps = np.concatenate([bundle.step.view()[-1:], axis.step])
    if not bool(np.all(steps[1:] > steps[:-1])):
        return False
    bundle.step.append(axis.step)
    bundle.time.append(axis.time)
    bundle.attempt.append(axis.attempt)
    for name, column in columns.items():
        bundle.lines[name].append(column.values)
    return True
