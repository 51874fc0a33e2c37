"""A curve of at most 32 values over everything logged so far, in constant memory."""

from __future__ import annotations

import math
import os
from itertools import pairwise
from pathlib import Path

from runtime.run.jsontext import number, parse_object
from runtime.run.record import SPARKLINE_POINTS

_CELLS = 4 * SPARKLINE_POINTS
_SAMPLES = 2 * SPARKLINE_POINTS
_BLOCK = 8192


class Sparkline:
    """Mean values of cells of equal width in steps; when there are too many cells, neighbours are merged."""

    def __init__(self) -> None:
        self._width = 1
        self._cells: dict[int, tuple[float, int]] = {}  # cell → (sum, count)

    @classmethod
    def of_file(cls, path: Path, metric: str, before: int | None = None) -> Sparkline:
        """The curve of a metrics file, by samples spread over it; what was logged at `before` and later is
        left out."""
        sparkline = cls()
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return sparkline
        try:
            size = os.fstat(descriptor).st_size
            stride = max(_BLOCK, size // _SAMPLES)
            for offset in range(0, size, stride):
                sparkline._add_block(os.pread(descriptor, _BLOCK, offset), metric, before)
        finally:
            os.close(descriptor)
        return sparkline

    def _add_block(self, block: bytes, metric: str, before: int | None) -> None:
        for line in block.split(b"\n"):
            row = parse_object(line)  # the torn lines at both ends are none
            step, value = (
                (number(row.get("step")), number(row.get(metric))) if row is not None else (None, None)
            )
            if step is not None and value is not None and (before is None or step <= before):
                self.add(int(step), value)

    def add(self, step: int, value: float) -> None:
        """Adds a value; a non-finite one has no place on a curve."""
        if not math.isfinite(value):
            return
        cell = step // self._width
        total, count = self._cells.get(cell, (0.0, 0))
        self._cells[cell] = (total + value, count + 1)
        if len(self._cells) > _CELLS:
            self._merge()

    def _merge(self) -> None:
        self._width *= 2
        merged: dict[int, tuple[float, int]] = {}
        for cell, (total, count) in self._cells.items():
            before = merged.get(cell // 2, (0.0, 0))
            merged[cell // 2] = (before[0] + total, before[1] + count)
        self._cells = merged

    def values(self) -> tuple[float, ...]:
        """At most 32 values, oldest first."""
        cells = [self._cells[cell] for cell in sorted(self._cells)]
        count = min(len(cells), SPARKLINE_POINTS)
        edges = [place * len(cells) // count for place in range(count + 1)] if count else []
        points = []
        for first, last in pairwise(edges):
            part = cells[first:last]
            points.append(sum(total for total, _ in part) / sum(number for _, number in part))
        return tuple(float(f"{point:.6g}") for point in points)
