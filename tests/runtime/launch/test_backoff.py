"""Whether and when it is tried again, and how long a phase may be quiet: by tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.launch.actions import End, Restart
from runtime.launch.backoff import Failure, again
from runtime.launch.evidence import Limits
from runtime.launch.limits import DEFAULTS, Longest, limit_of
from runtime.launch.pace import PaceWriter, read_pace
from runtime.run.layout import RunDirectory
from tests.runtime.launch.tables import decide, ended, later, only, over, record


def failed(step: int | None, cause: str | None = None, signature: str = "", reason: str = "crash") -> Failure:
    return Failure(1, reason, cause, step, signature)


def decided(failure: Failure, *before: Failure, restarts: int | None = None, allowed: int = 9) -> Any:
    done = len(before) if restarts is None else restarts
    return again(failure, before, restarts=done, allowed=allowed, delay=1.0, factor=2.0, longest=5.0)


WAITS: list[tuple[str, list[int | None], float]] = [
    ("the first failure", [10], 1.0),
    ("a second one without progress", [10, 10], 2.0),
    ("an earlier one: no progress either", [10, 8], 2.0),
    ("a third", [10, 10, 9], 4.0),
    ("never more than the most", [10, 10, 10, 10, 10, 10], 5.0),
    ("progress begins anew", [10, 10, 10, 25], 1.0),
    ("and grows again from there", [10, 10, 25, 20], 2.0),
    ("no steps are no progress", [None, None], 2.0),
    ("the first steps are progress", [None, 3], 1.0),
]


@pytest.mark.parametrize(("steps", "delay"), [row[1:] for row in WAITS], ids=[row[0] for row in WAITS])
def test_the_wait_grows_until_there_is_progress(steps: list[int | None], delay: float) -> None:
    failures = [failed(step) for step in steps]
    assert decided(failures[-1], *failures[:-1]).delay == delay


REFUSALS: list[tuple[str, Failure, list[Failure], str | None]] = [
    ("a missing module", failed(None, "missing_module"), [], "recurs"),
    ("a driver that doesn't fit", failed(3, "cuda_mismatch"), [], "recurs"),
    (
        "the same error at the same step",
        failed(7, "exception", "ValueError: #"),
        [failed(7, "exception", "ValueError: #")],
        "repeats",
    ),
    (
        "the same error at another step",
        failed(7, "exception", "ValueError: #"),
        [failed(5, "exception", "ValueError: #")],
        None,
    ),
    (
        "another error at the same step",
        failed(7, "exception", "KeyError: #"),
        [failed(7, "exception", "ValueError: #")],
        None,
    ),
    (
        "a network that was away twice",
        failed(7, "exception", "requests.ConnectionError: away"),
        [failed(7, "exception", "requests.ConnectionError: away")],
        None,
    ),
    ("the same signal twice", failed(7, "segfault"), [failed(7, "segfault")], None),
    (
        "the device's memory twice at one step",
        failed(7, "device_memory", "x", "oom_device"),
        [failed(7, "device_memory", "x", "oom_device")],
        "repeats",
    ),
    (
        "an error of a program without steps",
        failed(None, "exception", "E"),
        [failed(None, "exception", "E")],
        None,
    ),
]


@pytest.mark.parametrize(
    ("failure", "before", "refused"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_what_would_end_the_same_way_is_not_tried_again(
    failure: Failure, before: list[Failure], refused: str | None
) -> None:
    assert decided(failure, *before).refused == refused


def test_all_restarts_used_up_is_said_and_none_wished_for_is_not() -> None:
    assert decided(failed(1), restarts=3, allowed=3).refused == "max_restarts"
    assert decided(failed(1), restarts=0, allowed=0).refused == ""


def test_numbers_in_an_error_make_it_no_other_error() -> None:
    one, two = (Failure.of(n, "crash", {"error": f"KeyError: 0x7f{n}a at {n}", "step": 3}) for n in (1, 2))
    assert one.signature == two.signature


def test_the_supervisor_decides_by_it() -> None:
    limits = Limits(max_restarts=9, restart_delay=1.0, restart_backoff=3.0, restart_delay_max=100.0)
    seen = over(ended(code=1), limits=limits)
    assert only(decide(record(), seen), Restart).delay == 1.0
    seen = later(seen, failures=(failed(7), failed(7)))
    assert only(decide(record(restarts=2), seen), Restart).delay == 9.0
    full = later(seen, limits=Limits(max_restarts=2))
    assert only(decide(record(restarts=2), full), End).evidence["no_restart"] == "max_restarts"


LIMITS: list[tuple[str, str, Any, Longest, float | None]] = [
    ("a number stands", "step", 5.0, Longest(100.0, 9), 5.0),
    ("no limit stands", "step", None, Longest(1.0, 9), None),
    ("nothing seen: the default", "step", "auto", Longest(), 600.0),
    ("a long first step is no measure yet", "step", "auto", Longest(90.0, 1), 600.0),
    ("short steps: the floor", "step", "auto", Longest(0.5, 50), 120.0),
    ("longer ones: ten times the longest", "step", "auto", Longest(30.0, 50), 300.0),
    ("never beyond the default", "step", "auto", Longest(200.0, 50), 600.0),
    ("but for what was seen", "step", "auto", Longest(550.0, 50), 1100.0),
    ("one evaluation is a measure", "evaluate", "auto", Longest(50.0, 1), 500.0),
    ("saves have a floor of their own", "checkpoint", "auto", Longest(2.0, 3), 300.0),
    ("loading comes once", "load", "auto", Longest(1.0, 1), 3600.0),
    ("an unknown phase has none", "dream", "auto", Longest(1.0, 1), None),
]


@pytest.mark.parametrize(
    ("phase", "setting", "seen", "limit"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS]
)
def test_the_limit_of_a_phase(phase: str, setting: Any, seen: Longest, limit: float | None) -> None:
    assert limit_of(phase, setting, {phase: seen}) == limit


def test_every_phase_has_a_default() -> None:
    from runtime.run.heartbeat import PHASES

    assert set(DEFAULTS) == set(PHASES)


def test_what_was_learned_is_there_for_the_next_attempt_with_the_same_profile(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for attempt, profile in ((1, "a"), (2, "a"), (3, "b")):
        run.attempt(attempt).path.mkdir(parents=True)
        run.attempt(attempt).profile.write_text(profile)
    learned = {"step": Longest(12.5, 40), "evaluate": Longest(3.0, 1)}
    PaceWriter().keep(run.attempt(1), 1, learned)
    assert read_pace(run, 1) == read_pace(run, 2) == learned
    assert read_pace(run, 3) == {}
    run.attempt(1).pace.write_text('{"schema": 1, "phases": {"step": [')
    assert read_pace(run, 2) == {}
