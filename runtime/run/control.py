"""`control/`: the only way back to a run. Anybody drops a request in by rename; the supervisor answers it by
events.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.messages import N_, HeadnodeError
from runtime.run.events import ANSWERS, Event, read_events
from runtime.run.files import ForeignSchema, number, read_json, write_json_atomic
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record

VERBS = ("stop", "save", "priority")


@dataclass(frozen=True)
class Request:
    """A request. `attempt` is the one it was meant for; `args` for stop: {"save": bool, "kill": bool}, for
    save: {}.
    """

    id: str
    attempt: int
    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    path: Path = Path()
    time: float | None = None

    def close(self) -> None:
        """Removes the request's file; the supervisor does so once it has answered it for good (done or
        refused).
        """
        self.path.unlink(missing_ok=True)


def request(
    run: RunDirectory,
    verb: str,
    args: Mapping[str, Any] | None = None,
    by: str = "",
    *,
    attempt: int | None = None,
) -> str:
    """Asks for something and returns the request's id, by which `answered` finds the answer; ids sort by
    time.

    `attempt` is by default the present one; with it given, a run whose record is torn can be asked as well.
    Raises HeadnodeError for a run that is read-only from here or has no record, OSError as the disk does, and
    ValueError for an unknown verb.
    """
    if verb not in VERBS:
        raise ValueError(f"a request's verb is one of {', '.join(VERBS)}, not {verb!r}")
    record = read_record(run)
    if record is None and attempt is None:
        raise HeadnodeError(N_("{run} has no readable run.json: nothing can be asked of it"), run=run.run_id)
    if record is not None and record.read_only:
        raise HeadnodeError(
            N_("{run} is read-only here: it is a copy of {path}, or a newer version wrote it"),
            run=run.run_id,
            path=record.path,
        )
    now = time.time_ns()
    request_id = f"{now:020d}-{os.urandom(4).hex()}"
    run.control.mkdir(exist_ok=True)
    write_json_atomic(
        run.control / f"{request_id}.json",
        {
            "id": request_id,
            "attempt": record.attempt if record is not None and attempt is None else attempt,
            "verb": verb,
            "args": dict(args or {}),
            "by": by,
            "time": now / 1e9,
        },
    )
    return request_id


def pending(run: RunDirectory) -> list[Request]:
    """The requests that lie in `control/`, oldest first. What is no request (torn, foreign, of another shape)
    is left out.
    """
    try:
        names = os.listdir(run.control)  # noqa: PTH208 (names only)
    except OSError:
        return []
    paths = [
        run.control / name for name in sorted(names) if name.endswith(".json") and not name.startswith(".")
    ]
    return [found for path in paths if (found := _read(path)) is not None]


def _read(path: Path) -> Request | None:
    with suppress(ForeignSchema):
        value = read_json(path)
        if value is None or value.get("id") != path.stem or not isinstance(value.get("verb"), str):
            return None
        attempt, args, by = value.get("attempt"), value.get("args"), value.get("by")
        return Request(
            id=path.stem,
            attempt=attempt if isinstance(attempt, int) else 0,
            verb=value["verb"],
            args=args if isinstance(args, dict) else {},
            by=by if isinstance(by, str) else "",
            path=path,
            time=number(value.get("time")),
        )
    return None


def answered(run: RunDirectory, request_id: str) -> Event | None:
    """The latest answer to a request (`request_accepted`, then `request_done`; or `request_refused`), None so
    far.
    """
    answers = (
        event
        for event in read_events(run)
        if event.event in ANSWERS and event.detail.get("request") == request_id
    )
    return max(answers, key=lambda event: ANSWERS.index(event.event), default=None)
