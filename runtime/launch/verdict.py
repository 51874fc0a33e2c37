"""How an attempt ended, judged from evidence alone: exit records, exit codes, signals, the kernel's word on
memory, and (by `diagnosis`) what the logs say.

The judgement is pure. It says `unknown` where the evidence doesn't tell, and it never calls an end that we
brought about ourselves (a SIGTERM or SIGKILL of our own escalation) the cause of anything.
"""

from __future__ import annotations

import signal as signals
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.launch.diagnosis.causes import recurs
from runtime.launch.diagnosis.explain import CHECKED, behind_of, explain
from runtime.launch.diagnosis.hangs import cause_of_hang
from runtime.launch.ending import Ending, Kind
from runtime.launch.evidence import Evidence, RankEvidence

REASON_OF_CODE = {20: "bad_profile", 21: "oom_device", 22: "non_finite", 23: "disk_full"}
"""Exit codes of a worker that say what went wrong (DESIGN.md, exit record)."""

STOPPED_CODE = 10
KILLED_CODE = 137
"""By which a shell tells that its program was ended by SIGKILL (128 + 9)."""

RESTARTABLE = frozenset({"crash", "hang", "oom_device", "oom_host", "unknown"})
"""Worth another attempt. The others would end the same way (non_finite, bad_profile, disk_full) or were
asked for."""


@dataclass(frozen=True)
class Verdict:
    """The end of an attempt: what the run's state would become, and whether another attempt may follow."""

    state: str
    reason: str
    evidence: Mapping[str, Any]
    restartable: bool = False


def classify(rank: RankEvidence, evidence: Evidence) -> Ending:
    """How `rank`, which has ended, ended."""
    facts: dict[str, Any] = {"rank": rank.rank}
    for name in ("code", "phase", "step", "error"):
        value = getattr(rank, name)
        if value is not None:
            facts[name] = value
    if rank.signal is not None:
        facts |= {"signal": rank.signal, "signal_name": _signal_name(rank.signal)}

    def ending(kind: Kind, reason: str = "", **more: Any) -> Ending:
        return Ending(rank.rank, kind, reason, facts | more, rank.ended_at)

    if rank.code and rank.oom:
        facts["child_oom"] = dict(rank.oom_detail)  # something that the kernel killed just then, not the rank
    if rank.spawn_error is not None:
        return ending("failed", "bad_profile", error=rank.spawn_error, spawn_failed=True)
    if rank.outcome == "finished" and not evidence.command:
        # A fault after the record was written (a library's teardown) takes nothing back of what is on disk.
        untold = rank.code is None and rank.signal is None
        return ending("finished", "finished", **({} if rank.code == 0 or untold else {"after_record": True}))
    if rank.signal is not None:
        return _classify_signal(rank, evidence, ending)
    if evidence.command:
        if rank.code is None:
            return ending("untold", "unknown")
        if rank.code == 0:
            return ending("finished", "finished")
        if rank.code == KILLED_CODE and rank.oom:
            return ending("failed", "oom_host", **rank.oom_detail)
        checked = {"oom_check": CHECKED} if rank.code == KILLED_CODE and rank.oom is False else {}
        return ending("failed", "crash", **checked)
    if rank.outcome == "stopped" or rank.code == STOPPED_CODE:
        return ending("stopped", rank.reason or "user")
    if rank.code in REASON_OF_CODE:
        return ending("failed", REASON_OF_CODE[rank.code])
    if rank.outcome is not None:
        return ending("failed", rank.reason or "crash")
    if rank.code is None:
        return ending("untold", "unknown")
    return ending("failed", "crash", **({"no_exit_record": True} if rank.code == 0 else {}))


def _classify_signal(rank: RankEvidence, evidence: Evidence, ending: Any) -> Ending:
    escalation = evidence.escalation
    killers = (signals.SIGTERM, signals.SIGKILL)
    if (
        escalation is not None
        and escalation.stage != "order"
        and rank.rank in escalation.alive
        and rank.signal in killers
    ):
        made: Ending = ending("ours")
    elif rank.outcome is not None and rank.outcome != "finished":
        kind: Kind = "stopped" if rank.outcome == "stopped" else "failed"
        made = ending(kind, rank.reason or "crash", recorded=True)
    elif rank.signal == signals.SIGTERM:
        made = ending("failed", "preempted")
    elif rank.signal == signals.SIGKILL:
        if rank.oom:
            made = ending("failed", "oom_host", **rank.oom_detail)
        elif rank.oom is None:
            made = ending("failed", "unknown", oom_check="unavailable")
        else:
            made = ending("failed", "crash", oom_check=CHECKED)
    else:
        made = ending("failed", "crash")
    return made


def root_cause(endings: list[Ending]) -> Ending | None:
    """The failed rank that the others' ends follow from; None if none failed by itself."""
    failed = [ending for ending in endings if ending.kind == "failed"]
    return min(failed, key=lambda ending: ending.weight, default=None)


def judge(evidence: Evidence) -> Verdict:
    """The end of an attempt of which nothing is left. `evidence.escalation` says whether we brought it
    about."""
    endings = [explain(classify(rank, evidence), evidence.remains) for rank in evidence.ranks]
    root = root_cause(endings)
    escalation = evidence.escalation
    cause = escalation.cause if escalation is not None and escalation.cause != "leftover" else None
    finished = bool(endings) and all(ending.kind == "finished" for ending in endings)
    if cause in ("user", "preempted"):
        return _judge_stopped(evidence, endings, root, finished)
    if finished:
        return Verdict("completed", "finished", _facts(evidence, endings[0].evidence))
    if cause == "hang":
        assert escalation is not None
        facts = dict(escalation.detail)
        cause_of_it = cause_of_hang(facts)
        if cause_of_it is not None:
            facts["cause"] = cause_of_it
        return Verdict("failed", "hang", _facts(evidence, facts), restartable=True)
    if root is not None:
        return _judge_root(evidence, endings, root)
    if endings and all(ending.kind in ("finished", "stopped") for ending in endings) and cause is None:
        facts = next(ending.evidence for ending in endings if ending.kind == "stopped")
        return Verdict("stopped", "preempted", _facts(evidence, facts))
    return _judge_untold(evidence, endings)


def _judge_stopped(evidence: Evidence, endings: list[Ending], root: Ending | None, finished: bool) -> Verdict:
    escalation = evidence.escalation
    assert escalation is not None
    facts = {"save": escalation.save, "stage": escalation.stage, **escalation.detail}
    if escalation.by:
        facts["by"] = escalation.by
    before = [ending for ending in endings if ending.rank not in escalation.alive]
    if finished and (not evidence.command or len(before) == len(endings)):
        return Verdict("completed", "finished", _facts(evidence, endings[0].evidence))
    # A program of somebody's may end in any way when it is told to; a worker that fails then didn't save what
    # was asked.
    failed = root_cause(before) if evidence.command else root
    if failed is not None and failed.reason != "preempted":
        return Verdict("failed", failed.reason, _facts(evidence, failed.evidence | {"stop_requested": True}))
    codes = {str(rank.rank): rank.code for rank in evidence.ranks if rank.code is not None}
    if codes:
        facts["codes"] = codes
    reason = "user" if escalation.cause == "user" else "preempted"
    return Verdict("stopped", reason, _facts(evidence, facts))


def _judge_root(evidence: Evidence, endings: list[Ending], root: Ending) -> Verdict:
    if root.reason == "preempted":
        return Verdict("stopped", "preempted", _facts(evidence, root.evidence))
    others = {
        str(ending.rank): dict(ending.evidence)
        for ending in endings
        if ending.rank != root.rank and ending.kind == "failed"
    }
    places = {rank.rank: {"phase": rank.phase, "step": rank.step} for rank in evidence.ranks}
    facts = dict(root.evidence) | ({"others": others} if others else {}) | behind_of(root, endings, places)
    restartable = root.reason in RESTARTABLE and not recurs(facts.get("cause"))
    return Verdict("failed", root.reason, _facts(evidence, facts), restartable)


def _judge_untold(evidence: Evidence, endings: list[Ending]) -> Verdict:
    """No rank failed by itself, yet not all finished: the agent died, or all was gone before anybody could
    look."""
    escalation = evidence.escalation
    untold = [ending.rank for ending in endings if ending.kind == "untold"]
    facts: dict[str, Any] = {"process": "agent"}
    for name in ("code", "signal", "error"):
        value = getattr(evidence.agent, name)
        if value is not None:
            facts[name] = value
    if evidence.agent.signal is not None:
        facts["signal_name"] = _signal_name(evidence.agent.signal)
    if untold:
        facts["untold_ranks"] = untold
    if evidence.adopted and (escalation is None or escalation.cause == "leftover"):
        return Verdict("lost", "supervisor_lost", _facts(evidence, facts))
    return Verdict("failed", "crash", _facts(evidence, facts), restartable=True)


def _facts(evidence: Evidence, facts: Mapping[str, Any]) -> dict[str, Any]:
    extra = {"rebooted": True} if evidence.rebooted else {}
    if evidence.adopted:
        extra["adopted"] = True
    return {**evidence.seen, **facts, **extra}


def _signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"
