"""The summary in run.json: from what is on disk, in bounded work, right after a resume."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from runtime.launch import summary as summary_module
from runtime.launch.sparkline import Sparkline
from runtime.launch.summary import SummaryKeeper
from runtime.run.layout import RunDirectory
from runtime.run.record import Summary


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(summary_module, "time", made)
    return made


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    made.checkpoints.mkdir(parents=True)
    return made


def log(run: RunDirectory, step: int, attempt: int = 1, **values: object) -> None:
    row = {"step": step, "time": 1.0, "attempt": attempt, "train/loss": 4.0, **values}
    with run.metrics.open("a") as stream:
        stream.write(json.dumps(row) + "\n")


def train(
    keeper: SummaryKeeper, run: RunDirectory, clock: Clock, steps: range, seconds: float, attempt: int
) -> Summary:
    summary = keeper.summary
    for step in steps:
        clock.now += seconds
        log(run, step, attempt)
        summary = keeper.poll("step", step)
    return summary


def test_what_was_logged_last_and_how_far_it_is(run: RunDirectory, clock: Clock) -> None:
    keeper = SummaryKeeper(run, Summary())
    keeper.begin(1, None, None)
    keeper.report({"event": "totals", "total_steps": 100, "total_tokens": 3200, "tokens_per_step": 32})
    log(run, 24, **{"eval/holdout/loss": 3.5})
    log(run, 25, **{"optim/grad_norm": "nan"})
    summary = keeper.poll("step", 25)
    assert (summary.step, summary.total_steps, summary.progress, summary.phase) == (25, 100, 0.25, "step")
    assert (summary.tokens, summary.total_tokens) == (800, 3200)
    assert summary.metrics["eval/holdout/loss"] == 3.5
    assert math.isnan(summary.metrics["optim/grad_norm"])


def test_a_job_that_logs_no_step_has_none(run: RunDirectory, clock: Clock) -> None:
    keeper = SummaryKeeper(run, Summary())
    for attempt in (1, 2):
        keeper.begin(attempt, None, None)
        assert keeper.poll(None, None).step is None
        assert keeper.poll(None, None, over=True).step is None


def test_nothing_new_changes_nothing(run: RunDirectory, clock: Clock) -> None:
    keeper = SummaryKeeper(run, Summary())
    keeper.begin(1, None, 10)
    log(run, 1)
    first = keeper.poll("step", 1)
    clock.now += 1
    assert keeper.poll("step", 1) == first


def test_time_left_is_by_the_pace_of_this_attempt(run: RunDirectory, clock: Clock) -> None:
    keeper = SummaryKeeper(run, Summary())
    keeper.begin(1, None, 1000)
    assert train(keeper, run, clock, range(1, 11), 1.0, attempt=1).eta_seconds == pytest.approx(990, abs=2)
    clock.now += 86_400  # a night in between, and a machine four times as fast
    keeper.begin(2, {"step": 8, "checkpoint": "step-00000008"}, 1000)
    fresh = keeper.poll("load", 8)
    assert (fresh.step, fresh.eta_seconds) == (8, None)
    resumed = train(keeper, run, clock, range(9, 29), 0.25, attempt=2)
    assert resumed.eta_seconds == pytest.approx((1000 - 28) * 0.25, abs=2)


def test_time_left_grows_no_further_while_a_step_takes_longer(run: RunDirectory, clock: Clock) -> None:
    keeper = SummaryKeeper(run, Summary())
    keeper.begin(1, None, 100)
    before = train(keeper, run, clock, range(1, 11), 1.0, attempt=1).eta_seconds
    clock.now += 5
    after = keeper.poll("evaluate", 10).eta_seconds
    assert before is not None
    assert after is not None
    assert after <= before


def test_lines_of_an_earlier_attempt_do_not_set_the_step_back(run: RunDirectory, clock: Clock) -> None:
    for step in range(1, 51):
        log(run, step)
    keeper = SummaryKeeper(run, Summary(step=50))
    keeper.begin(2, {"step": 40, "checkpoint": "step-00000040"}, 100)
    assert keeper.poll("load", 40).step == 40
    log(run, 41, attempt=2)
    assert keeper.poll("step", 41).step == 41


def test_an_adopter_counts_what_was_logged_before(run: RunDirectory, clock: Clock) -> None:
    for step in range(1, 501):
        log(run, step, **{"train/loss": 10.0 - step / 100})
    keeper = SummaryKeeper(run, Summary(step=3, total_steps=1000))
    keeper.adopt(1, 1000)
    summary = keeper.poll("step", 500)
    assert summary.step == 500
    assert len(summary.sparkline) == 32
    assert summary.sparkline[0] > summary.sparkline[-1]


def test_a_metrics_file_of_any_size_is_read_at_its_end_only(run: RunDirectory, clock: Clock) -> None:
    line = json.dumps({"step": 1, "time": 1.0, "attempt": 1, "train/loss": 4.0}) + "\n"
    run.metrics.write_text(line * 200_000)
    log(run, 200_001)
    keeper = SummaryKeeper(run, Summary())
    keeper.adopt(1, None)
    assert keeper.poll("step", 200_001).step == 200_001
    tail = keeper._tail
    assert tail is not None
    assert tail.offset == run.metrics.stat().st_size


def test_progress_of_preparing_is_shown_until_training_begins(run: RunDirectory, clock: Clock) -> None:
    keeper = SummaryKeeper(run, Summary())
    keeper.begin(1, None, 10)
    keeper.report({"event": "progress", "phase": "tokenizer", "done": 25, "total": 100, "rate": 5.0})
    summary = keeper.poll("load", 3)
    assert (summary.phase, summary.progress, summary.eta_seconds, summary.step) == (
        "tokenizer",
        0.25,
        15.0,
        None,
    )
    keeper.report({"event": "totals", "total_steps": 10, "tokens_per_step": 1})
    assert keeper.poll("step", 1).phase == "step"


def test_the_end_has_no_time_left(run: RunDirectory, clock: Clock) -> None:
    keeper = SummaryKeeper(run, Summary())
    keeper.begin(1, None, 20)
    train(keeper, run, clock, range(1, 21), 1.0, attempt=1)
    summary = keeper.poll("finish", 20, over=True)
    assert (summary.eta_seconds, summary.progress, summary.phase) == (None, 1.0, None)


def test_after_a_rollback_step_progress_and_time_left_are_those_of_the_way_to_go(
    run: RunDirectory, clock: Clock
) -> None:
    keeper = SummaryKeeper(run, Summary())
    keeper.begin(1, None, 40)
    train(keeper, run, clock, range(1, 21), 1.0, attempt=1)
    keeper.report({"event": "rolled_back", "from": 20, "to": 10})
    summary = keeper.poll("step", 10)
    assert (summary.step, summary.progress) == (10, 0.25)
    train(keeper, run, clock, range(11, 16), 1.0, attempt=1)
    summary = keeper.poll("step", 15)
    assert (summary.step, summary.eta_seconds) == (15, 25)


def test_a_sparkline_has_at_most_32_values_whatever_the_length(tmp_path: Path) -> None:
    for count in (1, 31, 32, 33, 1000, 100_000):
        sparkline = Sparkline()
        for step in range(count):
            sparkline.add(step, float(step))
        values = sparkline.values()
        assert len(values) == min(count, 32)
        assert list(values) == sorted(values)


def test_a_sparkline_leaves_out_what_is_no_number() -> None:
    sparkline = Sparkline()
    for value in (1.0, math.nan, math.inf, 2.0):
        sparkline.add(int(value) if math.isfinite(value) else 9, value)
    assert sparkline.values() == (1.0, 2.0)
