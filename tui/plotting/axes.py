"""Axes: where the ticks stand.

The vertical axis is laid out in whole rows: a step of 1, 2 or 5 times a power of ten takes a whole number
of rows, so that ticks are evenly spaced and the limits change only when the data leaves them. That keeps
the picture still while a run is followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from itertools import pairwise

from tui.plotting.labels import (
    clock_labels,
    count_labels,
    elapsed_labels,
    log_labels,
    nice,
    short_number,
    time_step,
    value_labels,
)

DOTS = 4
"""Dot rows in a row of cells."""
_MIDDLE = 2
"""The dot, from the bottom of a row, that a tick points at."""


@dataclass(frozen=True)
class Tick:
    """A label and the cell (row from the top, or column from the left) where it stands."""

    cell: int
    label: str


@dataclass(frozen=True)
class VerticalAxis:
    """The mapping from values to dot rows, and the ticks from top to bottom."""

    top: float
    """The value at dot row 0; its common logarithm if `log`."""
    per_dot: float
    log: bool
    ticks: tuple[Tick, ...]
    offset: str = ""
    """A number to be added to every label, where the values differ only far behind the point."""


def linear_axis(low: float, high: float, rows: int) -> VerticalAxis:
    """An axis of `rows` rows on which everything from `low` to `high` is visible; both finite, low ≤ high."""
    size = max(abs(low), abs(high))
    if high - low <= size * 1e-12:
        return _constant_axis((low + high) / 2, rows)
    if rows <= 3:
        return _tight_axis(low, high, rows)
    step, spacing = _choose_step(low, high, rows)
    per_dot = step / spacing
    bottom = _choose_bottom(low / per_dot, high / per_dot, rows, centred=spacing % DOTS == 0)
    # The tick n · step lies n · spacing − bottom dots above the lowest one.
    numbers = range(-(-bottom // spacing), (bottom + rows * DOTS - 1) // spacing + 1)
    labels, offset = value_labels([number * step for number in numbers], step)
    cells = [rows - 1 - (number * spacing - bottom) // DOTS for number in numbers]
    ticks: list[Tick] = []
    for cell, label in zip(cells, labels, strict=True):
        if 0 <= cell < rows and (not ticks or ticks[-1].cell - cell > 1):  # never in neighbouring rows
            ticks.append(Tick(cell, label))
    if len(ticks) < 2:
        return _tight_axis(low, high, rows)
    return VerticalAxis((bottom + rows * DOTS - 1) * per_dot, per_dot, False, tuple(reversed(ticks)), offset)


def _choose_step(low: float, high: float, rows: int) -> tuple[float, int]:
    """The distance of ticks in value and in dots: little empty room, ticks evenly and neither crowded nor
    far apart.
    """
    ideal = DOTS * (2 if rows < 9 else 3 if rows < 18 else 4)
    best = (math.inf, 0.0, 1)
    smallest = math.floor(math.log10((high - low) / rows)) - 1
    room = rows * DOTS - 2
    for power in range(smallest, smallest + 4):
        for factor in (1, 2, 5):
            step = factor * 10.0**power
            for spacing in range(2 * DOTS - 2, max(2, min(6, rows - 1)) * DOTS + 1):
                used = (high - low) / step * spacing / room
                if used > 1:
                    break
                few = 1.0 if rows * DOTS < 2 * spacing else 0.0
                uneven = 0.08 if spacing % DOTS else 0.0
                score = (1 - used) + 0.12 * abs(math.log2(spacing / ideal)) + few + uneven
                if score < best[0] - 1e-9:
                    best = (score, step, spacing)
    return best[1], best[2]


def _choose_bottom(low: float, high: float, rows: int, centred: bool) -> int:
    """The lowest dot, in dots above the value 0, for limits given in dots.

    Best has the ticks' values in the middle of their rows, next best the curve in the middle of the chart.
    """
    highest = math.floor(low + 0.5)
    lowest = math.ceil(high - rows * DOTS + 0.5)

    def cost(candidate: int) -> tuple[int, float]:
        off = (highest - candidate + _MIDDLE) % DOTS if centred else 0
        return min(off, DOTS - off), abs(highest - candidate - (highest + lowest) / 2)

    return highest - min(range(max(highest - lowest, 0) + 1), key=cost)


def _constant_axis(value: float, rows: int) -> VerticalAxis:
    row = rows // 2
    per_dot = (abs(value) * 0.1 or 1.0) / (rows * DOTS)
    ticks = (Tick(row, short_number(value)),) if rows > 1 else ()
    return VerticalAxis(value + (row * DOTS + DOTS - 1 - _MIDDLE) * per_dot, per_dot, False, ticks)


def _tight_axis(low: float, high: float, rows: int) -> VerticalAxis:
    """Few rows have no room for round numbers: the limits are shown, and nothing in a single row."""
    both = next((pair for digits in range(3, 9) if len(set(pair := _labels(low, high, digits))) > 1), ())
    ticks = [Tick(row, label) for row, label in zip((0, rows - 1), both, strict=False)] if rows > 1 else []
    return VerticalAxis(high, (high - low) / max(rows * DOTS - 1, 1), False, tuple(ticks))


def _labels(low: float, high: float, digits: int) -> tuple[str, ...]:
    return short_number(high, digits), short_number(low, digits)


def log_axis(low: float, high: float, rows: int) -> VerticalAxis:
    """A logarithmic axis for positive values from `low` to `high`."""
    bottom, top = math.log10(low), math.log10(high)
    if top - bottom < 1e-9:
        axis = _constant_axis(low, rows)
        per_dot = 0.05 / DOTS
        return VerticalAxis(
            bottom + (rows // 2 * DOTS + DOTS - 1 - _MIDDLE) * per_dot, per_dot, True, axis.ticks
        )
    grain = 2.0 ** math.ceil(
        math.log2((top - bottom) / 64)
    )  # the limits move in small jumps, not with each value
    bottom, top = math.floor(bottom / grain + 1e-9) * grain, math.ceil(top / grain - 1e-9) * grain
    per_dot = (top - bottom) / max(rows * DOTS - 1, 1)
    if rows <= 3:
        return VerticalAxis(top, per_dot, True, _tight_axis(low, high, rows).ticks)
    candidates = [
        [(int((top - math.log10(value)) / per_dot + 0.5) // DOTS, value) for value in values]
        for values in _log_candidates(10**bottom * (1 - 1e-9), 10**top * (1 + 1e-9))
    ]
    for apart in (2 if rows < 12 else 3, 1):
        fitting = [
            placed
            for placed in candidates
            if all(lower[0] - upper[0] >= apart for lower, upper in pairwise(placed))
        ]
        chosen = max(fitting, key=len, default=[])
        if len(chosen) > 1:
            break
    labels = log_labels([value for _, value in chosen])
    ticks = [Tick(min(max(row, 0), rows - 1), label) for (row, _), label in zip(chosen, labels, strict=True)]
    return VerticalAxis(top, per_dot, True, tuple(reversed(ticks)))


def _log_candidates(low: float, high: float) -> list[list[float]]:
    """Sets of ticks for a logarithmic axis, from sparse to dense."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    sets = [
        [10.0**power for power in range(max(first, -307), min(last, 308) + 1) if power % every == 0]
        for every in (200, 100, 50, 20, 10, 5, 4, 3, 2, 1)
    ]
    if last - first <= 6:
        for factors in ((1, 3), (1, 2, 5), (1, 2, 3, 5, 7)):
            sets.append([factor * 10.0**power for power in range(first, last + 1) for factor in factors])
    if high < 20 * low:
        for count in (2, 3, 4, 6):
            step = nice((high - low) / count)
            sets.append([n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)])
    return [[value for value in values if low <= value <= high] for values in sets]


# -- the horizontal axis


def count_ticks(left: float, right: float, columns: int) -> tuple[Tick, ...]:
    """Ticks for steps or tokens from `left` to `right` on `columns` cells; whole numbers only, none twice."""
    return _place(left, right, columns, lambda step: max(nice(step), 1.0), count_labels)


def elapsed_ticks(left: float, right: float, columns: int) -> tuple[Tick, ...]:
    """Ticks for seconds since the start."""
    return _place(left, right, columns, time_step, elapsed_labels)


def clock_ticks(left: float, right: float, columns: int, zone: tzinfo | None = None) -> tuple[Tick, ...]:
    """Ticks for instants (Unix seconds), at whole minutes, hours and days of the zone (default: local
    time).
    """
    offset = (
        datetime.fromtimestamp(left, zone).astimezone().utcoffset()
        if zone is None
        else zone.utcoffset(datetime.fromtimestamp(left, zone))
    )
    shift = offset.total_seconds() if offset is not None else 0.0
    write = partial(_shifted_clock, shift=shift, zone=zone)
    return _place(left + shift, right + shift, columns, lambda step: max(time_step(step), 1.0), write)


def _shifted_clock(values: Sequence[float], step: float, shift: float, zone: tzinfo | None) -> list[str]:
    return clock_labels([value - shift for value in values], step, zone)


def _place(
    left: float,
    right: float,
    columns: int,
    choose: Callable[[float], float],
    write: Callable[[Sequence[float], float], list[str]],
) -> tuple[Tick, ...]:
    """The densest ticks whose labels keep some cells between them."""
    span = right - left
    if span <= 0 or columns < 2:
        return (Tick(0, write([left], 1.0)[0]),)
    for gap in (3.5, 2.0):
        step = 0.0
        for width in (4, 6, 8, 10, 13, 17, 22, 30, 44, 70, 120, 250):
            wanted = choose(span * width / columns)
            if wanted == step:
                continue
            step = wanted
            numbers = range(math.ceil(left / step - 1e-9), math.floor(right / step + 1e-9) + 1)
            values = [number * step for number in numbers]
            cells = [int((value - left) / span * (2 * columns - 1) + 0.5) // 2 for value in values]
            labels = write(values, step)
            if len(values) > 1 and _apart(cells, labels, gap) and len(set(labels)) == len(labels):
                return tuple(Tick(cell, label) for cell, label in zip(cells, labels, strict=True))
    return (Tick(0, write([left], 1.0)[0]),)


def _apart(cells: Sequence[int], labels: Sequence[str], gap: float) -> bool:
    ends = [cell + len(label) / 2 for cell, label in zip(cells, labels, strict=True)]
    starts = [cell - len(label) / 2 for cell, label in zip(cells, labels, strict=True)]
    return all(start - end >= gap for end, start in zip(ends, starts[1:], strict=False))
