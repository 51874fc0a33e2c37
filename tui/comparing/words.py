"""Numbers of a comparison as people read them."""

from __future__ import annotations

from tui.format import DASH, count, number, short_count


def step_label(step: int | None) -> str:
    """A step in at most seven cells: `12,000`, `1.235M`."""
    if step is None:
        return DASH
    return count(step) if step < 1_000_000 else short_count(step, 4)


def signed(value: float | None) -> str:
    """A difference with its sign: `+0.013`, `−2.1e-4`, `0`."""
    if value is None:
        return DASH
    return ("+" if value > 0 else "−" if value < 0 else "") + number(abs(value))
