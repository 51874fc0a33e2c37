"""Why a rank ended, and what follows for the attempt: the judgement of exit codes and signals (`verdict`),
refined by what logs and counters prove. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from runtime.launch.diagnosis.causes import CAUSES
from runtime.launch.diagnosis.logs import LogLine
from runtime.launch.diagnosis.remains import Remains
from runtime.launch.diagnosis.rules import Finding, by_exit_code, by_signal
from runtime.launch.ending import Ending

_OF_REASON = {
    "bad_profile": "bad_profile",
    "oom_device": "device_memory",
    "oom_host": "memory_limit",
    "non_finite": "non_finite",
    "disk_full": "disk_full",
}
"""The cause where a worker's own record or exit code names the reason."""

_SPIKE = ": spike: "
"""What the trainer's spike guard says of itself (`runtime.train.guards`)."""

_WAITERS = frozenset({"communication_timeout", "connection_lost", "rendezvous_timeout"})
GROUP_COUNTERS = ("memory.events", "memory.oom_control")
"""Where the kernel counts its kills in a control group: cgroup v2 and v1."""

CHECKED = "no kernel OOM kill"
"""evidence["oom_check"] where the kernel was asked and knew of no kill for want of memory."""

_OPEN = frozenset({"crash", "unknown"})
"""Reasons that a cause may make more precise; a worker's own word stands."""


def explain(ending: Ending, remains: Remains) -> Ending:
    """The ending of a rank that failed, with its cause, the telling line of its log, and their numbers."""
    if ending.kind != "failed":
        return ending
    lines = remains.logs.get(ending.rank, ())
    finding = _find(ending, lines)
    if finding is None:
        return ending
    cause, reason = finding.cause, ending.reason
    proven = CAUSES[cause].reason if cause in CAUSES else None
    if proven is not None and reason in _OPEN and "by_shell" not in finding.detail:
        reason = proven
    killed = ending.evidence.get("child_oom")
    if cause == "worker_killed" and isinstance(killed, Mapping):
        cause = "cgroup_oom" if killed.get("source") in GROUP_COUNTERS else "kernel_oom"
        reason = "oom_host"
    facts: dict[str, Any] = {**finding.detail, **ending.evidence, "cause": cause}
    if "oom" in finding.detail:
        facts["oom"] = finding.detail["oom"]
    if finding.line is not None:
        facts["log"] = finding.line.to_json()
    if reason == "disk_full" and remains.disk_free is not None:
        facts["disk_free"] = remains.disk_free
    if cause in ("bus_error", "shared_memory") and remains.shared_total is not None:
        facts |= {"shared_free": remains.shared_free, "shared_total": remains.shared_total}
    return replace(ending, reason=reason, evidence=facts)


def _find(ending: Ending, lines: Sequence[LogLine]) -> Finding | None:
    evidence = ending.evidence
    if evidence.get("spawn_failed"):
        return Finding("missing_program")
    signal, code = evidence.get("signal"), evidence.get("code")
    if ending.reason == "oom_host" and evidence.get("source") is not None:
        return Finding("cgroup_oom" if evidence["source"] in GROUP_COUNTERS else "kernel_oom")
    error = evidence.get("error")
    error = error if isinstance(error, str) else None
    if signal is not None and evidence.get("recorded"):
        # It had said itself why it ends; what killed it in the middle of leaving is no cause.
        finding = by_exit_code(1, lines, error)
        if finding is not None and ending.reason not in _OF_REASON:
            return finding
    if signal is not None:
        if ending.reason in _OF_REASON and ending.reason != "oom_host":
            return Finding(_OF_REASON[ending.reason])
        return _unless_untold(by_signal(int(signal), lines), evidence)
    finding = by_exit_code(code, lines, error) if isinstance(code, int) and code != 0 else None
    finding = _unless_untold(finding, evidence)
    if ending.reason in _OF_REASON:
        named = _OF_REASON[ending.reason]
        if named == "non_finite" and error is not None and _SPIKE in error:
            named = "loss_spike"
        agrees = finding is not None and (
            finding.cause == named or CAUSES.get(finding.cause, CAUSES["exception"]).reason == ending.reason
        )
        if finding is not None and (agrees or finding.cause == "exception"):
            return replace(finding, cause=finding.cause if agrees else named)
        return Finding(named)
    if finding is None and evidence.get("no_exit_record"):
        return Finding("no_exit_record")
    if finding is None and error is not None:
        return Finding("exception", None, {"error": error})
    return finding


def _unless_untold(finding: Finding | None, evidence: Mapping[str, Any]) -> Finding | None:
    """Nothing, where a SIGKILL may have been the kernel's and nobody here can tell."""
    if finding is not None and finding.cause == "killed" and evidence.get("oom_check") != CHECKED:
        return None
    return finding


def behind_of(
    root: Ending, endings: Sequence[Ending], places: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """What else is known where the root only waited: who left early, who never came. `places`: phase and step
    by rank."""
    if root.cause not in _WAITERS:
        return {}
    early = [
        ending
        for ending in endings
        if ending.kind == "finished" and (ending.at is None or root.at is None or ending.at <= root.at)
    ]
    if early and len(endings) > 1:
        first = min(early, key=lambda ending: ending.at or 0.0)
        return {
            "cause": "exited_early",
            "rank": first.rank,
            "code": 0,
            "waiting": sorted(ending.rank for ending in endings if ending.kind == "failed"),
            **_place(places, first.rank),
        }
    missing = _missing(root, endings)
    if not missing:
        return {}
    return {"behind": {"rank": missing[0], "ranks": missing, **_place(places, missing[0])}}


def _missing(root: Ending, endings: Sequence[Ending]) -> list[int]:
    """The ranks that the others waited for: as a message names them, by the watchdogs' counts, or those that
    are alone in not having waited."""
    peer = root.evidence.get("peer")
    if isinstance(peer, int):
        return [peer]
    counts = {e.rank: e.evidence["enqueued"] for e in endings if isinstance(e.evidence.get("enqueued"), int)}
    if len(set(counts.values())) > 1:
        least = min(counts.values())
        return sorted(rank for rank, count in counts.items() if count == least)
    waited = {ending.rank for ending in endings if ending.cause == root.cause}
    others = sorted(ending.rank for ending in endings if ending.rank not in waited)
    return others if root.cause == "communication_timeout" and others else []


def _place(places: Mapping[int, Mapping[str, Any]], rank: int) -> dict[str, Any]:
    return {name: value for name, value in places.get(rank, {}).items() if value is not None}
