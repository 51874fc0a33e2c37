"""Leases: one holder a device, whoever asks, however they end."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.launch import lease_files, leases
from runtime.launch.lease_files import LeaseError, lease_directory
from runtime.launch.leases import LeaseHeld
from runtime.run.identity import Identity
from tests.runtime.launch.conftest import until

HOLDER = """
import sys, time
from pathlib import Path
from runtime.launch import leases
lease = leases.take(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
print(lease.number, flush=True)
time.sleep(600)
"""

CONTENDER = """
import os, random, sys, time
from pathlib import Path
from runtime.launch import leases
name, rounds, log = sys.argv[1], int(sys.argv[2]), sys.argv[3]
keys = ["GPU-a", "GPU-b", "GPU-c"]
won = 0
while won < rounds:
    wanted = random.sample(keys, 2)
    try:
        taken = leases.take_all(wanted, name, Path("/run/" + name))
    except leases.LeaseHeld:
        time.sleep(random.random() / 500)
        continue
    won += 1
    for lease in taken:  # a second holder at the same time would find the file there
        os.close(os.open(f"{log}.{lease.key}", os.O_CREAT | os.O_EXCL))
    time.sleep(random.random() / 500)
    for lease in taken:
        os.unlink(f"{log}.{lease.key}")
    for lease in taken:
        leases.release(lease)
"""


def hold(key: str, run_id: str, path: str = "/run") -> subprocess.Popen[str]:
    """Another process that holds a lease."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, key, run_id, path], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip().isdigit()
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def test_a_lease_has_one_holder_until_it_is_given_back() -> None:
    child = hold("GPU-a", "theirs")
    try:
        with pytest.raises(LeaseHeld, match="GPU-a is leased by theirs"):
            leases.take("GPU-a", "mine", Path("/run/mine"))
        mine = leases.take("GPU-b", "mine", Path("/run/mine"))
        assert leases.take("GPU-b", "mine", Path("/run/mine")) == mine  # asked twice, had once
        assert {key: lease.run_id for key, lease in leases.held().items()} == {
            "GPU-a": "theirs",
            "GPU-b": "mine",
        }
        leases.release(mine)
        assert set(leases.held()) == {"GPU-a"}
    finally:
        end(child)


def test_the_next_lease_has_the_next_number_and_the_old_one_does_not_count() -> None:
    first = leases.take("GPU-a", "one", Path("/run/one"))
    leases.release(first)
    second = leases.take("GPU-a", "two", Path("/run/two"))
    assert (first.number, second.number) == (1, 2)
    assert not leases.mine(first)
    leases.release(first)  # by whoever believes to have it still: nothing happens
    assert leases.mine(second)
    assert set(leases.held()) == {"GPU-a"}


def test_a_dead_holder_is_overtaken_when_nothing_of_its_run_is_left() -> None:
    child = hold("GPU-a", "theirs-1")
    rank = subprocess.Popen(["sleep", "600"], env={**os.environ, "HEADNODE_RUN": "theirs-1"})
    try:
        until(lambda: leases.run_left("theirs-1"))
        end(child)
        with pytest.raises(LeaseHeld):
            leases.take("GPU-a", "mine", Path("/run/mine"))
    finally:
        rank.kill()
        rank.wait()
    assert leases.take("GPU-a", "mine", Path("/run/mine")).number == 2


def test_of_another_user_the_processes_that_the_lease_names_have_to_be_gone() -> None:
    child = hold("GPU-a", "theirs")
    agent = subprocess.Popen(["sleep", "600"])
    try:
        identity = Identity.of(agent.pid)
        assert identity is not None
        leases.note_processes(leases.current()["GPU-a"], [identity])
        end(child)
        with pytest.raises(LeaseHeld):
            leases.take("GPU-a", "mine", Path("/run/mine"))
    finally:
        agent.kill()
        agent.wait()
    assert leases.take("GPU-a", "mine", Path("/run/mine")).number == 2


def test_a_reboot_ends_every_lease() -> None:
    lease = leases.take("GPU-a", "before", Path("/run/before"))
    assert lease.identity is not None
    earlier = replace(lease.identity, boot_id="00000000-0000-0000-0000-000000000000", host="old-name")
    path = lease_directory() / "GPU-a.1"
    lease_files.replace(path, replace(lease, identity=earlier).to_json())
    assert leases.held() == {}
    assert leases.take("GPU-a", "after", Path("/run/after")).number == 2


def test_what_cannot_be_judged_from_here_is_held() -> None:
    lease = leases.take("GPU-a", "elsewhere", Path("/run/elsewhere"))
    assert lease.identity is not None
    elsewhere = replace(lease.identity, pid_namespace="pid:[1]")
    lease_files.replace(lease_directory() / "GPU-a.1", replace(lease, identity=elsewhere).to_json())
    (lease_directory() / "GPU-b.1").write_text("half of a rec")
    assert set(leases.held()) == {"GPU-a", "GPU-b"}
    with pytest.raises(LeaseHeld):
        leases.take_all(["GPU-c", "GPU-b"], "mine", Path("/run/mine"))
    assert "GPU-c" not in {key for key, lease in leases.held().items() if lease.run_id == "mine"}


def test_the_next_supervisor_of_a_run_takes_its_leases_over(tmp_path: Path) -> None:
    child = hold("GPU-a", "ours", str(tmp_path))
    assert leases.of_run("ours", tmp_path) == ()
    end(child)
    assert [lease.key for lease in leases.of_run("ours", tmp_path)] == ["GPU-a"]
    assert leases.take("GPU-a", "ours", tmp_path).number == 2
    assert leases.of_run("ours", tmp_path) == ()


def test_a_lease_that_was_cleaned_away_comes_back() -> None:
    lease = leases.take("cpu:3", "mine", Path("/run/mine"))
    path = lease_directory() / "cpu-3.1"
    path.unlink()
    leases.keep(lease)
    assert leases.held()["cpu:3"] == lease


def test_the_directory_is_for_all_users_and_its_files_are_readable_by_all(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        leases.take("GPU-a", "mine", tmp_path)
    finally:
        os.umask(before)
    directory = lease_directory()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o1777
    assert stat.S_IMODE((directory / "GPU-a.1").stat().st_mode) == 0o644


def test_a_directory_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("link", "file"):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("HEADNODE_LEASES", str(tmp_path / name))
        with pytest.raises(LeaseError, match=name):
            leases.take("GPU-a", "mine", tmp_path)


def test_who_looked_long_ago_cannot_take_a_number_that_was_spent_and_cleared_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    leases.release(leases.take("GPU-a", "first", tmp_path))
    create = lease_files.create

    def late(path: Path, value: Mapping[str, Any]) -> bool:
        """Between the look of the slow one and its file, one has come and gone, and the next has come."""
        monkeypatch.setattr(lease_files, "create", create)
        leases.release(leases.take("GPU-a", "second", tmp_path))
        leases.take("GPU-a", "third", tmp_path)
        return create(path, value)

    monkeypatch.setattr(lease_files, "create", late)
    with pytest.raises(LeaseHeld, match="third"):
        leases.take("GPU-a", "slow", tmp_path)
    assert leases.current()["GPU-a"].run_id == "third"
    assert len(lease_files.names(lease_directory())) == 1


def test_many_who_want_two_of_three_never_share_one(tmp_path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", CONTENDER, f"run-{index}", "25", str(tmp_path / "in-use")])
        for index in range(6)
    ]
    assert [child.wait(120) for child in children] == [0] * 6
    assert leases.held() == {}


def test_holders_that_are_killed_leave_nothing_locked() -> None:
    for index in range(5):
        child = hold("GPU-a", f"run-{index}")
        os.kill(child.pid, signal.SIGKILL)
        end(child)
    assert leases.current()["GPU-a"].number == 5
    assert len(lease_files.names(lease_directory())) == 1  # what has been overtaken is cleared away
