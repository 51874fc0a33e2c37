"""The failures that automatic restarts followed, as events.jsonl tells them."""

from __future__ import annotations

from runtime.launch.backoff import Failure
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory

_BEGINNINGS = ("created", "branched", "resumed")
"""A person's own wish begins anew: what failed before it counts no more."""


def failures_before(run: RunDirectory, attempt: int) -> tuple[Failure, ...]:
    """The failures before `attempt` since a person last asked for the run, oldest first."""
    found: list[Failure] = []
    if attempt <= 1:
        return ()
    for event in read_events(run):
        if event.event in _BEGINNINGS:
            found.clear()
        elif event.event == "restart" and event.attempt < attempt:
            evidence = event.detail.get("evidence")
            found.append(
                Failure.of(
                    event.attempt, event.reason or "unknown", evidence if isinstance(evidence, dict) else {}
                )
            )
    return tuple(found)
