"""Every decision of a supervisor, by tables: no process is started here."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from runtime.launch.actions import (
    Answer,
    DumpStacks,
    End,
    Enter,
    Escalate,
    Order,
    SaveNow,
    Signal,
    Start,
)
from runtime.launch.evidence import Evidence, Limits, Request
from tests.runtime.launch.tables import (
    HANG,
    NOW,
    WAITING,
    decide,
    ended,
    escalation,
    evidence,
    finished,
    kinds,
    later,
    only,
    over,
    rank,
    record,
    stop,
)


@pytest.mark.parametrize("state", ["completed", "stopped", "failed", "lost"])
def test_an_ended_run_is_left_alone(state: str) -> None:
    assert decide(record(state), over(finished())) == []


# Starting


def test_a_run_that_was_asked_for_is_started() -> None:
    assert decide(record("starting"), WAITING) == [Start()]


def test_a_restart_waits_for_its_delay() -> None:
    assert decide(record("starting"), later(WAITING, start_at=NOW + 1)) == []


def test_nothing_is_started_beside_what_is_left_of_the_attempt_before() -> None:
    assert decide(record("starting"), later(WAITING, left=2)) == [Signal(signal.SIGKILL, "all", "leftover")]


def test_nothing_is_started_before_it_is_known_what_is_left() -> None:
    assert decide(record("starting"), later(WAITING, left=None)) == []


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        ({"requests": (stop(),)}, "stopped", "user"),
        ({"terminated": True}, "stopped", "preempted"),
        ({"stale": True}, "lost", "supervisor_lost"),
        ({"missing_secrets": ("KEY",)}, "failed", "bad_profile"),
    ],
)
def test_ends_before_the_start(fields: dict[str, Any], state: str, reason: str) -> None:
    end = only(decide(record("starting"), later(WAITING, **fields)), End)
    assert (end.state, end.reason, end.evidence["before_start"]) == (state, reason, True)


@pytest.mark.parametrize(
    ("job", "phase", "expected"),
    [
        ("pretrain", None, []),
        ("pretrain", "load", []),
        ("pretrain", "step", [Enter("running", "running")]),
        ("command", None, [Enter("running", "running")]),
        ("prepare", "load", [Enter("running", "running")]),
    ],
)
def test_when_a_run_counts_as_running(job: str, phase: str | None, expected: list[Enter]) -> None:
    assert decide(record("starting", job=job), evidence(rank(phase=phase), job=job)) == expected


def test_a_run_that_gets_on_is_left_alone() -> None:
    assert decide(record(), evidence(rank(0), rank(1))) == []


# Requests


@pytest.mark.parametrize(
    ("request_", "job", "reason"),
    [
        (stop(attempt=2), "pretrain", "past_attempt"),
        (stop(verb="dance"), "pretrain", "unknown_verb"),
        (stop(verb="save"), "command", "no_checkpoints"),
        (stop(verb="save"), "prepare", "no_checkpoints"),
    ],
)
def test_refused_requests(request_: Request, job: str, reason: str) -> None:
    actions = decide(record(job=job), evidence(rank(), job=job, requests=(request_,)))
    assert actions == [Answer("s", "request_refused", reason, request_.verb)]


def test_a_stop_meant_for_the_attempt_before_an_automatic_restart_still_counts() -> None:
    restarted = record(restarts=1)
    restarted = type(restarted)(**{**vars(restarted), "attempt": 2})
    assert only(decide(restarted, evidence(rank(), requests=(stop(attempt=1),))), Order)
    resumed = type(restarted)(**{**vars(restarted), "restarts": 0})
    refused = only(decide(resumed, evidence(rank(), requests=(stop(attempt=1),))), Answer)
    assert refused.reason == "past_attempt"


def test_save_is_ordered_and_the_run_goes_on() -> None:
    actions = decide(record(), evidence(rank(), requests=(stop(verb="save"),)))
    assert actions == [SaveNow("s"), Answer("s", "request_accepted", None, "save")]


def test_save_is_refused_while_stopping() -> None:
    seen = evidence(rank(), requests=(stop(verb="save"),), escalation=escalation("user", "order"))
    assert decide(record("stopping"), seen)[0] == Answer("s", "request_refused", "stopping", "save")


# Stopping


@pytest.mark.parametrize("save", [True, False])
def test_a_stop_is_ordered_first(save: bool) -> None:
    actions = decide(record(), evidence(rank(), requests=(stop(save=save),)))
    assert kinds(actions) == ["Answer", "Enter", "Escalate", "Order"]
    assert only(actions, Enter).state == "stopping"
    assert only(actions, Order).save is save
    assert only(actions, Escalate).escalation.stage == "order"


@pytest.mark.parametrize(
    ("limits", "longest", "grace"),
    [
        (Limits(), 0.0, 60.0),
        (Limits(), 15.0, 60.0),
        (Limits(), 50.0, 150.0),
        (Limits(stop_grace=5.0), 50.0, 5.0),
        (Limits(stop_grace=600.0), 50.0, 600.0),
    ],
)
def test_the_grace_is_three_times_the_longest_step_unless_the_profile_says(
    limits: Limits, longest: float, grace: float
) -> None:
    actions = decide(record(), evidence(rank(), requests=(stop(),), longest=longest, limits=limits))
    assert only(actions, Escalate).escalation.grace == grace


def test_nothing_can_be_lost_before_the_first_step_so_the_grace_is_short() -> None:
    actions = decide(record("starting"), evidence(rank(phase="import", step=None), requests=(stop(),)))
    assert only(actions, Escalate).escalation.grace == 10.0


def test_a_program_reads_no_orders_so_sigterm_is_its_order() -> None:
    actions = decide(record(job="command"), evidence(rank(), job="command", requests=(stop(),)))
    begun, sent = only(actions, Escalate).escalation, only(actions, Signal)
    assert (begun.stage, begun.grace, sent.signal, sent.scope) == ("terminate", 60.0, signal.SIGTERM, "ranks")
    assert "Order" not in kinds(actions)


STAGES: list[tuple[str, Evidence, str | None, int | None, str | None]] = [
    ("order, in time", evidence(rank(), escalation=escalation("user", "order", 9)), None, None, None),
    (
        "order, out of time",
        evidence(rank(), escalation=escalation("user", "order", 11)),
        "terminate",
        signal.SIGTERM,
        "ranks",
    ),
    ("SIGTERM, in time", evidence(rank(), escalation=escalation("user", "terminate", 9)), None, None, None),
    (
        "SIGTERM, out of time",
        evidence(rank(), escalation=escalation("user", "terminate", 11)),
        "kill",
        signal.SIGKILL,
        "all",
    ),
    (
        "SIGKILL is repeated",
        evidence(rank(), left=1, escalation=escalation("user", "kill", 1)),
        None,
        signal.SIGKILL,
        "all",
    ),
    (
        "SIGKILL without effect",
        evidence(rank(), left=1, escalation=escalation("user", "kill", 11)),
        "unkillable",
        signal.SIGKILL,
        "all",
    ),
    (
        "unkillable goes on trying",
        evidence(rank(), left=1, escalation=escalation("user", "unkillable", 99)),
        None,
        signal.SIGKILL,
        "all",
    ),
]


@pytest.mark.parametrize(
    ("seen", "stage", "number", "scope"), [row[1:] for row in STAGES], ids=[r[0] for r in STAGES]
)
def test_escalation(seen: Evidence, stage: str | None, number: int | None, scope: str | None) -> None:
    actions = decide(record("stopping"), seen)
    moved = [action.escalation.stage for action in actions if isinstance(action, Escalate)]
    assert moved == ([] if stage is None else [stage])
    sent = [(action.signal, action.scope) for action in actions if isinstance(action, Signal)]
    assert sent == ([] if number is None else [(number, scope)])


def test_unkillable_is_a_state_and_names_the_processes() -> None:
    seen = evidence(rank(), left=1, left_pids=(77,), escalation=escalation("user", "kill", 11))
    entered = only(decide(record("stopping"), seen), Enter)
    assert (entered.state, entered.event, entered.detail["pids"]) == ("unkillable", "unkillable", [77])


def test_an_unkillable_run_ends_when_its_processes_are_gone_after_all() -> None:
    seen = over(ended(signal=9), escalation=escalation("user", "unkillable", 500))
    end = only(decide(record("unkillable"), seen), End)
    assert (end.state, end.reason) == ("stopped", "user")


def test_what_ended_ranks_left_behind_is_asked_then_killed_before_the_run_counts_as_stopped() -> None:
    stopped = ended(code=10, outcome="stopped", reason="user")
    waiting = evidence(stopped, left=1, ranks_ended_for=1, escalation=escalation("user", "order", 1))
    assert decide(record("stopping"), waiting) == []
    asked = decide(record("stopping"), later(waiting, ranks_ended_for=3))
    assert (only(asked, Signal).signal, only(asked, Signal).scope) == (signal.SIGTERM, "all")
    down = later(waiting, escalation=only(asked, Escalate).escalation)
    killed = decide(record("stopping"), later(down, now=NOW + 11))
    assert (only(killed, Signal).signal, only(killed, Signal).scope) == (signal.SIGKILL, "all")


def test_a_program_whose_child_goes_on_has_the_rest_of_the_same_grace() -> None:
    seen = evidence(
        ended(signal=15), job="command", left=1, escalation=escalation("user", "terminate", 5, grace=60.0)
    )
    sent = only(decide(record("stopping", job="command"), seen), Signal)
    assert (sent.signal, sent.scope) == (signal.SIGTERM, "all")


def test_a_run_is_not_over_while_its_agent_is_there() -> None:
    seen = evidence(finished(), left=0, empty_for=0.2)
    assert decide(record(), seen) == []


def test_an_agent_that_does_not_leave_is_killed_last() -> None:
    assert decide(record(), evidence(finished(), left=0, empty_for=1.5)) == [
        Signal(signal.SIGKILL, "agent", "leftover")
    ]
    busy = evidence(finished(), left=1, empty_for=0.0, escalation=escalation("user", "kill", 1))
    assert all(
        action.scope != "agent" for action in decide(record("stopping"), busy) if isinstance(action, Signal)
    )


def test_kill_skips_the_stages() -> None:
    actions = decide(record(), evidence(rank(), requests=(stop(kill=True, save=False),)))
    assert only(actions, Escalate).escalation.stage == "kill"
    assert (only(actions, Signal).signal, only(actions, Signal).scope) == (signal.SIGKILL, "all")


def test_kill_overtakes_a_stop_under_way() -> None:
    seen = evidence(
        rank(), requests=(stop(kill=True),), escalation=escalation("user", "order", 1, grace=60.0)
    )
    assert only(decide(record("stopping"), seen), Signal).signal == signal.SIGKILL


def test_of_two_stops_the_more_urgent_counts() -> None:
    both = (stop(id="a"), stop(id="b", kill=True))
    assert only(decide(record(), evidence(rank(), requests=both)), Signal).signal == signal.SIGKILL


def test_not_saving_may_be_asked_for_while_the_save_is_awaited() -> None:
    seen = evidence(
        rank(), requests=(stop(save=False),), escalation=escalation("user", "order", 30, save=True)
    )
    assert only(decide(record("stopping"), seen), Order).save is False


def test_a_stop_during_a_failure_prevents_the_restart() -> None:
    limits = Limits(max_restarts=3)
    coming_down = escalation("crash", "terminate", 1, alive=frozenset({1}))
    seen = evidence(ended(0, code=1), rank(1), requests=(stop(),), escalation=coming_down, limits=limits)
    wished = only(decide(record(), seen), Escalate).escalation
    end = only(
        decide(record("stopping"), over(ended(0, code=1), ended(1, signal=15), escalation=wished)), End
    )
    assert (end.state, end.reason, end.evidence["stop_requested"]) == ("failed", "crash", True)


def test_a_stop_that_comes_when_all_has_ended_prevents_the_restart() -> None:
    seen = over(ended(code=1), requests=(stop(),), limits=Limits(max_restarts=1))
    assert kinds(decide(record(), seen)) == ["Answer", "End"]


# Trouble


def test_a_dead_rank_takes_the_others_down() -> None:
    actions = decide(record(), evidence(ended(0, signal=9, oom=False), rank(1)))
    assert kinds(actions) == ["Enter", "Escalate", "Signal"]
    begun = only(actions, Escalate).escalation
    assert (begun.cause, begun.stage, begun.alive) == ("crash", "terminate", frozenset({1}))


@pytest.mark.parametrize("first", [finished(0), ended(0, code=10, outcome="stopped", reason="user")])
def test_a_rank_that_leaves_first_is_no_trouble(first: Any) -> None:
    assert decide(record(), evidence(first, rank(1))) == []


def test_ranks_whose_agent_died_may_save_before_they_go() -> None:
    actions = decide(record(), evidence(rank(), agent="gone"))
    assert only(actions, Escalate).escalation.cause == "agent"
    assert only(actions, Order).save is True


def test_sigterm_to_the_supervisor_stops_the_run_with_a_checkpoint() -> None:
    actions = decide(record(), evidence(rank(), terminated=True))
    assert only(actions, Order).save is True
    assert only(actions, Escalate).escalation.cause == "preempted"


@pytest.mark.parametrize(
    ("ranks", "culprit"),
    [
        ((rank(0, quiet=6.0),), 0),
        ((rank(0, quiet=6.0), rank(1, quiet=6.1)), 1),
        ((rank(0, quiet=6.0, step=8), rank(1, quiet=5.0, step=7)), 1),
        ((rank(0, quiet=6.0), rank(1, quiet=6.0, process_state="T")), 1),
        ((rank(0, quiet=6.0, process_state="D"), rank(1, quiet=6.1, process_state="S")), 0),
        ((rank(0, quiet=6.0), rank(1, phase="load", step=0, limit=600.0, quiet=6.0)), 1),
        ((rank(0, quiet=6.0), rank(1, phase=None, step=None, limit=600.0, quiet=6.0)), 1),
    ],
)
def test_a_hang_names_the_rank_that_is_behind(ranks: tuple[Any, ...], culprit: int) -> None:
    actions = decide(record(), evidence(*ranks))
    assert kinds(actions) == ["DumpStacks", "Enter", "Escalate", "Signal"]
    assert only(actions, DumpStacks).detail["rank"] == culprit


@pytest.mark.parametrize(
    "quiet_rank",
    [
        rank(quiet=4.9),
        rank(quiet=19.0, phase="evaluate", limit=HANG["evaluate"]),
        rank(quiet=9999.0, phase="checkpoint", limit=None),
        rank(quiet=9999.0, ended=True, status="gone", code=0, outcome="finished"),
        rank(quiet=9999.0, status="unknown"),
    ],
)
def test_what_is_no_hang(quiet_rank: Any) -> None:
    assert "DumpStacks" not in kinds(decide(record(), evidence(quiet_rank)))


def test_processes_left_behind_by_finished_ranks_are_cleared_and_the_run_has_finished() -> None:
    actions = decide(record(), evidence(finished(), left=1, ranks_ended_for=3))
    assert (only(actions, Signal).signal, only(actions, Signal).scope) == (signal.SIGTERM, "all")
    end = only(decide(record(), over(finished(), escalation=only(actions, Escalate).escalation)), End)
    assert (end.state, end.reason) == ("completed", "finished")


# Restarting
