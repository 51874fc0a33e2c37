"""Who may write: one holder at a time, and none without proof that the one before is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from runtime.run.epochs import EpochHeld, current_epoch, holder, release_epoch, still_mine, take_epoch
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory

TAKER = """
import sys
from pathlib import Path
from runtime.run.epochs import EpochHeld, take_epoch
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
run = RunDirectory(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    print(take_epoch(run, Identity.current()), flush=True)
except EpochHeld as held:
    print("held by", held.holder.epoch, flush=True)
sys.stdin.readline()
"""


class Taker:
    """A process that takes the epoch when it is told to, and lives until it is told otherwise."""

    def __init__(self, run: RunDirectory) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKER, str(run.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self) -> str:
        return self._line()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def taker(run: RunDirectory):  # type: ignore[no-untyped-def]
    takers: list[Taker] = []

    def make() -> Taker:
        takers.append(Taker(run))
        return takers[-1]

    yield make
    for each in takers:
        each.kill()


def test_the_first_takes_epoch_one_and_releases_it(run: RunDirectory) -> None:
    me = Identity.current()
    assert current_epoch(run) == 0
    assert holder(run) is None
    assert take_epoch(run, me) == 1
    assert still_mine(run, 1)
    held = holder(run)
    assert held is not None
    assert (held.epoch, held.identity, held.released, held.over) == (1, me, False, False)
    release_epoch(run, 1)
    held = holder(run)
    assert held is not None
    assert held.released
    assert held.identity == me
    assert take_epoch(run, me) == 2
    assert not still_mine(run, 1)
    assert still_mine(run, 2)


def test_a_living_holder_is_not_replaced(run: RunDirectory, taker: Callable[[], Taker]) -> None:
    first = taker()
    first.go()
    assert first.result() == "1"
    with pytest.raises(EpochHeld, match=str(first.process.pid)) as error:
        take_epoch(run, Identity.current())
    assert error.value.holder.epoch == 1
    assert current_epoch(run) == 1


def test_a_killed_holder_is_replaced_and_a_late_one_finds_out(
    run: RunDirectory, taker: Callable[[], Taker]
) -> None:
    first = taker()
    first.go()
    assert first.result() == "1"
    first.kill()
    assert take_epoch(run, Identity.current()) == 2
    assert not still_mine(run, 1)


def test_of_many_who_race_for_a_dead_holders_epoch_exactly_one_wins(
    run: RunDirectory, taker: Callable[[], Taker]
) -> None:
    dead = taker()
    dead.go()
    dead.result()
    dead.kill()
    for epoch in (2, 3):
        racers = [taker() for _ in range(8)]
        for racer in racers:
            racer.go()
        results = [racer.result() for racer in racers]
        assert results.count(str(epoch)) == 1
        assert results.count(f"held by {epoch}") == 7
        winner = holder(run)
        assert winner is not None
        assert winner.identity is not None
        assert winner.identity.pid == racers[results.index(str(epoch))].process.pid
        for racer in racers:
            racer.kill()


@pytest.mark.parametrize("change", [{"host": "elsewhere", "boot_id": "other"}, {"pid_namespace": "pid:[1]"}])
def test_silence_is_no_proof(run: RunDirectory, change: dict[str, Any]) -> None:
    take_epoch(run, replace(Identity.current(), **change))
    with pytest.raises(EpochHeld):
        take_epoch(run, Identity.current())


def test_an_earlier_boot_and_a_reused_pid_are_proof(run: RunDirectory) -> None:
    me = Identity.current()
    take_epoch(run, replace(me, boot_id="the boot before"))
    assert take_epoch(run, replace(me, start_ticks=me.start_ticks - 1)) == 2
    assert take_epoch(run, me) == 3


@pytest.mark.parametrize("content", ["", "{", '{"schema": 1}', '{"schema": 2, "holder": {}}'])
def test_a_claim_that_cannot_be_read_is_held_by_somebody_unknown(run: RunDirectory, content: str) -> None:
    run.supervisor(1).write_text(content)
    with pytest.raises(EpochHeld, match=r"process \? on \?"):
        take_epoch(run, Identity.current())


def test_claims_leave_no_litter_and_can_be_read_by_a_person(run: RunDirectory) -> None:
    take_epoch(run, Identity.current())
    with pytest.raises(EpochHeld):
        take_epoch(run, Identity.current())
    assert not [path for path in run.path.iterdir() if path.name.startswith(".")]
    claim = json.loads(run.supervisor(1).read_text())
    assert claim["schema"] == 1
    assert claim["epoch"] == 1
    assert claim["identity"]["pid"] == Identity.current().pid


def test_nothing_is_anybodys_in_a_run_that_was_removed(run: RunDirectory) -> None:
    take_epoch(run, Identity.current())
    run.path.rename(run.path.with_name("elsewhere"))
    assert not still_mine(run, 1)


def test_where_there_are_no_hard_links_the_claim_is_still_exclusive(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    me = Identity.current()
    assert take_epoch(run, me) == 1
    with pytest.raises(EpochHeld):
        take_epoch(run, me)
    assert not [path for path in run.path.iterdir() if path.name.startswith(".")]
