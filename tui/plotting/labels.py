"""What is written beside a tick. Numbers as short as they can be without two ticks looking the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, tzinfo

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def nice(value: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `value` (> 0)."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def value_labels(values: Sequence[float], step: float) -> tuple[list[str], str]:
    """Labels of values `step` apart, all with the same unit and decimals; and an offset to be added to them.

    The offset is empty but where the values differ only behind the sixth digit.
    """
    size = max((abs(value) for value in values), default=0.0)
    if size == 0:
        return ["0"] * len(values), ""
    if step < size * 1e-6:
        base = min(values)
        return [
            f"+{_scientific(value - base, step)}" if value != base else "+0" for value in values
        ], f"{base:.10g}"
    if size >= 1e15 or size < 1e-3:
        power = math.floor(math.log10(size) + 1e-9)
        decimals = _decimals(step / 10.0**power)
        return [f"{_fixed(value / 10.0**power, decimals)}e{power}" if value else "0" for value in values], ""
    unit, suffix = next(
        (unit, suffix)
        for unit, suffix in _UNITS
        if unit == 1 or (size >= unit * (10 if unit == 1e3 else 1) and _decimals(step / unit) <= 2)
    )
    decimals = _decimals(step / unit)
    return [f"{_fixed(value / unit, decimals)}{suffix}" if value else "0" for value in values], ""


def log_labels(values: Sequence[float]) -> list[str]:
    """Labels of values of any sizes: plain from 0.001 to 9999 if all are, else like `2e-4`."""
    if all(1e-3 * (1 - 1e-9) <= value < 1e4 for value in values):
        return [f"{value:.6g}" for value in values]
    return [_scientific(value, value) for value in values]


def count_labels(values: Sequence[float], step: float) -> list[str]:
    """Labels of whole numbers such as steps, each in its own unit: `500`, `20k`, `1.2M`, `1,234,567`."""
    return [_count(value) for value in values]


def _count(value: float) -> str:
    for unit, suffix in _UNITS[:-1]:
        hundredths = round(value / unit * 100)
        if (
            abs(value) >= unit
            and abs(hundredths * unit / 100 - value) < 0.5
            and (unit > 1e3 or hundredths % 10 == 0)
        ):
            text = f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")
            return f"{text}{suffix}"
    return f"{value:,.0f}"


def short_number(value: float, digits: int = 4) -> str:
    """A value in a few digits: `2.413`, `371k`, `1.2e-5`, `nan`."""
    size = abs(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if size != 0 and (size < 1e-3 or size >= 1e15):
        return _trimmed(f"{value:.{digits - 2}e}")
    for unit, suffix in _UNITS:
        if size >= unit * (10 if unit == 1e3 else 1) and suffix:
            return f"{value / unit:.{digits}g}{suffix}"
    return f"{value:.{digits}g}"


def reading_number(value: float) -> str:
    """A value to five digits for reading it off: `2.6438`, `370,266`, `1.7686e-4`."""
    size = abs(value)
    if size != 0 and (size < 1e-3 or size >= 1e12):
        return _trimmed(f"{value:.4e}")
    return f"{value:,.0f}" if size >= 1e5 else f"{value:.5g}"


def _trimmed(text: str) -> str:
    mantissa, power = text.split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"


def _scientific(value: float, step: float) -> str:
    power = math.floor(math.log10(abs(value)) + 1e-9)
    return f"{_fixed(value / 10.0**power, _decimals(step / 10.0**power))}e{power}"


def _decimals(step: float) -> int:
    """How many decimals tell multiples of `step` apart."""
    return next((d for d in range(12) if abs(step * 10**d - round(step * 10**d)) < 1e-6 * 10**d * step), 12)


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


# -- time

_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def time_step(seconds: float) -> float:
    """The smallest step that people count time in, at least `seconds`."""
    if seconds > _TIME_STEPS[-1]:
        return nice(seconds / 86400) * 86400
    return nice(seconds) if seconds < 1 else next(step for step in _TIME_STEPS if step >= seconds)


def elapsed_labels(values: Sequence[float], step: float) -> list[str]:
    """`0`, `30s`, `5m`, `2h`, `1h30`, `3d`, in the unit of the step."""
    return [_elapsed(value, step) for value in values]


def _elapsed(value: float, step: float) -> str:
    if value == 0:
        return "0"
    if step < 60:
        minutes, seconds = divmod(value, 60)
        exact = f"{seconds:.{_decimals(step)}f}" if step < 1 else f"{seconds:.0f}"
        return f"{minutes:.0f}m{exact.zfill(2)}" if minutes else f"{exact}s"
    if step < 3600:
        hours, minutes = divmod(round(value / 60), 60)
        return f"{hours}h{minutes:02d}" if hours and minutes else f"{hours}h" if hours else f"{minutes}m"
    if step < 86400:
        days, hours = divmod(round(value / 3600), 24)
        return f"{days}d{hours:02d}h" if days and hours else f"{days}d" if days else f"{hours}h"
    return f"{value / 86400:.0f}d"


def clock_labels(values: Sequence[float], step: float, zone: tzinfo | None = None) -> list[str]:
    """Instants (Unix seconds) as local time: `14:32:05`, `14:30`, and the date `11-24` in place of
    midnight.
    """
    labels = []
    for value in values:
        moment = datetime.fromtimestamp(round(value), zone)
        if step >= 86400 or (step >= 3600 and moment.hour == moment.minute == 0):
            labels.append(f"{moment.month:02d}-{moment.day:02d}")
        else:
            labels.append(moment.strftime("%H:%M:%S" if step < 60 else "%H:%M"))
    return labels
