"""`events.jsonl`: what happened to a run, one line each, written by its supervisor only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.run.files import SCHEMA, JsonlAppender, number
from runtime.run.layout import RunDirectory
from runtime.run.tail import JsonlTail, read_jsonl

EVENTS = (
    "created",
    "queued",
    "leased",
    "released",
    "gpu_memory_held",
    "started",
    "agent_started",
    "rank_started",
    "phase",
    "running",
    "request_accepted",
    "request_refused",
    "request_done",
    "stop_ordered",
    "sigterm",
    "sigkill",
    "prepared",
    "checkpoint_saved",
    "checkpoint_failed",
    "checkpoint_invalid",
    "checkpoint_deleted",
    "evaluated",
    "non_finite",
    "spike",
    "rolled_back",
    "save_paused",
    "save_resumed",
    "disk_low",
    "rank_exited",
    "hang",
    "restart",
    "adopted",
    "resumed",
    "branched",
    "completed",
    "stopped",
    "failed",
    "lost",
    "unkillable",
    "checkpoint_restored",
    "notified",
    "notify_failed",
)
ANSWERS = ("request_accepted", "request_refused", "request_done")


@dataclass(frozen=True)
class Event:
    """One event. `time` in Unix seconds; `detail` holds its fields by name (for an answer `request`, the
    request's id).
    """

    time: float
    attempt: int
    event: str
    reason: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The event as its line holds it."""
        return {
            "schema": SCHEMA,
            "time": self.time,
            "attempt": self.attempt,
            "event": self.event,
            "reason": self.reason,
            "detail": dict(self.detail),
        }


def event_from_json(value: Mapping[str, Any]) -> Event | None:
    """The event that a line holds, None where it has no time or name."""
    moment, name, detail = number(value.get("time")), value.get("event"), value.get("detail")
    if moment is None or not isinstance(name, str):
        return None
    attempt, reason = value.get("attempt"), value.get("reason")
    return Event(
        time=moment,
        attempt=attempt if isinstance(attempt, int) else 0,
        event=name,
        reason=reason if isinstance(reason, str) else None,
        detail=detail if isinstance(detail, dict) else {},
    )


class EventWriter:
    """Appends events to a run; each is on disk when `write` returns. The caller holds the run's epoch."""

    def __init__(self, run: RunDirectory, clock: Callable[[], float] = time.time) -> None:
        self._appender = JsonlAppender(run.events, durable=True)
        self._clock = clock

    def write(self, event: str, attempt: int, reason: str | None = None, **detail: Any) -> Event:
        """Appends an event of now and returns it. Raises OSError as the disk does."""
        happened = Event(self._clock(), attempt, event, reason, detail)
        self._appender.append(happened.to_json())
        return happened

    def answer(
        self, answer: str, request_id: str, attempt: int, reason: str | None = None, **detail: Any
    ) -> Event:
        """Answers a request: `answer` is one of ANSWERS."""
        assert answer in ANSWERS, answer
        return self.write(answer, attempt, reason, request=request_id, **detail)

    def close(self) -> None:
        """Closes the file."""
        self._appender.close()


class EventTail:
    """The events of a run as they come. `resets` changes where the file was replaced: forget those had
    before.
    """

    def __init__(self, path: Path) -> None:
        self._tail = JsonlTail(path)

    @property
    def resets(self) -> int:
        return self._tail.resets

    def poll(self) -> list[Event]:
        """The events since the last poll."""
        return _events(self._tail.poll())


def read_events(run: RunDirectory) -> list[Event]:
    """All events of a run, oldest first, none where there is no file yet."""
    return _events(read_jsonl(run.events))


def _events(records: list[dict[str, Any]]) -> list[Event]:
    return [event for record in records if (event := event_from_json(record)) is not None]
