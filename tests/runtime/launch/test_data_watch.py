"""Training that waits for its data is told of, one slow batch isn't."""

from __future__ import annotations

from runtime.launch.data_watch import DataWatch
from runtime.run.record import Summary


def watched(*shares: float, watch: DataWatch | None = None, start: int = 0) -> float | None:
    watch = watch or DataWatch()
    share = None
    for step, value in enumerate(shares, start + 1):
        share = watch.look(Summary(step=step, metrics={"throughput/data_wait": value}))
    return share


def test_what_stays_high_is_told() -> None:
    assert watched(*[0.7] * 40) == 0.7


def test_a_slow_start_and_one_slow_batch_are_not() -> None:
    assert watched(*[0.9] * 10) is None
    assert watched(*[0.05] * 30, 1.0, *[0.05] * 5) is None


def test_it_is_taken_back_when_it_is_over() -> None:
    watch = DataWatch()
    assert watched(*[0.8] * 40, watch=watch) == 0.8
    assert watched(*[0.0] * 30, watch=watch, start=40) is None


def test_the_same_step_counts_once() -> None:
    watch = DataWatch()
    for _ in range(100):
        share = watch.look(Summary(step=1, metrics={"throughput/data_wait": 1.0}))
    assert share is None
