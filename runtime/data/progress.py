"""Progress of long preparation: how much of what is done, how fast, how long it will take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


class Stopped(Exception):
    """The work was given up half-way because a stop was asked for; nothing of it is left on disk."""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units (bytes, tokens, …) in this phase; `total` is None where it can't be known.

    `rate` is in units a second over the phase so far, None before there is one.
    """

    phase: str
    done: int
    total: int | None
    unit: str
    rate: float | None

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or not self.rate:
            return None
        return max(0.0, (self.total - self.done) / self.rate)


ProgressCallback = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


def ignore_progress(progress: Progress) -> None:
    """The callback of those who don't want to know."""


def never_stop() -> bool:
    return False


def in_background(work: Callable[[], Result], on_wait: Callable[[], None], interval: float = 0.2) -> Result:
    """Runs `work` in a thread and calls `on_wait` every `interval` seconds in this one until it is done.

    For work inside a library that neither tells of its progress nor can be interrupted: when `on_wait` raises
    (Stopped), the thread is left behind, to end by itself or with the process. What `work` raises is raised
    here.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            outcome.set_exception(error)

    threading.Thread(target=run, name="preparing", daemon=True).start()
    while True:
        done, _ = wait([outcome], timeout=interval)
        if done:
            return outcome.result()
        on_wait()


class Meter:
    """Counts one phase; tells the callback at most every `interval` seconds, at the beginning and the end."""

    def __init__(
        self, phase: str, total: int | None, unit: str, callback: ProgressCallback, *, interval: float = 0.5
    ) -> None:
        self._phase, self._total, self._unit = phase, total, unit
        self._callback, self._interval = callback, interval
        self._started = self._told = time.monotonic()
        self.done = 0
        self._tell(self._started)

    def add(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if now - self._told >= self._interval:
            self._tell(now)

    def finish(self) -> None:
        self._tell(time.monotonic())

    def _tell(self, now: float) -> None:
        self._told = now
        elapsed = now - self._started
        rate = self.done / elapsed if elapsed > 0 and self.done else None
        self._callback(Progress(self._phase, self.done, self._total, self._unit, rate))
