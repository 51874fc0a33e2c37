"""The queue's part of `reconcile`: pure."""

from __future__ import annotations

from typing import Any

from runtime.launch.actions import Acquire, Action, Answer, Enter, Prioritize, Start, Wait
from runtime.launch.evidence import Evidence, Request
from runtime.launch.evidence_devices import QueueEvidence
from runtime.launch.queueing import decide, occupied
from runtime.run.record import RunRecord

MEMORY_PATIENCE = 10.0
"""Seconds that the driver has to free the memory of processes that are gone, before it is told to a
person."""


def start_or_wait(queue: QueueEvidence | None) -> list[Action]:
    """Start, for who has all it wants; else take it if it is this run's turn; else wait."""
    if queue is None or queue.leased:
        return [Start()]
    if not queue.known:
        return []  # a look at the devices is under way
    decision = decide(queue.me, queue.others, queue.devices)
    if decision.choice is not None and queue.problem is None:
        return [Acquire(decision.choice)]
    problem = decision.missing or queue.problem
    return [
        Wait(
            queue.me,
            decision.ahead,
            str(problem) if problem is not None else None,
            occupied(queue.me.wants, queue.devices),
        )
    ]


def waits(queue: QueueEvidence | None) -> bool:
    """Whether the run has no devices yet, so that nothing of it can run."""
    return queue is not None and not queue.leased


def prioritize(evidence: Evidence, request: Request) -> list[Action]:
    """Another place in the line, for who stands in it."""
    if not waits(evidence.queue) or request.priority is None:
        return [Answer(request.id, "request_refused", "not_waiting", "priority", request.by)]
    return [
        Prioritize(request.priority),
        Answer(request.id, "request_accepted", verb="priority", by=request.by),
        Answer(request.id, "request_done", verb="priority", by=request.by),
    ]


def memory_held(record: RunRecord, evidence: Evidence) -> list[Action] | None:
    """What to do while the GPUs may not be free yet of a run whose processes are gone; None: nothing is left
    to wait for. Before that it isn't over, and nobody else gets its GPUs."""
    memory = evidence.memory
    if memory.status in ("free", "unverified"):
        return None
    if memory.status == "held" and memory.since >= MEMORY_PATIENCE and record.state != "unkillable":
        facts: dict[str, Any] = {"devices": dict(memory.held), "after": round(memory.since, 1)}
        return [Enter("unkillable", "gpu_memory_held", facts)]
    return []
