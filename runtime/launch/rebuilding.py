"""A record for a run whose run.json is torn or missing, from what else its directory says: enough to go on
supervising it, or to ask it to stop. The supervisor writes it whole again."""

from __future__ import annotations

from runtime.run.events import Event, read_events
from runtime.run.identity import host_name
from runtime.run.layout import RunDirectory
from runtime.run.record import ENDED, RunRecord


def rebuilt_record(run: RunDirectory) -> RunRecord | None:
    """The record as the events, the newest attempt and its command tell it; None where they don't."""
    from runtime.launch.attempts import read_command  # heavy, and hardly ever needed

    attempts = run.attempt_numbers()
    if not attempts:
        return None
    try:
        command = read_command(run, attempts[-1])
        events = read_events(run)
    except (OSError, ValueError):
        return None
    begun = next((event for event in events if event.event == "started"), None)
    last = _last_end(events)
    restarts = 0
    for event in events:
        restarts = restarts + 1 if event.event == "restart" else 0 if event.event == "resumed" else restarts
    resume = command.resume
    return RunRecord(
        run_id=run.run_id,
        path=str(run.path),
        name=run.run_id,
        job=command.job,
        state=last.event if last is not None else "running" if begun is not None else "starting",
        reason=last.reason if last is not None else None,
        evidence=dict(last.detail) if last is not None else {},
        attempt=attempts[-1],
        restarts=restarts,
        created=events[0].time if events else None,
        started=begun.time if begun is not None else None,
        ended=last.time if last is not None else None,
        resume={"step": int(resume["step"]), "checkpoint": str(resume["checkpoint"])} if resume else None,
        nodes=(host_name(),),
        world_size=command.world_size,
    )


def _last_end(events: list[Event]) -> Event | None:
    """The event that ended the run, unless it began again after that."""
    for event in reversed(events):
        if event.event in ENDED:
            return event
        if event.event in ("created", "branched", "resumed", "started", "restart"):
            return None
    return None
