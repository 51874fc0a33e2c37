"""A chart as characters: lines in braille, axes, marks. Colours are left to the caller, who maps each `Ink`
to a style.

In a cell that several lines cross, the line of the greater `weight` is shown alone (so that a smoothed line
stays thin in front of its raw values); lines of equal weight share the cell's dots and the later one gives
the colour. Marks of non-finite values lie above all lines, attempt markers and the cursor line behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import IntEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

from tui.plotting.axes import (
    DOTS,
    Tick,
    VerticalAxis,
    clock_ticks,
    count_ticks,
    elapsed_ticks,
    linear_axis,
    log_axis,
)
from tui.plotting.curve import Columns, Curve
from tui.plotting.raster import BRAILLE, pack, trace

Unit = Literal["count", "elapsed", "clock"]
_AXIS_ROWS = 2
_GUTTER = 4
_MARKS_APART = 20
_LABELLED = 40
"""Markers of a narrower plot have no words."""


class Ink(IntEnum):
    """What a cell shows, and so how it is coloured."""

    BLANK = 0
    AXIS = 1
    LABEL = 2
    MARKER = 3
    PAST = 4
    RAW = 5
    BAD = 6
    CURSOR = 7
    LINE_1 = 8
    LINE_2 = 9
    LINE_3 = 10
    LINE_4 = 11
    LINE_5 = 12
    LINE_6 = 13
    LINE_7 = 14
    LINE_8 = 15
    LINE_9 = 16
    LINE_10 = 17


PAST_WEIGHT, RAW_WEIGHT, LINE_WEIGHT = 0, 1, 2


@dataclass(frozen=True)
class Line:
    """A curve with its ink and weight. `dash` (dot columns on, off) tells lines apart where there is no
    colour, `mark`, a character of one cell, everywhere: it is written on the line here and there.
    """

    curve: Curve
    ink: Ink = Ink.LINE_1
    weight: int = LINE_WEIGHT
    dash: tuple[int, int] | None = None
    mark: str = ""


@dataclass(frozen=True)
class Marker:
    """A vertical line at x with a word beside it, such as the start of an attempt."""

    x: float
    label: str = ""


@dataclass(frozen=True)
class View:
    """What is looked at: x from `left` to `right`, in the `unit` that its labels are written in."""

    left: float
    right: float
    log: bool = False
    unit: Unit = "count"
    zone: tzinfo | None = None


@dataclass(frozen=True)
class Picture:
    """`rows` are strings of equal width; `inks` [height, width] says what each cell shows."""

    rows: tuple[str, ...]
    inks: npt.NDArray[np.uint8]
    gutter: int
    """Columns left of the plot, the axis included."""
    plot_width: int
    plot_height: int
    axis: VerticalAxis | None
    """None if nothing can be drawn."""


def draw(
    lines: Sequence[Line],
    view: View,
    width: int,
    height: int,
    markers: Sequence[Marker] = (),
    cursor: tuple[float, float | None] | None = None,
) -> Picture:
    """Draws the lines into `width` × `height` cells, axes included; `cursor` is its x, and the value to
    point at.
    """
    plot_height = height - _AXIS_ROWS if height >= _AXIS_ROWS + 3 else height
    cells = np.full((height, width), ord(" "), dtype=np.uint32)
    inks = np.zeros((height, width), dtype=np.uint8)
    if width < 1 or height < 1:
        return Picture((), inks, 0, 0, 0, None)
    spans = [
        found for line in lines if (found := line.curve.limits(view.left, view.right, view.log)) is not None
    ]
    if not spans:
        return Picture(_strings(cells), inks, 0, width, plot_height, None)
    limits = min(low for low, _high in spans), max(high for _low, high in spans)
    axis = (log_axis if view.log else linear_axis)(*limits, plot_height)
    longest = max((len(tick.label) for tick in axis.ticks), default=0)
    gutter = max(longest + 2, _GUTTER) if longest and width >= longest + 12 else 0
    plot_width = width - gutter
    plot = _Plot(cells[:plot_height, gutter:], inks[:plot_height, gutter:], view, axis)
    plot.lines(lines)
    plot.bad([line.curve for line in lines if line.weight > PAST_WEIGHT])
    if cursor is not None:
        plot.cursor(*cursor)
    plot.markers(markers)
    if gutter:
        _vertical(cells, inks, axis, gutter, plot_height)
    if plot_height < height:
        _horizontal(cells, inks, _ticks(view, plot_width), gutter, plot_height)
    return Picture(_strings(cells), inks, gutter, plot_width, plot_height, axis)


def _strings(cells: npt.NDArray[np.uint32]) -> tuple[str, ...]:
    return tuple(np.ascontiguousarray(cells).view(f"<U{cells.shape[1]}")[:, 0].tolist())


class _Plot:
    """The inner area: cells and inks [rows, columns] are written in place."""

    def __init__(
        self, cells: npt.NDArray[np.uint32], inks: npt.NDArray[np.uint8], view: View, axis: VerticalAxis
    ) -> None:
        self.cells, self.inks, self.view, self.axis = cells, inks, view, axis
        self.rows, self.columns = cells.shape

    def lines(self, lines: Sequence[Line]) -> None:
        shown = np.zeros((self.rows, self.columns), dtype=np.uint8)
        weights = np.full((self.rows, self.columns), -1, dtype=np.int8)
        alone, marked = [], []
        for line in sorted(lines, key=lambda line: line.weight):
            columns = line.curve.columns(self.view.left, self.view.right, 2 * self.columns).map(self.to_dots)
            dots = trace(columns, DOTS * self.rows, 2 * self.columns)
            if line.dash is not None:
                on, off = line.dash
                dots[:, np.arange(2 * self.columns) % (on + off) >= on] = False
            pattern = pack(dots)
            here = pattern > 0
            shown = np.where(here, np.where(weights == line.weight, shown | pattern, pattern), shown)
            weights[here] = line.weight
            self.inks[here] = line.ink
            alone.append(self._alone(columns))
            if line.mark:
                marked.append((line, here))
        filled = shown > 0
        self.cells[filled] = BRAILLE + shown[filled].astype(np.uint32)
        for rows, at in alone:
            self.cells[rows, at] = ord("•")
        for number, (line, here) in enumerate(marked):
            self._mark(line, here, number, len(marked))

    def _mark(self, line: Line, here: npt.NDArray[np.bool_], number: int, count: int) -> None:
        """Writes the line's mark on it, in other columns than those of the other lines."""
        columns = np.flatnonzero(here.any(axis=0))
        if not len(columns):
            return
        apart = max(_MARKS_APART, 3 * count)
        first = apart * (2 * number + 1) // (2 * count)
        chosen = columns[(columns % apart) == first]
        for column in chosen if len(chosen) else columns[-1:]:
            rows = np.flatnonzero(here[:, column])
            row = rows[len(rows) // 2]
            self.cells[row, column], self.inks[row, column] = ord(line.mark), line.ink

    def _alone(self, columns: Columns) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The cells of points that no line leads to or from: one dot would hardly be seen."""
        joined = np.append(columns.joined, False)
        row = np.floor((columns.low + columns.high) / 2 + 0.5)
        alone = ~joined[:-1] & ~joined[1:] & (np.abs(columns.low - columns.high) < 1)
        alone &= (
            (row >= 0)
            & (row < DOTS * self.rows)
            & (columns.column >= 0)
            & (columns.column < 2 * self.columns)
        )
        return (row[alone] // DOTS).astype(np.intp), (columns.column[alone] // 2).astype(np.intp)

    def to_dots(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Dot rows of values; what has no logarithm lies on the lower edge, and nothing far outside."""
        edge = self.rows * DOTS - 1
        if self.axis.log:
            positive = values > 0
            logs = np.log10(np.where(positive, values, 1.0))
            return np.where(positive, np.clip((self.axis.top - logs) / self.axis.per_dot, -DOTS, edge), edge)
        return np.clip((self.axis.top - values) / self.axis.per_dot, -1e6, 1e6)

    def column(self, x: float) -> int | None:
        """The column of cells of x, or None outside."""
        if not self.view.left <= x <= self.view.right:
            return None
        span = self.view.right - self.view.left
        return int((x - self.view.left) / span * (2 * self.columns - 1) + 0.5) // 2

    def bad(self, curves: Sequence[Curve]) -> None:
        """× below for nan, ▲ above for inf, ▼ below for -inf."""
        for curve in curves:
            inside = (curve.bad.x >= self.view.left) & (curve.bad.x <= self.view.right)
            x, y = curve.bad.x[inside], curve.bad.y[inside]
            span = self.view.right - self.view.left
            at = (np.floor((x - self.view.left) / span * (2 * self.columns - 1) + 0.5) // 2).astype(np.intp)
            for row, mark, which in ((-1, "▼", y == -np.inf), (0, "▲", y == np.inf), (-1, "×", np.isnan(y))):
                self.cells[row, at[which]] = ord(mark)
                self.inks[row, at[which]] = Ink.BAD

    def cursor(self, x: float, value: float | None) -> None:
        column = self.column(x)
        if column is None:
            return
        self._rule(column, "│", Ink.CURSOR)
        if value is not None and np.isfinite(value):
            row = int(self.to_dots(np.array([value]))[0] + 0.5) // DOTS
            if 0 <= row < self.rows:
                self.cells[row, column], self.inks[row, column] = ord("●"), Ink.CURSOR

    def markers(self, markers: Sequence[Marker]) -> None:
        placed = [
            (column, marker.label) for marker in markers if (column := self.column(marker.x)) is not None
        ]
        for column, _ in placed:
            self._rule(column, "╎", Ink.MARKER)
        for column, label in placed if self.columns >= _LABELLED else ():
            self._beside(column, label)

    def _rule(self, column: int, character: str, ink: Ink) -> None:
        free = self.cells[:, column] == ord(" ")
        self.cells[free, column] = ord(character)
        self.inks[free, column] = ink

    def _beside(self, column: int, label: str) -> None:
        """Writes a word beside a rule, in the first row where it covers nothing; else not at all."""
        length = len(label)
        for row in range(self.rows if label else 0):
            for start in (column - length - 1, column + 2):
                around = self.cells[row, max(start - 1, 0) : start + length + 1]
                if (
                    start >= 0
                    and start + length <= self.columns
                    and np.all((around == ord(" ")) | (around == ord("╎")))
                ):
                    if np.any(self.cells[row, start : start + length] != ord(" ")):
                        continue
                    self.cells[row, start : start + length] = [ord(letter) for letter in label]
                    self.inks[row, start : start + length] = Ink.MARKER
                    return


def _vertical(
    cells: npt.NDArray[np.uint32], inks: npt.NDArray[np.uint8], axis: VerticalAxis, gutter: int, rows: int
) -> None:
    cells[:rows, gutter - 1] = ord("│")
    inks[:rows, gutter - 1] = Ink.AXIS
    for tick in axis.ticks:
        start = gutter - 2 - len(tick.label)
        cells[tick.cell, start : start + len(tick.label)] = [ord(letter) for letter in tick.label]
        inks[tick.cell, start : start + len(tick.label)] = Ink.LABEL
        cells[tick.cell, gutter - 1] = ord("┤")


def _ticks(view: View, columns: int) -> tuple[Tick, ...]:
    if view.unit == "clock":
        return clock_ticks(view.left, view.right, columns, view.zone)
    return (elapsed_ticks if view.unit == "elapsed" else count_ticks)(view.left, view.right, columns)


def _horizontal(
    cells: npt.NDArray[np.uint32], inks: npt.NDArray[np.uint8], ticks: Sequence[Tick], gutter: int, row: int
) -> None:
    start = max(gutter - 1, 0)
    cells[row, start:] = ord("─")
    inks[row, start:] = Ink.AXIS
    if gutter:
        cells[row, start] = ord("└")
    width, free = cells.shape[1], 0
    for tick in ticks:
        cells[row, gutter + tick.cell] = ord("┬")
        begin = min(max(gutter + tick.cell - (len(tick.label) - 1) // 2, 0), width - len(tick.label))
        if begin >= free:
            cells[row + 1, begin : begin + len(tick.label)] = [ord(letter) for letter in tick.label]
            inks[row + 1, begin : begin + len(tick.label)] = Ink.LABEL
            free = begin + len(tick.label) + 1
