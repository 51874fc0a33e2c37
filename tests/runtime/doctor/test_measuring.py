"""Disk speed and all-reduce: small but real, and leaving nothing behind."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from runtime.doctor import Cancelled
from runtime.doctor.disk_speed import PREFIX, disk_check, measure_disk
from runtime.doctor.reduce_speed import WORKER, bus_bandwidth, measure_all_reduce
from runtime.messages import Message
from runtime.run.workspace import Workspace, init_workspace

from .surroundings import surroundings


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("runtime.doctor.disk_speed._MOST_BYTES", 48 << 20)
    return init_workspace(tmp_path / "ws")


def test_the_disk_is_written_and_left_as_it_was(workspace: Workspace) -> None:
    before = sorted(workspace.logs.iterdir())
    shares: list[float] = []
    check = measure_disk(surroundings(workspace=workspace), lambda share, doing: shares.append(share))
    assert check.data["bytes"] == 48 << 20
    assert check.data["seconds"] > 0
    assert check.data["fsync_seconds"] > 0
    assert sorted(workspace.logs.iterdir()) == before
    assert shares == sorted(shares)
    assert shares[-1] < 1


def test_a_measurement_that_is_cancelled_leaves_nothing(workspace: Workspace) -> None:
    def progress(share: float, doing: Message) -> None:
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure_disk(surroundings(workspace=workspace), progress)
    assert list(workspace.logs.glob(f"{PREFIX}*")) == []


def test_what_a_killed_measurement_left_is_removed_by_the_next(workspace: Workspace) -> None:
    dead, living = workspace.logs / f"{PREFIX}4194000-aa", workspace.logs / f"{PREFIX}1-bb"
    dead.write_bytes(b"x")
    living.write_bytes(b"x")
    measure_disk(surroundings(workspace=workspace), lambda share, doing: None)
    assert list(workspace.logs.glob(f"{PREFIX}*")) == [living]


def test_a_disk_that_cant_be_written_fails_with_the_reason(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    workspace.root.mkdir()
    workspace.logs.write_text("a file in the directory's place")
    check = measure_disk(surroundings(workspace=workspace), lambda share, doing: None)
    assert check.status == "fail"
    assert "directory" in str(check.message)


def test_a_slow_disk_is_told_by_how_long_a_checkpoint_takes() -> None:
    assert disk_check(1 << 30, 2.0, 0.001).status == "ok"
    slow = disk_check(1 << 30, 40.0, 0.001)
    assert slow.status == "warn"
    assert "takes 373 s" in str(slow.fix)
    assert disk_check(0, 0.0, 0.0).status == "fail"


def test_bus_bandwidth_is_as_nccls_tests_define_it() -> None:
    assert bus_bandwidth(1 << 30, 1.0, 2) == 1 << 30
    assert bus_bandwidth(1 << 30, 1.0, 8) == (1 << 30) * 1.75


def test_processes_exchange_every_size_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.doctor.reduce_speed._SECONDS", 600.0)
    monkeypatch.setattr("runtime.doctor.reduce_speed.SIZES", (1 << 20, 4 << 20))
    check = measure_all_reduce(surroundings(), lambda share, doing: None)
    assert check.status == "ok", check.message
    assert [each["bytes"] for each in check.data["sizes"]] == [1 << 20, 4 << 20]
    assert all(each["bus_bandwidth"] > 0 for each in check.data["sizes"])
    assert not _workers()


def test_an_exchange_that_is_cancelled_leaves_no_process() -> None:
    def progress(share: float, doing: Message) -> None:
        if share >= 0.1:
            assert _workers()
            raise Cancelled

    with pytest.raises(Cancelled):
        measure_all_reduce(surroundings(), progress)
    assert not _workers()


def _workers() -> list[int]:
    """The measurement's processes that this test started."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if WORKER in " ".join(_line(child))]


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
