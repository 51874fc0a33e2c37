"""Series as the metrics reader gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

START = 1795530720.0  # 2026-11-24 14:32:00 UTC


@dataclass
class Points:
    """A metric's points; arrays of one length."""

    step: Any
    value: Any
    time: Any
    attempt: Any

    def __len__(self) -> int:
        return len(self.step)

    def head(self, count: int) -> Points:
        return Points(self.step[:count], self.value[:count], self.time[:count], self.attempt[:count])


def series(
    value: Sequence[float], step: Sequence[int] | None = None, attempt_from: int | None = None
) -> Points:
    """One point every two seconds; the second attempt begins with step `attempt_from`."""
    steps = np.arange(len(value)) if step is None else np.asarray(step, dtype=np.int64)
    second = steps >= attempt_from if attempt_from is not None else np.zeros(len(steps), dtype=bool)
    attempt = np.where(second, 2, 1).astype(np.int32)
    return Points(steps, np.asarray(value, dtype=np.float64), START + 2.0 * steps, attempt)


def loss(points: int, noise: float = 0.1, seed: int = 0, attempt_from: int | None = None) -> Points:
    """A falling loss with noise."""
    rng = np.random.default_rng(seed)
    step = np.arange(points)
    value = 2.3 + 8 / (1 + step / points * 300) ** 0.6 + rng.normal(scale=noise, size=points)
    return series(value, attempt_from=attempt_from)  # type: ignore[arg-type]
