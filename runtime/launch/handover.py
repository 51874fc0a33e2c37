"""What a supervisor finds of the one before it: whether the attempt runs, how far a stop had come, what
was asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from runtime.launch.attempts import read_command
from runtime.launch.evidence import Cause, Escalation, Limits, Stage
from runtime.launch.processes import SUPERVISOR_VARIABLE, environment_of
from runtime.launch.rank_environment import supervisor_environment
from runtime.launch.stacks import without_stacks
from runtime.run.control import pending
from runtime.run.events import Event, read_events
from runtime.run.files import ForeignSchema, read_json
from runtime.run.identity import Identity, host_name
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord

STALE = 600.0
"""Seconds after which an attempt that was asked for but never started isn't started any more by whoever
comes by."""

_BEGINNINGS = ("created", "branched", "resumed", "restart")

_WISHES = ("created", "branched", "resumed")
"""Since when a run stands in the queue, also after a restart by itself."""

_STAGES: Mapping[str, Stage] = {
    "stop_ordered": "order",
    "sigterm": "terminate",
    "sigkill": "kill",
    "unkillable": "unkillable",
}


@dataclass(frozen=True)
class Handover:
    """The state of affairs at the beginning of a supervisor's life."""

    started: bool
    adopted: bool  # another supervisor was here before, since the run was launched or resumed
    stale: bool
    asked: float  # since when the run wants to run, in Unix seconds
    priority: int | None  # in the queue, where somebody changed it
    events: list[Event]
    environment: Mapping[str, str]
    agent: Identity | None = None
    escalation: Escalation | None = None
    requests: Mapping[str, str] = field(default_factory=dict)  # accepted, not done: id → verb

    @classmethod
    def read(cls, run: RunDirectory, record: RunRecord) -> Handover:
        """Reads it from the run directory and, for the environment, from the living agent."""
        events = read_events(run)
        mine = [event for event in events if event.attempt == record.attempt]
        agent = _agent(run, record, mine)
        started = agent is not None
        asked = max((event.time for event in events if event.event in _BEGINNINGS), default=None)
        moment = asked if asked is not None else record.created or time.time()
        return cls(
            started=started,
            adopted=started or any(event.event == "started" for event in mine),
            stale=not started
            and not any(event.event == "queued" for event in mine)  # who stands in line may wait for days
            and not 0 <= time.time() - moment + 60.0 < STALE + 60.0,
            asked=max((event.time for event in events if event.event in _WISHES), default=moment),
            priority=_priority(record),
            events=events,
            environment=_environment(run, agent),
            agent=agent,
            escalation=_escalation(run, record, mine) if started else None,
            requests=_requests(run, events),
        )


def _priority(record: RunRecord) -> int | None:
    value = (record.queue or {}).get("priority")
    return value if isinstance(value, int) else None


def _agent(run: RunDirectory, record: RunRecord, events: list[Event]) -> Identity | None:
    """The agent of the attempt: by its own file, else by the event of its start."""
    try:
        value = read_json(run.attempt(record.attempt).agent(host_name())) or {}
    except ForeignSchema:
        value = {}
    identity = Identity.from_json(value.get("identity"))
    for event in events:
        if event.event == "agent_started":
            identity = identity or Identity.from_json(event.detail.get("identity"))
    return identity


def _environment(run: RunDirectory, agent: Identity | None) -> dict[str, str]:
    """The environment for further attempts: that of the launch, as the living agent has it, rather than
    that of whoever came by and adopted the run. It is only ever read from memory: secrets never reach a
    file."""
    own = dict(os.environ)
    if agent is None or agent.status() != "alive":
        return own
    launched = environment_of(agent.pid)
    if launched is None:
        return own
    return supervisor_environment(launched, own.get(SUPERVISOR_VARIABLE, run.run_id))


def _escalation(run: RunDirectory, record: RunRecord, events: list[Event]) -> Escalation | None:
    """How far the attempt was being brought down. Its graces begin anew: nobody counted while nobody was
    there."""
    last = next((event for event in reversed(events) if event.event in _STAGES), None)
    if last is None or last.reason not in get_args(Cause):
        return None
    first = next(event for event in events if event.event in _STAGES)
    command = read_command(run, record.attempt)
    limits = Limits.from_json(command.limits)
    stage = _STAGES[last.event]
    direct = command.job == "command" and stage == "terminate" and first is last
    grace = limits.grace(0.0) if stage == "order" or direct else limits.kill_grace
    hang = next((event.detail for event in reversed(events) if event.event == "hang"), None)
    detail = without_stacks(hang or {})
    return Escalation(
        cause=last.reason,  # type: ignore[arg-type]  # one of Cause, as checked above
        stage=stage,
        since=time.monotonic(),
        grace=grace,
        save=any(bool(event.detail.get("save")) for event in events if event.event == "stop_ordered"),
        by=str(first.detail.get("by") or ""),
        alive=frozenset(range(command.world_size)),
        detail=detail,
    )


def _requests(run: RunDirectory, events: list[Event]) -> dict[str, str]:
    waiting = {request.id: request.verb for request in pending(run)}
    accepted = {str(event.detail.get("request")) for event in events if event.event == "request_accepted"}
    over = {
        str(event.detail.get("request"))
        for event in events
        if event.event in ("request_done", "request_refused")
    }
    return {request: verb for request, verb in waiting.items() if request in accepted - over}
