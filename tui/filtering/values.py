"""Values of a filter's terms: `2.5`, `50%`, `10k`, `2d`, `2026-11-20`, `today`."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

_NUMBER = re.compile(r"([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([kKMGBT%]?)")
_SCALES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12, "%": 0.01}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def number(text: str) -> float | None:
    """The number that is meant, None where it is none."""
    if text.lower() in {"nan", "inf", "-inf"}:
        return float(text)
    match = _NUMBER.fullmatch(text.replace(",", ""))
    return None if match is None else float(match[1].replace("_", "")) * _SCALES[match[2]]


def seconds(text: str) -> float | None:
    """A length of time, such as `90m` or `1h30m`, in seconds."""
    total, position = 0.0, 0
    for match in _AGE.finditer(text):
        if match.start() != position:
            return None
        total += float(match[1]) * _SECONDS[match[2]]
        position = match.end()
    return total if position and position == len(text) else None


@dataclass(frozen=True)
class Days:
    """From `start` up to `end`, in Unix seconds: a day, a month or a year of this place."""

    start: float
    end: float


def days(text: str, now: float) -> Days | None:
    """The days that are meant: `today`, `yesterday`, `2026-11-20`, `2026-11`, `2026`."""
    today = time.localtime(now)
    if text in {"today", "yesterday"}:
        back = 0 if text == "today" else 1
        return Days(
            _midnight(today.tm_year, today.tm_mon, today.tm_mday - back),
            _midnight(today.tm_year, today.tm_mon, today.tm_mday - back + 1),
        )
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match[1]), match[2], match[3]
    if (month and not 1 <= int(month) <= 12) or (day and not 1 <= int(day) <= 31) or not 1970 <= year < 2200:
        return None
    if day:
        return Days(_midnight(year, int(month), int(day)), _midnight(year, int(month), int(day) + 1))
    if month:
        return Days(_midnight(year, int(month), 1), _midnight(year, int(month) + 1, 1))
    return Days(_midnight(year, 1, 1), _midnight(year + 1, 1, 1))


def _midnight(year: int, month: int, day: int) -> float:
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))
