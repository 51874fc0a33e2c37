"""Numbers, ages, sizes and outside text as people read them, and as wide as a terminal shows them.

Every width here is counted in terminal cells, where most Chinese characters take two.
"""

from __future__ import annotations

import math
from typing import Literal

from rich.cells import cell_len, set_cell_size

from tui import i18n
from tui.clean import clean

__all__ = [
    "DASH",
    "age",
    "ago",
    "as_number",
    "clean",
    "count",
    "device_ranges",
    "duration",
    "loss",
    "number",
    "pad",
    "percent",
    "rate",
    "short_count",
    "size",
    "truncate",
]

DASH = "–"
"""Stands for "nothing to show here"."""


def truncate(text: str, width: int) -> str:
    """At most `width` cells of the text, ending in `…` where something was cut."""
    if cell_len(text) <= width:
        return text
    return "" if width <= 0 else set_cell_size(text, width - 1).rstrip() + "…"


def pad(text: str, width: int, justify: Literal["left", "right"] = "left") -> str:
    """Exactly `width` cells: truncated or padded with spaces."""
    text = truncate(text, width)
    space = " " * (width - cell_len(text))
    return text + space if justify == "left" else space + text


def duration(seconds: float | None, parts: int = 2) -> str:
    """`41s`, `3m`, `2h 5m`, `2d 4h`: the largest unit, and the next one where it matters."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    left = max(0, round(seconds))
    units = [
        (86400, i18n._("{number}d")),
        (3600, i18n._("{number}h")),
        (60, i18n._("{number}m")),
        (1, i18n._("{number}s")),
    ]
    for index, (length, template) in enumerate(units):
        if left >= length or length == 1:
            text = template.format(number=left // length)
            if parts > 1 and index + 1 < len(units) and left // length < 10:
                rest, (next_length, next_template) = left % length, units[index + 1]
                if rest // next_length:
                    text = i18n._("{first} {second}").format(
                        first=text, second=next_template.format(number=rest // next_length)
                    )
            return text
    raise AssertionError("the last unit always matches")


def age(seconds: float | None) -> str:
    """The age of a thing in one unit: `41s`, `3m`, `7h`, `12d`."""
    return duration(seconds, parts=1)


def ago(seconds: float | None) -> str:
    """`3m ago`, or `now` for what has just happened."""
    if seconds is None:
        return DASH
    return i18n._("now") if seconds < 1 else i18n._("{age} ago").format(age=age(seconds))


def size(number: float | None) -> str:
    """Bytes in binary units with two or three digits: `512 B`, `4.5 KiB`, `2.1 GiB`."""
    if number is None:
        return DASH
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1000 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 100 else f"{value:.1f} {unit}"


def count(number: float | None) -> str:
    """`1,234,567`."""
    return DASH if number is None or not math.isfinite(number) else f"{number:,.0f}"


def short_count(number: float | None, digits: int = 3) -> str:
    """A count in three or four characters and a unit: `950`, `12.9k`, `371k`, `1.89T`."""
    if number is None or not math.isfinite(number):
        return DASH
    value = float(number)
    unit = ""
    for unit in ("", "k", "M", "G", "T", "P"):
        if abs(value) < 999.5 or unit == "P":
            break
        value /= 1000
    if unit == "":
        return f"{value:.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.{digits - 1}g}"
    whole = len(str(int(abs(value))))
    return f"{value:.{max(0, digits - whole)}f}{'B' if unit == 'G' else unit}"


def rate(per_second: float | None) -> str:
    """Tokens a second with one decimal: `371.2k`, `5.8k`, `950.0`."""
    if per_second is None or not math.isfinite(per_second):
        return DASH
    value, unit = float(per_second), ""
    for unit in ("", "k", "M", "G"):
        if abs(value) < 1000 or unit == "G":
            break
        value /= 1000
    return f"{value:.1f}{unit}"


def percent(fraction: float | None, digits: int = 0) -> str:
    """`61%`; never 100% before the end."""
    if fraction is None or not math.isfinite(fraction):
        return DASH
    scale = 10**digits
    value = math.floor(fraction * 100 * scale + 1e-9) / scale
    return f"{value:.{digits}f}%"


def loss(value: float | str | None) -> str:
    """A loss with three decimals; `nan` and `inf` as words."""
    number = as_number(value)
    if number is None:
        return DASH
    if not math.isfinite(number):
        return "nan" if math.isnan(number) else ("inf" if number > 0 else "-inf")
    return f"{number:.3f}" if abs(number) < 1000 else f"{number:.3g}"


def number(value: float | str | None, digits: int = 3) -> str:
    """Any metric in `digits` significant digits: `0.31`, `2.1e-4`, `46.1`."""
    parsed = as_number(value)
    if parsed is None:
        return DASH
    if not math.isfinite(parsed) or parsed == 0:
        return "0" if parsed == 0 else loss(parsed)
    if 1e-3 <= abs(parsed) < 1e5:
        text = f"{parsed:.{digits}g}"
        return f"{parsed:,.0f}" if "e" in text else text
    mantissa, exponent = f"{parsed:.{digits - 1}e}".split("e")
    trimmed = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{trimmed}e{int(exponent)}"


def as_number(value: float | str | None) -> float | None:
    """A number as the run directory writes it: non-finite ones are the strings "nan", "inf" and "-inf"."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def device_ranges(indices: list[int]) -> str:
    """`0-3,6` for [0, 1, 2, 3, 6]."""
    parts: list[str] = []
    ordered = sorted(set(indices))
    start = 0
    for position, index in enumerate(ordered):
        if position + 1 == len(ordered) or ordered[position + 1] != index + 1:
            first = ordered[start]
            parts.append(str(first) if first == index else f"{first}-{index}")
            start = position + 1
    return ",".join(parts)
