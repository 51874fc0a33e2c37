"""What the panel reads of the one run that it shows in full: events, and how far its preparation is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.clean import clean

if TYPE_CHECKING:
    from runtime.run.events import Event
    from tui.store.runs import RunView


@dataclass(frozen=True)
class Preparation:
    """How far work without steps is. `rate` in `unit`s a second; `total` and `rate` None where unknown."""

    phase: str
    done: float
    total: float | None
    unit: str
    rate: float | None

    @property
    def seconds_left(self) -> float | None:
        """At the present rate."""
        if self.total is None or not self.rate:
            return None
        return max(0.0, (self.total - self.done) / self.rate)


@dataclass(frozen=True)
class Followed:
    """The events so far, oldest first, and the newest word on preparation."""

    events: tuple[Event, ...] = ()
    preparation: Preparation | None = None


class Follower:
    """Reads one run; `poll` gives the whole picture when something is new, else None."""

    def __init__(self, view: RunView) -> None:
        from runtime.run.events import EventTail

        self.run_id = view.run_id
        self._directory = view.directory
        self._events = EventTail(view.directory.events)
        self._resets = self._events.resets
        self._reports: Any = None
        self._attempt = -1
        self._followed = Followed()
        self._fresh = True

    def poll(self, attempt: int) -> Followed | None:
        """Looks for news of the run, which is at this attempt now."""
        events = self._events.poll()
        kept = self._followed.events if self._events.resets == self._resets else ()
        self._resets = self._events.resets
        followed = Followed((*kept, *events), self._poll_preparation(attempt))
        if followed == self._followed and not self._fresh:
            return None
        self._followed, self._fresh = followed, False
        return followed

    def _poll_preparation(self, attempt: int) -> Preparation | None:
        if attempt != self._attempt:
            from runtime.run.tail import JsonlTail

            self._attempt = attempt
            self._reports = JsonlTail(self._directory.attempt(attempt).report(0))
            newest = None
        else:
            newest = self._followed.preparation
        for report in self._reports.poll():
            if report.get("event") == "progress":
                newest = _preparation(report)
        return newest


def _preparation(report: Mapping[str, Any]) -> Preparation:
    def number(name: str) -> float | None:
        value = report.get(name)
        return float(value) if isinstance(value, (int, float)) else None

    return Preparation(
        phase=clean(report.get("phase") or ""),
        done=number("done") or 0.0,
        total=number("total"),
        unit=clean(report.get("unit") or ""),
        rate=number("rate"),
    )
