"""Bringing an attempt down, stage by stage: order → SIGTERM → SIGKILL → unkillable. Pure; a part of
`reconcile`."""

from __future__ import annotations

import signal as signals
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runtime.launch.actions import Action, Enter, Escalate, Order, Scope, Signal
from runtime.launch.evidence import Cause, Escalation, Evidence, Stage

SETTLE = 2.0
"""Seconds that processes left behind by ended ranks (data workers, resource trackers) have to go by
themselves."""

AGENT_LINGER = 1.0
"""Seconds that the agent has to leave by itself when nothing else of the run is left."""

KILL_PATIENCE = 10.0
"""Seconds after SIGKILL before what is still there is called unkillable."""


def begin(
    evidence: Evidence,
    cause: Cause,
    stage: Stage,
    grace: float,
    *,
    save: bool = False,
    by: str = "",
    detail: Mapping[str, Any] | None = None,
) -> Escalation:
    """An escalation that begins now."""
    return Escalation(cause, stage, evidence.now, grace, save, by, evidence.alive, detail or {})


def begin_stop(
    evidence: Evidence, cause: Cause, save: bool, by: str = "", detail: Mapping[str, Any] | None = None
) -> list[Action]:
    """The gentle way down: an order; for a program that reads no orders SIGTERM is the order."""
    grace = evidence.limits.grace(evidence.longest)
    facts = {"grace": grace, **({"by": by} if by else {}), **(detail or {})}
    if evidence.command:
        begun = begin(evidence, cause, "terminate", grace, by=by, detail=detail)
        return [Escalate(begun), Signal(signals.SIGTERM, "ranks", cause, facts)]
    if not evidence.stepping:
        # Nothing has been trained yet in this attempt, so nothing can be lost: no need for the long grace.
        grace = facts["grace"] = min(grace, evidence.limits.kill_grace)
    begun = begin(evidence, cause, "order", grace, save=save, by=by, detail=detail)
    return [Escalate(begun), Order(save, cause, facts)]


def begin_terminate(
    evidence: Evidence, cause: Cause, scope: Scope, detail: Mapping[str, Any]
) -> list[Action]:
    """The short way down, for an attempt that an order can't help any more."""
    begun = begin(evidence, cause, "terminate", evidence.limits.kill_grace, detail=detail)
    return [Escalate(begun), Signal(signals.SIGTERM, scope, cause)]


def escalate(evidence: Evidence, escalation: Escalation) -> list[Action]:
    """What the escalation under way wants now: nothing yet, the next stage, or the same signal again."""
    elapsed = evidence.now - escalation.since
    if escalation.stage == "order":
        if evidence.all_ended:
            if evidence.left and evidence.ranks_ended_for >= SETTLE:
                return _terminate(evidence, escalation, "all")
            return dismiss_agent(evidence)
        return _terminate(evidence, escalation, "ranks") if elapsed >= escalation.grace else []
    if escalation.stage == "terminate":
        if elapsed >= escalation.grace and (evidence.alive or evidence.left):
            killing = replace(escalation, stage="kill", since=evidence.now, grace=KILL_PATIENCE)
            return [Escalate(killing), Signal(signals.SIGKILL, "all", escalation.cause, _after(elapsed))]
        if evidence.all_ended and evidence.left:
            # What an ended rank left behind is asked as well; it has the rest of the same grace.
            return [Signal(signals.SIGTERM, "all", escalation.cause)]
        return dismiss_agent(evidence)
    return _kill(evidence, escalation, elapsed)


def _terminate(evidence: Evidence, escalation: Escalation, scope: Scope) -> list[Action]:
    grace = evidence.limits.kill_grace
    advanced = replace(escalation, stage="terminate", since=evidence.now, grace=grace, alive=evidence.alive)
    after = _after(evidence.now - escalation.since)
    return [Escalate(advanced), Signal(signals.SIGTERM, scope, escalation.cause, after)]


def _kill(evidence: Evidence, escalation: Escalation, elapsed: float) -> list[Action]:
    actions: list[Action] = [Signal(signals.SIGKILL, "all", escalation.cause), *dismiss_agent(evidence)]
    there = evidence.left or evidence.alive or evidence.agent.status == "alive"
    if escalation.stage == "kill" and elapsed >= KILL_PATIENCE and there:
        stuck = replace(escalation, stage="unkillable", since=evidence.now)
        facts = {"pids": list(evidence.left_pids), **_after(elapsed)}
        return [*actions, Escalate(stuck), Enter("unkillable", "unkillable", facts)]
    return actions


def dismiss_agent(evidence: Evidence) -> list[Action]:
    """The agent leaves by itself when it has no children left. One that doesn't (stopped, stuck) is
    killed, and last, since its descendants are found through it."""
    if evidence.left == 0 and evidence.agent.status == "alive" and evidence.empty_for >= AGENT_LINGER:
        return [Signal(signals.SIGKILL, "agent", "leftover")]
    return []


def _after(seconds: float) -> dict[str, float]:
    return {"after": round(seconds, 1)}
