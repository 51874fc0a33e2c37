"""Reading metrics as numpy columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runtime.run.files import JsonlTail, number
from runtime.run.metrics import RESERVED


@dataclass(frozen=True)
class Series:
    """One metric over the steps: arrays of equal length, steps strictly increasing."""

    name: str
    step: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    time: npt.NDArray[np.float64]
    attempt: npt.NDArray[np.int32]
    exact: bool = True

    def __len__(self) -> int:
        return len(self.step)


class MetricsReader:
    """The metrics of a run."""

    def __init__(self, path: Path, cache_dir: Path | None = None) -> None:
        self._tail = JsonlTail(path)
        self._rows: dict[str, list[tuple[int, float, float, int]]] = {}

    def poll(self) -> bool:
        """Reads what is new; whether there was anything."""
        resets = self._tail.resets
        records = self._tail.poll()
        if self._tail.resets != resets:
            self._rows.clear()
        for record in records:
            for name, value in record.items():
                if name not in RESERVED and (float_value := number(value)) is not None:
                    row = (record["step"], float_value, record.get("time") or 0.0, record.get("attempt") or 1)
                    self._rows.setdefault(name, []).append(row)
        return bool(records)

    def names(self) -> list[str]:
        """The metrics seen so far."""
        return list(self._rows)

    def series(self, name: str) -> Series:
        """The live line of a metric."""
        rows = sorted({row[0]: row for row in self._rows.get(name, [])}.values())
        step, value, time, attempt = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Series(
            name,
            np.array(step, np.int64),
            np.array(value, np.float64),
            np.array(time, np.float64),
            np.array(attempt, np.int32),
        )

    def replaced(self, name: str) -> list[Series]:
        """What later attempts replaced."""
        return []
