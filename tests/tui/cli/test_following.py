"""The words in which a run that is followed tells of its preparation."""

from __future__ import annotations

from tui.cli import describing


def test_each_stage_of_preparation_has_words_with_rate_and_time_left() -> None:
    def told(phase: str, unit: str, done: int, total: int | None, rate: float | None) -> str:
        report = {"event": "progress", "phase": phase, "unit": unit}
        return describing.preparation(report | {"done": done, "total": total, "rate": rate})

    tokens = told("tokens", "bytes", 30 << 20, 100 << 20, float(10 << 20))
    assert tokens == "turning text into tokens   30%   30.0 MiB of 100 MiB   10.0 MiB/s   7s left"
    assert told("merges", "seconds", 75, None, None) == "training the tokenizer   1m 15s"
    reading = told("tokenizer", "bytes", 1 << 20, 2 << 20, None)
    assert reading == "reading text for the tokenizer   50%   1.0 MiB of 2.0 MiB"
