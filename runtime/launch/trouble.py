"""What can be wrong with a running attempt, and which rank it is that the others wait for. Pure; a part of
`reconcile`."""

from __future__ import annotations

import signal as signals
from typing import Any

from runtime.launch.actions import Action, DumpStacks, Enter
from runtime.launch.escalation import SETTLE, begin_stop, begin_terminate
from runtime.launch.evidence import Evidence, RankEvidence
from runtime.launch.verdict import classify
from runtime.run.record import RunRecord

_START_UP = {None: -1, "import": 0, "load": 1, "compile": 2}


def trouble(record: RunRecord, evidence: Evidence) -> list[Action]:
    """Begins to bring the attempt down if something is wrong with it; else no actions."""
    if evidence.terminated:
        facts: dict[str, Any] = {
            "process": "supervisor",
            "signal": int(signals.SIGTERM),
            "signal_name": "SIGTERM",
        }
        return [Enter("stopping"), *begin_stop(evidence, "preempted", True, detail=facts)]
    broken = [rank.rank for rank in evidence.ranks if rank.ended and _broken(rank, evidence)]
    if broken and evidence.living:
        # The others wait for it in a collective and can't reach a step boundary any more.
        return [Enter("stopping"), *begin_terminate(evidence, "crash", "ranks", {"ranks": broken})]
    if evidence.agent.status == "gone" and evidence.living:
        # The ranks are well, but nobody would learn how they end: they may save before the next attempt.
        return [Enter("stopping"), *begin_stop(evidence, "agent", True, detail={"process": "agent"})]
    if any(hangs(rank) for rank in evidence.ranks):
        facts = _hang(evidence)
        return [DumpStacks(facts), Enter("stopping"), *begin_terminate(evidence, "hang", "ranks", facts)]
    if evidence.all_ended and evidence.left and evidence.ranks_ended_for >= SETTLE:
        return begin_terminate(evidence, "leftover", "all", {"pids": list(evidence.left_pids)})
    return []


def _broken(rank: RankEvidence, evidence: Evidence) -> bool:
    return classify(rank, evidence).kind in ("failed", "untold")


def hangs(rank: RankEvidence) -> bool:
    """Whether a living rank has been quiet for longer than its phase allows."""
    return not rank.ended and rank.status == "alive" and rank.limit is not None and rank.quiet > rank.limit


def behind(ranks: tuple[RankEvidence, ...]) -> tuple[int, ...]:
    """The ranks that the others wait for: those stopped or stuck in the kernel, if some are and some
    aren't; else those at the smallest step; where all are at the same, the one that has been quiet
    longest."""
    living = [rank for rank in ranks if not rank.ended]
    frozen = [rank.rank for rank in living if rank.process_state in ("T", "t", "D")]
    if 0 < len(frozen) < len(living):
        return tuple(frozen)
    least = min(_place(rank) for rank in living)
    last = [rank for rank in living if _place(rank) == least]
    if len(last) == len(living):
        return (max(last, key=lambda rank: rank.quiet).rank,)
    return tuple(rank.rank for rank in last)


def _place(rank: RankEvidence) -> tuple[int, int]:
    return _START_UP.get(rank.phase, 3), rank.step if rank.step is not None else -1


def _left_early(evidence: Evidence, hung: RankEvidence) -> tuple[int, ...]:
    """The ranks of somebody's program that have ended well while the others still work: these wait for them,
    in a collective. A worker of ours ends well at the last step only, and one that stands still itself waits
    for nobody."""
    if not evidence.command or hung.process_state in ("T", "t", "D"):
        return ()
    return tuple(
        rank.rank for rank in evidence.ranks if rank.ended and classify(rank, evidence).kind == "finished"
    )


def _hang(evidence: Evidence) -> dict[str, Any]:
    hung = next(rank for rank in evidence.ranks if hangs(rank))
    left = _left_early(evidence, hung)
    culprits = left or behind(evidence.ranks)
    culprit = next(rank for rank in evidence.ranks if rank.rank == culprits[0])
    place = {"phase": culprit.phase or "import", "step": culprit.step}
    return {
        "rank": culprit.rank,
        "behind": {"rank": culprit.rank, "ranks": list(culprits), **place},
        **({"exited": list(left)} if left else {}),
        "phase": culprit.phase or "import",
        "step": culprit.step,
        "quiet": round(hung.quiet, 1),
        "limit": hung.limit,
        "process_state": culprit.process_state,
        "ranks": [
            {
                "rank": rank.rank,
                "phase": rank.phase,
                "step": rank.step,
                "quiet": round(rank.quiet, 1),
                "process_state": rank.process_state,
            }
            for rank in evidence.ranks
        ],
    }
