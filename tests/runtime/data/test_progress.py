"""Progress: the callback is told in time but not too often, and what can't be interrupted can be left."""

from __future__ import annotations

import threading

import pytest

from runtime.data import progress
from runtime.data.progress import Meter, Progress, Stopped, in_background


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_a_meter_tells_at_most_once_an_interval_and_always_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = Clock(), list[Progress]()
    monkeypatch.setattr(progress, "time", clock)
    meter = Meter("tokens", 1000, "bytes", told.append, interval=0.5)
    for _ in range(100):
        clock.now += 0.05
        meter.add(10)
    meter.finish()
    assert told[0] == Progress("tokens", 0, 1000, "bytes", None)
    assert 10 <= len(told) <= 13
    assert [item.done for item in told] == sorted(item.done for item in told)
    assert told[-1].done == 1000
    assert told[5].rate == pytest.approx(200.0)
    assert told[5].seconds_left == pytest.approx((1000 - told[5].done) / 200)
    assert told[-1].seconds_left == 0.0
    assert Progress("merges", 3, None, "seconds", None).seconds_left is None


def test_background_work_gives_its_result_or_its_error() -> None:
    assert in_background(lambda: threading.current_thread() is not threading.main_thread(), lambda: None)
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0, lambda: None)


def test_background_work_that_never_ends_is_left_behind_at_a_stop() -> None:
    release, looks = threading.Event(), 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise Stopped

    with pytest.raises(Stopped):
        in_background(release.wait, look, interval=0.001)
    assert looks == 3
    release.set()
