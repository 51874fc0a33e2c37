"""Rows of metrics whose every value can be told from its name, step and attempt."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runtime.run.metrics_reader import MetricsReader, Series


def write(path: Path, rows: Iterable[dict[str, Any]], mode: str = "a") -> None:
    with path.open(mode) as stream:
        for row in rows:
            stream.write(json.dumps(row) + "\n")


def rows(
    steps: Iterable[int], attempt: int = 1, names: Iterable[str] = ("train/loss",)
) -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "time": 1000.0 + step,
            "attempt": attempt,
            **{name: value(name, step, attempt) for name in names},
        }
        for step in steps
    ]


def value(name: str, step: int, attempt: int = 1) -> float:
    return math.sin(step * 0.37 + len(name)) + attempt * 100


def read(path: Path) -> MetricsReader:
    reader = MetricsReader(path)
    reader.load()
    return reader


def check(series: Series, steps: Iterable[int], attempt: int | dict[int, int] = 1) -> None:
    expected = list(steps)
    assert series.step.tolist() == expected
    attempts = [attempt if isinstance(attempt, int) else attempt[step] for step in expected]
    assert series.attempt.tolist() == attempts
    assert series.value.tolist() == [
        value(series.name, step, a) for step, a in zip(expected, attempts, strict=True)
    ]
    assert series.time.tolist() == [1000.0 + step for step in expected]
    assert [str(series.step.dtype), str(series.value.dtype)] == ["int64", "float64"]
    assert [str(series.time.dtype), str(series.attempt.dtype)] == ["float64", "int32"]
