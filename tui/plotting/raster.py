"""Lines to braille dots.

Dots are counted from the top left. A line in a dot column is a vertical span of dots, so that a whole chart
is a few hundred spans: they are drawn at once as +1 and −1 marks and a running sum down the columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tui.plotting.curve import Columns

Floats = npt.NDArray[np.float64]
Dots = npt.NDArray[np.bool_]

BRAILLE = 0x2800
_BITS = ((0, 3), (1, 4), (2, 5), (6, 7))


def trace(columns: Columns, height: int, width: int) -> Dots:
    """The dots [height, width] of a line whose values were turned into dot rows (`Columns.map`; 0 is the
    top row).

    A stretch lower than one dot is drawn as one dot, so that a smooth line is one dot thin. Neighbouring
    entries are joined by a straight line, drawn as in Bresenham's algorithm: one dot a column if flat, one
    dot a row if steep.
    """
    top, bottom = np.minimum(columns.low, columns.high), np.maximum(columns.low, columns.high)
    thin = bottom - top < 1.0
    middle = (top + bottom) / 2
    spans_top = _round(np.where(thin, middle, top))
    spans_bottom = _round(np.where(thin, middle, bottom))
    inside = (columns.column > -0.5) & (columns.column < width - 0.5)
    parts = [(_round(columns.column)[inside], spans_top[inside], spans_bottom[inside])]
    if len(columns.column) > 1:
        begin, end = np.where(thin, middle, columns.last)[:-1], np.where(thin, middle, columns.first)[1:]
        joined = columns.joined[1:]
        parts.append(
            _segments(
                columns.column[:-1][joined], begin[joined], columns.column[1:][joined], end[joined], width
            )
        )
    column, start, stop = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return fill(column, start, stop, height, width)


def _round(values: Floats) -> npt.NDArray[np.intp]:
    return np.floor(values + 0.5).astype(np.intp)


def _segments(
    x0: Floats, y0: Floats, x1: Floats, y1: Floats, width: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The spans (column, top, bottom) of straight lines from (x0, y0) to (x1, y1), x0 < x1, both ends
    included.
    """
    slope = (y1 - y0) / (x1 - x0)
    from_x, to_x = (
        np.maximum(_round(np.maximum(x0, -1)), 0),
        np.minimum(_round(np.minimum(x1, width)), width - 1),
    )
    counts = np.maximum(to_x - from_x + 1, 0)
    which = np.repeat(np.arange(len(x0)), counts)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    column = from_x[which] + offset
    slope, x0, y0, x1, y1 = slope[which], x0[which], y0[which], x1[which], y1[which]
    # Where the line enters and leaves this column, in the direction of y; a flat line is taken at the
    # column's middle.
    enters = y0 + slope * (np.clip(column - 0.5, x0, x1) - x0)
    leaves = y0 + slope * (np.clip(column + 0.5, x0, x1) - x0)
    flat = np.abs(slope) <= 1
    level = _round(y0 + slope * (np.clip(column, x0, x1) - x0))
    # A steep line has its dot of row r in the column where it crosses r; the rows at both ends belong to
    # the ends.
    up = slope < 0
    sign = np.where(up, -1, 1)
    enters, leaves = enters * sign, leaves * sign
    at_start, at_end = column - 0.5 <= x0, column + 0.5 >= x1
    start = np.where(at_start, _round(y0) * sign, np.ceil(enters).astype(np.intp))
    stop = np.where(at_end, _round(y1) * sign, np.ceil(leaves).astype(np.intp) - 1)
    stop = np.where(at_start & ~at_end, np.maximum(start, stop), stop)
    start = np.where(at_end & ~at_start, np.minimum(start, stop), start)
    top = np.where(flat, level, np.where(up, -stop, start))
    bottom = np.where(flat, level, np.where(up, -start, stop))
    return column, top, bottom


def fill(
    column: npt.NDArray[np.intp],
    top: npt.NDArray[np.intp],
    bottom: npt.NDArray[np.intp],
    height: int,
    width: int,
) -> Dots:
    """The dots [height, width] of vertical spans, both ends included; what lies outside is cut off."""
    keep = (bottom >= 0) & (top < height) & (column >= 0) & (column < width)
    column, top, bottom = column[keep], np.maximum(top[keep], 0), np.minimum(bottom[keep], height - 1)
    size = (height + 1) * width
    marks = np.bincount(top * width + column, minlength=size)
    marks -= np.bincount((bottom + 1) * width + column, minlength=size)
    dots: Dots = np.cumsum(marks.reshape(height + 1, width)[:height], axis=0) > 0
    return dots


def pack(dots: Dots) -> npt.NDArray[np.uint8]:
    """The braille pattern of each cell, shape [height / 4, width / 2]; 0 is an empty cell."""
    bits = dots.view(np.uint8)
    patterns = np.zeros((dots.shape[0] // 4, dots.shape[1] // 2), dtype=np.uint8)
    for row in range(4):
        for column in range(2):
            patterns |= bits[row::4, column::2] << _BITS[row][column]
    return patterns
