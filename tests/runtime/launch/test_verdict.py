"""How an end is judged, by tables."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.launch.evidence import AgentEvidence, Evidence, RankEvidence
from runtime.launch.verdict import judge
from tests.runtime.launch.tables import ended, escalation, finished, later, over

UNTOLD = ended(code=None)

WORKER_ENDS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "finished with its record",
        {"code": 0, "outcome": "finished", "reason": "finished"},
        "completed",
        "finished",
    ),
    (
        "a fault after the record",
        {"signal": 11, "outcome": "finished", "reason": "finished"},
        "completed",
        "finished",
    ),
    ("record of an adopted rank", {"outcome": "finished", "reason": "finished"}, "completed", "finished"),
    ("0 without the record", {"code": 0}, "failed", "crash"),
    ("stopped by itself", {"code": 10, "outcome": "stopped", "reason": "user"}, "stopped", "preempted"),
    ("code 20", {"code": 20, "outcome": "failed", "reason": "bad_profile"}, "failed", "bad_profile"),
    ("code 21 without record", {"code": 21}, "failed", "oom_device"),
    ("code 22", {"code": 22}, "failed", "non_finite"),
    ("code 23, full disk: no record could be written", {"code": 23}, "failed", "disk_full"),
    ("traceback", {"code": 1, "outcome": "failed", "reason": "crash"}, "failed", "crash"),
    ("a record's own reason", {"code": 1, "outcome": "failed", "reason": "oom_host"}, "failed", "oom_host"),
    ("unknown code", {"code": 99}, "failed", "crash"),
    ("segmentation fault", {"signal": 11}, "failed", "crash"),
    ("killed, the kernel says by it", {"signal": 9, "oom": True}, "failed", "oom_host"),
    ("killed, the kernel says not by it", {"signal": 9, "oom": False}, "failed", "crash"),
    ("killed, nobody can tell by whom", {"signal": 9, "oom": None}, "failed", "unknown"),
    ("SIGTERM from outside, before it listened", {"signal": 15}, "stopped", "preempted"),
    ("could not be spawned", {"spawn_error": "no such file"}, "failed", "bad_profile"),
]


@pytest.mark.parametrize(
    ("fields", "state", "reason"), [row[1:] for row in WORKER_ENDS], ids=[r[0] for r in WORKER_ENDS]
)
def test_a_workers_end(fields: dict[str, Any], state: str, reason: str) -> None:
    verdict = judge(over(ended(**fields)))
    assert (verdict.state, verdict.reason) == (state, reason)


COMMAND_ENDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("0", {"code": 0}, "completed", "finished"),
    ("1", {"code": 1}, "failed", "crash"),
    ("10 has no meaning in a program of somebody's", {"code": 10}, "failed", "crash"),
    ("22 neither", {"code": 22}, "failed", "crash"),
    ("abort", {"signal": 6}, "failed", "crash"),
    ("SIGTERM from outside", {"signal": 15}, "stopped", "preempted"),
]


@pytest.mark.parametrize(
    ("fields", "state", "reason"), [row[1:] for row in COMMAND_ENDS], ids=[r[0] for r in COMMAND_ENDS]
)
def test_a_programs_end(fields: dict[str, Any], state: str, reason: str) -> None:
    verdict = judge(over(ended(phase=None, step=None, **fields), job="command"))
    assert (verdict.state, verdict.reason) == (state, reason)


ROOTS: list[tuple[str, tuple[RankEvidence, ...], int, str]] = [
    (
        "a named fault before the crash of a peer that came earlier",
        (ended(0, code=1, ended_at=1.0), ended(1, code=21, ended_at=2.0)),
        1,
        "oom_device",
    ),
    (
        "a signal before a crash in its wake",
        (ended(0, code=1, ended_at=1.0), ended(1, signal=9, oom=False, ended_at=1.1)),
        1,
        "crash",
    ),
    (
        "the earlier of two crashes",
        (ended(0, code=1, ended_at=2.0), ended(1, code=1, ended_at=1.0)),
        1,
        "crash",
    ),
    ("the only one that failed", (finished(0), ended(1, code=3)), 1, "crash"),
    ("a crash before the end that we brought about", (ended(0, signal=15), ended(1, code=1)), 1, "crash"),
]


@pytest.mark.parametrize(
    ("ranks", "culprit", "reason"), [row[1:] for row in ROOTS], ids=[row[0] for row in ROOTS]
)
def test_the_rank_at_fault_is_named(ranks: tuple[RankEvidence, ...], culprit: int, reason: str) -> None:
    down = escalation("crash", "terminate", alive=frozenset({0}))
    verdict = judge(over(*ranks, escalation=down))
    assert (verdict.evidence["rank"], verdict.reason) == (culprit, reason)


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("crash", {"code": 1}),
        ("oom_device", {"code": 21}),
        ("oom_host", {"signal": 9, "oom": True}),
        ("unknown", {"signal": 9, "oom": None}),
    ],
)
def test_worth_another_attempt(reason: str, fields: dict[str, Any]) -> None:
    verdict = judge(over(ended(**fields)))
    assert (verdict.reason, verdict.restartable) == (reason, True)


@pytest.mark.parametrize("fields", [{"code": 20}, {"code": 22}, {"code": 23}, {"signal": 15}, {"code": 10}])
def test_not_worth_another_attempt(fields: dict[str, Any]) -> None:
    assert not judge(over(ended(**fields))).restartable


STOPS: list[tuple[str, str, Evidence, str, str]] = [
    ("as ordered", "order", over(ended(code=10, outcome="stopped", reason="user")), "stopped", "user"),
    ("by SIGTERM", "terminate", over(ended(signal=15)), "stopped", "user"),
    ("by SIGKILL", "kill", over(ended(signal=9, oom=False)), "stopped", "user"),
    ("finished first", "order", over(finished()), "completed", "finished"),
    (
        "the save failed",
        "order",
        over(ended(code=23, outcome="failed", reason="disk_full")),
        "failed",
        "disk_full",
    ),
    ("a fault on the way", "order", over(ended(code=22)), "failed", "non_finite"),
    ("all gone, nobody knows how", "order", over(UNTOLD, adopted=True), "stopped", "user"),
    ("a program that then ends well", "terminate", over(ended(code=0), job="command"), "stopped", "user"),
    ("a program that then fails", "terminate", over(ended(code=1), job="command"), "stopped", "user"),
]


@pytest.mark.parametrize(
    ("stage", "seen", "state", "reason"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS]
)
def test_a_stop_by_the_user(stage: str, seen: Evidence, state: str, reason: str) -> None:
    verdict = judge(later(seen, escalation=escalation("user", stage)))
    assert (verdict.state, verdict.reason) == (state, reason)


def test_a_program_that_had_ended_before_the_stop_is_judged_by_its_own_end() -> None:
    asked = escalation("user", "terminate", alive=frozenset())
    assert judge(over(ended(code=0), job="command", escalation=asked)).state == "completed"
    assert judge(over(ended(code=4), job="command", escalation=asked)).state == "failed"


def test_a_hang_keeps_what_was_seen_of_it() -> None:
    hang = escalation("hang", "kill", detail={"rank": 1, "phase": "step"})
    verdict = judge(over(ended(0, signal=9), ended(1, signal=9), escalation=hang))
    assert (verdict.state, verdict.reason, verdict.restartable) == ("failed", "hang", True)
    assert verdict.evidence["rank"] == 1


def test_preemption_is_no_wish_of_the_user() -> None:
    verdict = judge(over(ended(code=10), escalation=escalation("preempted", "order")))
    assert (verdict.state, verdict.reason) == ("stopped", "preempted")


LOST: list[tuple[str, Evidence, str, str]] = [
    ("nobody was there", over(UNTOLD, adopted=True), "lost", "supervisor_lost"),
    ("another boot", over(UNTOLD, adopted=True, rebooted=True), "lost", "supervisor_lost"),
    (
        "one recorded its end, the other didn't",
        over(finished(0), ended(1), adopted=True),
        "lost",
        "supervisor_lost",
    ),
    (
        "all recorded their ends meanwhile",
        over(finished(0), finished(1), adopted=True),
        "completed",
        "finished",
    ),
    (
        "one recorded a fault meanwhile",
        over(ended(0, code=21), ended(1), adopted=True),
        "failed",
        "oom_device",
    ),
    ("no rank was ever seen", over(adopted=True), "lost", "supervisor_lost"),
]


@pytest.mark.parametrize(("seen", "state", "reason"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_what_an_adopter_finds(seen: Evidence, state: str, reason: str) -> None:
    verdict = judge(seen)
    assert (verdict.state, verdict.reason) == (state, reason)
    assert verdict.evidence["adopted"] is True


def test_a_dead_agent_is_the_evidence_for_ranks_that_nobody_could_wait_for() -> None:
    verdict = judge(later(over(UNTOLD), agent=AgentEvidence("gone", signal=9)))
    assert (verdict.state, verdict.reason, verdict.restartable) == ("failed", "crash", True)
    assert (verdict.evidence["process"], verdict.evidence["signal_name"]) == ("agent", "SIGKILL")


def test_a_dead_agent_whose_ranks_saved_and_stopped_is_still_a_failure() -> None:
    seen = over(ended(code=None, outcome="stopped", reason="user"), escalation=escalation("agent", "order"))
    assert (judge(seen).state, judge(seen).restartable) == ("failed", True)
