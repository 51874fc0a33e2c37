"""Little pictures of numbers in a line of text: progress, level, sparkline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from rich.text import Text

from tui import theme

_EIGHTHS = " ▏▎▍▌▋▊▉█"
# Braille columns by height, 0 to 4 dots from below.
_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)


def progress(fraction: float | None, width: int, style: str = "accent") -> Text:
    """`━━━━━━╸─────`, `width` cells; None is an empty line."""
    halves = (
        0
        if fraction is None or not math.isfinite(fraction)
        else int(max(0.0, min(1.0, fraction)) * width * 2)
    )
    full, half = divmod(halves, 2)
    rest = width - full - half
    return Text.assemble(("━" * full + "╸" * half, theme.style(style)), ("─" * rest, theme.style("faint")))


def level(fraction: float | None, width: int, style: str = "accent") -> Text:
    """`████▊     ` in eighths of a cell, `width` cells."""
    if fraction is None or not math.isfinite(fraction):
        return Text("·" * width, theme.style("faint"))
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    full, part = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[part] if part else "")
    return Text.assemble((filled, theme.style(style)), ("·" * (width - len(filled)), theme.style("faint")))


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as `width` braille cells, two values a cell; only finite ones, scaled between the
    smallest and largest."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    points = _resampled(finite, min(len(finite), width * 2))
    low, high = min(points), max(points)
    heights = [1 + round(3 * (value - low) / (high - low)) if high > low else 2 for value in points]
    if len(heights) % 2:
        heights.append(0)
    return "".join(
        chr(0x2800 + _LEFT[a] + _RIGHT[b]) for a, b in zip(heights[::2], heights[1::2], strict=True)
    )


def _resampled(values: Sequence[float], points: int) -> list[float]:
    """`points` means over equal parts."""
    edges = [round(index * len(values) / points) for index in range(points + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
