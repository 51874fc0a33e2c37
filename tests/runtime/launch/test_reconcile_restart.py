"""What a run is restarted for, and when it is over: the decisions after an attempt's end."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from runtime.launch.actions import (
    Abandon,
    End,
    Restart,
    Signal,
)
from runtime.launch.evidence import Limits
from tests.runtime.launch.tables import (
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
)


@pytest.mark.parametrize(
    ("done", "allowed", "kind"), [(0, 0, End), (0, 1, Restart), (1, 1, End), (1, 2, Restart), (5, 5, End)]
)
def test_a_crash_is_restarted_at_most_so_many_times(done: int, allowed: int, kind: type) -> None:
    limits = Limits(max_restarts=allowed, restart_delay=2.5)
    action = only(decide(record(restarts=done), over(ended(code=1), limits=limits)), kind)
    assert action.reason == "crash"
    if kind is Restart:
        assert action.delay == 2.5


@pytest.mark.parametrize("fields", [{"code": 20}, {"code": 22}, {"code": 23}, {"signal": 15}])
def test_what_would_fail_again_is_not_restarted(fields: dict[str, Any]) -> None:
    assert only(decide(record(), over(ended(**fields), limits=Limits(max_restarts=9))), End)


@pytest.mark.parametrize(
    "fields",
    [{"terminated": True}, {"escalation": escalation("user", "terminate")}, {"missing_secrets": ("KEY",)}],
)
def test_no_restart_where_none_is_wanted_or_possible(fields: dict[str, Any]) -> None:
    assert only(decide(record(), over(ended(code=1), limits=Limits(max_restarts=9), **fields)), End)


# Adoption and loss


def test_an_adopted_run_that_goes_on_is_left_alone() -> None:
    assert decide(record(), evidence(rank(), adopted=True)) == []


def test_after_a_reboot_the_run_is_lost_with_the_boots_as_evidence() -> None:
    boots = {"boot_id": "a", "boot_id_now": "b"}
    seen = over(ended(), adopted=True, rebooted=True, seen=boots, limits=Limits(max_restarts=3))
    end = only(decide(record(), seen), End)
    assert (end.state, end.reason) == ("lost", "supervisor_lost")
    assert end.evidence["boot_id"] == "a"
    assert end.evidence["rebooted"] is True


def test_silence_is_no_evidence_of_an_end() -> None:
    """A host that can't be asked: nothing is concluded, and nothing is signalled."""
    assert decide(record(), evidence(rank(status="unknown", quiet=1e6), agent="unknown")) == []


def test_nothing_is_over_before_a_scan_has_shown_it() -> None:
    assert decide(record(), over(finished(), left=None)) == []
    assert decide(record(), over(finished(), left=1)) == []


def test_a_removed_run_directory_ends_its_processes_and_then_the_supervisor() -> None:
    actions = decide(record(), evidence(rank(), directory_gone=True))
    assert (only(actions, Signal).signal, only(actions, Signal).scope) == (signal.SIGKILL, "all")
    assert kinds(decide(record(), over(ended(signal=9), directory_gone=True))) == ["Abandon"]
    assert decide(record("starting"), later(WAITING, directory_gone=True)) == [
        Abandon("the run directory is gone")
    ]
