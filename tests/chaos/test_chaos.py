"""Ten runs at once, each with a fault of its own, and then the rest: the short form of `make chaos`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.__main__ import at_once
from tests.chaos.experiment import Fault, Outcome
from tests.chaos.faults import FAULTS, PRIVILEGED, missing_privilege
from tests.chaos.surroundings import kill_launchers, launch_into_read_only_logs
from tests.chaos.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.close()


def test_ten_runs_at_once_survive_kills_hangs_and_full_disks_and_equal_their_undisturbed_twins(
    world: World,
) -> None:
    kinds = [
        "kill -9 of a rank",
        "kill -9 of supervisor and rank",
        "kill -9 in a save",
        "a stubborn grandchild",
        "SIGSTOP of a rank",
        "a rank exits 0 early",
        "ENOSPC in a save",
        "NaN, rollback, and kill -9",
        "checkpoints vanish",
        "clock jumps",
    ]
    assert _wrong(at_once(world, [_fault(name) for name in kinds], random.Random(11))) == []


def test_a_launch_into_logs_that_cannot_be_written_is_refused_and_creates_nothing(tmp_path: Path) -> None:
    assert launch_into_read_only_logs(tmp_path) == []


def test_a_launcher_that_is_killed_leaves_no_run_or_a_whole_one(tmp_path: Path) -> None:
    assert kill_launchers(tmp_path, random.Random(14).uniform, launches=3) == []


@pytest.mark.long
def test_every_other_kind_of_fault_is_survived_as_well(world: World) -> None:
    rest = [fault for fault in FAULTS if fault.processes == 1]
    assert _wrong(at_once(world, rest, random.Random(12))) == []


@pytest.mark.parametrize("fault", PRIVILEGED, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_machine_that_runs_out_is_survived(fault: Fault, world: World) -> None:
    why = missing_privilege(fault)
    if why is not None:
        pytest.skip(why)  # the same is injected by the faults above, without mounts and cgroups
    assert _wrong(at_once(world, [fault], random.Random(13))) == []


def _fault(name: str) -> Fault:
    return next(fault for fault in FAULTS if fault.name == name)


def _wrong(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.wrong or outcome.misnamed]
