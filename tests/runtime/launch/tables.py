"""Short ways to write records and evidence down, for tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runtime.launch.actions import Action
from runtime.launch.evidence import AgentEvidence, Escalation, Evidence, Limits, RankEvidence, Request
from runtime.launch.reconcile import reconcile
from runtime.run.record import RunRecord

NOW = 1000.0
HANG = {"import": 600.0, "load": 600.0, "compile": 600.0, "step": 5.0, "evaluate": 20.0, "checkpoint": None}


def record(state: str = "running", **fields: Any) -> RunRecord:
    return RunRecord(
        run_id="r", path="/r", name="r", job=fields.pop("job", "pretrain"), state=state, attempt=1, **fields
    )


def rank(number: int = 0, **fields: Any) -> RankEvidence:
    """A living rank in its steps."""
    return RankEvidence(number, **{"status": "alive", "phase": "step", "step": 7, "limit": 5.0, **fields})


def ended(number: int = 0, **fields: Any) -> RankEvidence:
    return RankEvidence(number, **{"status": "gone", "ended": True, "phase": "step", "step": 7, **fields})


def finished(number: int = 0) -> RankEvidence:
    return ended(number, code=0, outcome="finished", reason="finished")


def evidence(*ranks: RankEvidence, **fields: Any) -> Evidence:
    """A started attempt whose agent lives."""
    agent = AgentEvidence(fields.pop("agent", "alive"))
    return Evidence(
        now=NOW, started=True, agent=agent, ranks=ranks, **{"limits": Limits(hang=HANG), **fields}
    )


def over(*ranks: RankEvidence, **fields: Any) -> Evidence:
    """An attempt of which nothing is left."""
    return evidence(*ranks, **{"agent": "gone", "left": 0, **fields})


def escalation(cause: str, stage: str, age: float = 0.0, grace: float = 10.0, **fields: Any) -> Escalation:
    alive = fields.pop("alive", frozenset({0, 1}))
    return Escalation(cause, stage, NOW - age, grace, alive=alive, **fields)  # type: ignore[arg-type]


def stop(**fields: Any) -> Request:
    return Request(**{"id": "s", "attempt": 1, "verb": "stop", **fields})


def decide(run: RunRecord, seen: Evidence) -> list[Action]:
    return reconcile(run, seen)


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def only(actions: list[Action], kind: type) -> Any:
    found = [action for action in actions if isinstance(action, kind)]
    assert len(found) == 1, actions
    return found[0]


def later(seen: Evidence, **fields: Any) -> Evidence:
    return replace(seen, **fields)


WAITING = Evidence(now=NOW, left=0)
