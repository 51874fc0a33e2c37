"""How all ranks come to act on a request at the same step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runtime.train.strategies import Pending, Strategy


@dataclass(frozen=True)
class LocalBits:
    """What this rank alone knows: its SIGTERM, and on rank 0 the latest order of the supervisor.

    `save` counts the save requests so far, so that each is carried out once.
    """

    stop: bool = False
    stop_without_saving: bool = False
    save: int = 0


class Source(Protocol):
    """Gives this rank's bits; called once a step."""

    def __call__(self) -> LocalBits: ...


@dataclass(frozen=True)
class Decision:
    """What all ranks do at this step's end."""

    stop: bool
    save: bool
    """Write a checkpoint now: one was asked for, or the stop is one that saves."""
    give_up: bool
    """Some rank can't go on: stop, as a failure, without saving."""


class OrderExchange:
    """One asynchronous MAX all-reduce a step, on a group of its own, started at the step's start.

    It is done long before the step is, so that awaiting it at the step's end costs nothing, and all ranks see
    the same bits there.
    """

    def __init__(self, strategy: Strategy, source: Source) -> None:
        self._strategy, self._source = strategy, source
        self._pending: Pending[list[int]] | None = None
        self._saves_done = 0

    def begin(self, give_up: bool = False) -> None:
        """Send this rank's bits on their way. Collective."""
        assert self._pending is None, "the orders of the step before were not awaited"
        bits = self._source()
        self._pending = self._strategy.begin_maximum(
            [int(bits.stop), int(bits.stop_without_saving), bits.save, int(give_up)]
        )

    def finish(self) -> Decision:
        """What `begin` brought, the same on every rank. Collective."""
        assert self._pending is not None, "finish() without begin()"
        stop, stop_without_saving, save, give_up = self._pending.wait()
        self._pending = None
        asked = save > self._saves_done
        self._saves_done = max(save, self._saves_done)
        return Decision(
            stop=bool(stop or stop_without_saving),
            save=asked or bool(stop and not stop_without_saving),
            give_up=bool(give_up),
        )
