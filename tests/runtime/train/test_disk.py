"""A disk that fills up: saving pauses and goes on, and neither it nor what is logged ends a training."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.jobs.patience import PatientStream
from runtime.run.checkpoints import list_checkpoints, newest_valid
from runtime.run.journal import PatientAppender
from runtime.run.layout import RunDirectory
from runtime.run.tail import read_jsonl
from runtime.train.disk import INTERVAL, DiskSettings, DiskWatch
from runtime.train.strategies.single import Single
from tests.runtime.train.forked_runs import ForkedRun
from tests.runtime.train.forking import CPU
from tests.runtime.train.small import Small, facts, saver
from tests.runtime.train.training_runs import profile_text, write_text


class Disk:
    """A disk whose free space and clock a test sets."""

    def __init__(self, **settings: Any) -> None:
        self.free, self.now = 1000, 0.0
        self.told: list[tuple[str, int, int, int]] = []
        self.watch = DiskWatch(
            Path("/"),
            DiskSettings(**{"margin": 50, **settings}),
            100,
            lambda event, **detail: self.told.append(
                (event, detail["step"], detail["free"], detail["needed"])
            ),
            free=lambda path: self.free,
            clock=lambda: self.now,
        )

    def look(self, step: int) -> int:
        self.now += INTERVAL
        return self.watch.look(step)


def test_the_warning_comes_once_each_time_that_two_more_checkpoints_do_not_fit() -> None:
    disk = Disk()
    for step, free in enumerate((251, 250, 249, 240, 260, 249, 300, 240), 1):
        disk.free = free
        disk.look(step)
    assert disk.told == [("disk_low", 3, 249, 250), ("disk_low", 8, 240, 250)]
    named = Disk(warn_below=900)
    named.free = 899
    named.look(1)
    assert named.told == [("disk_low", 1, 899, 900)]


def test_a_pause_is_told_once_and_a_save_is_owed_when_there_is_room_again() -> None:
    disk = Disk(warn_below=0)
    disk.free = 149
    assert not disk.watch.room()
    assert disk.watch.room(final=True)
    disk.watch.pause(4)
    disk.watch.pause(5)
    assert disk.look(6) == 0
    disk.free = 150
    assert disk.watch.look(7) == 0, "the disk isn't asked at each step"
    assert disk.look(8) == 1
    disk.watch.resume(9)
    assert disk.look(10) == 1
    assert disk.told == [("save_paused", 4, 149, 150), ("save_resumed", 9, 150, 150)]


class FullFile(io.StringIO):
    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_what_is_printed_on_a_full_disk_is_dropped_and_counted() -> None:
    file = FullFile()
    stream = PatientStream(file)
    print("lost", file=stream, flush=True)
    file.full = False
    print("kept", file=stream, flush=True)
    print("as well", file=stream)
    assert file.getvalue() == ("[2 pieces of output are missing here: the disk was full]\nkept\nas well\n")
    file.close()
    with pytest.raises(ValueError, match="closed"):
        print("to nobody", file=stream)


def test_records_wait_for_room_in_their_order_and_what_is_lost_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientAppender, "RETRY", 0.0)
    full = True

    def refuse(record: Any) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")

    appender = PatientAppender(tmp_path / "metrics.jsonl", limit=3, before=refuse)
    for number in range(5):
        appender.append({"number": number})
    assert not (tmp_path / "metrics.jsonl").exists()
    full = False
    appender.append({"number": 5})
    assert [record["number"] for record in read_jsonl(tmp_path / "metrics.jsonl")] == [3, 4, 5]
    appender.close()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "metrics.jsonl can't be written, trying again" in told[0]
    assert told[1] == "headnode: 3 lines of metrics.jsonl were lost: the disk is full"


QUICK = {"train": {"steps": 12, "batch": 4, "micro_batch": 2}, "evaluate": {"every_steps": None}}


def text_of(tmp_path: Path, **sections: Any) -> str:
    return profile_text(write_text(tmp_path / "text", 12), **QUICK | sections)


def saved(run: ForkedRun) -> list[int]:
    return [item.step for item in list_checkpoints(run.directory) if item.state == "complete"]


def test_metrics_and_reports_that_the_disk_refuses_come_later_and_the_run_goes_on(tmp_path: Path) -> None:
    run = ForkedRun.create(tmp_path, text_of(tmp_path, checkpoint={"every_steps": 4}))
    faults = "disk_full:metrics@3-,times=1;disk_full:report@4-,times=1"
    assert run.train(env={"HEADNODE_FAULT": faults}) == [0]
    assert [row["step"] for row in run.rows()] == list(range(1, 13))
    assert [report["step"] for report in run.reports("checkpoint_saved")] == [4, 8, 12]
    assert run.log().count("metrics.jsonl can't be written, trying again") == 1
    assert "were lost" not in run.log()


@pytest.mark.parametrize("stage", ["checked", "tensors", "random", "hashed", "completed"])
def test_a_full_disk_at_any_stage_of_a_save_leaves_the_one_before_and_the_run_alive(
    tmp_path: Path, stage: str
) -> None:
    run = ForkedRun.create(tmp_path, text_of(tmp_path, checkpoint={"every_steps": 4}))
    assert run.train(2, env={"HEADNODE_FAULT": f"disk_full:checkpoint:{stage}@8,rank=0"}) == [0, 0]
    (failed,) = run.reports("checkpoint_failed")
    assert (failed["step"], failed["reason"]) == (8, "disk_full")
    assert saved(run) == [4, 12]
    assert not list(run.directory.checkpoints.glob("*.tmp"))


def test_saving_pauses_while_there_is_no_room_and_the_run_is_not_called_complete_without_its_last_save(
    tmp_path: Path,
) -> None:
    """As on a disk that is much too small: the margin alone is more than any disk has."""
    section = {"disk": {"margin_gib": 1e9, "warn_below_gib": 0}}
    run = ForkedRun.create(tmp_path, text_of(tmp_path, checkpoint={"every_steps": 4}, guard=section))
    assert run.train() == [0], "the last save may use the margin up"
    assert [report["step"] for report in run.reports("save_paused")] == [4]
    assert saved(run) == [12]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB of its own, where this user may mount one."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "headnode-test", str(mounted)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here; the same with injected faults is tested above")
    if done.returncode:
        pytest.skip(f"no file system may be mounted here ({done.stderr.strip()}); see the tests above")
    yield mounted
    subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def filled(directory: Path, leave: int) -> Path:
    """Fill the file system up to `leave` bytes."""
    ballast = directory / "ballast"
    status = os.statvfs(directory)
    ballast.write_bytes(bytes(status.f_bavail * status.f_frsize - leave))
    return ballast


@pytest.mark.parametrize(("watched", "world_size"), [(True, 1), (False, 2)])
def test_a_real_file_system_that_is_full_loses_no_checkpoint_and_ends_no_run(
    tmp_path: Path, small_disk: Path, watched: bool, world_size: int
) -> None:
    """It fills up while step 15 begins; the run trains to its end, fails since its last state can't be saved,
    and goes on from the newest checkpoint when there is room again."""
    sections: dict[str, Any] = {
        "train": QUICK["train"] | {"steps": 40},
        "checkpoint": {"every_steps": 5, "keep_last": 2},
        "guard": {"disk": {"margin_gib": 0.0, "warn_below_gib": 0.0} if watched else None},
    }
    run = ForkedRun.create(small_disk, text_of(tmp_path, **sections))
    run.start(world_size, env={"HEADNODE_FAULT": "freeze:step@15,attempt=1"})
    run.wait_for(lambda: all(frozen(process.pid) for process in run.processes))
    ballast = filled(small_disk, 64 << 10)
    for process in run.processes:
        process.send_signal(signal.SIGCONT)
    assert run.wait() == [23] * world_size
    end = run.exit()
    assert end is not None
    assert (end.reason, end.step) == ("disk_full", 40)
    assert run.last_step() == 40
    newest, rejected = newest_valid(run.directory)
    assert newest is not None
    assert newest.step in (5, 10)  # the save of step 10 may have been under way
    assert not rejected
    assert not list(run.directory.checkpoints.glob("*.tmp"))
    steps = [report["step"] for report in run.reports("save_paused" if watched else "checkpoint_failed")]
    assert steps
    assert watched or steps[-6:] == [15, 20, 25, 30, 35, 40]
    ballast.unlink()
    assert run.train(world_size, resume=newest.name) == [0] * world_size
    assert saved(run)[-1] == 40


def frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_retention_that_fails_ends_no_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.checkpoints.mkdir(parents=True)

    def vanished(step: int) -> None:
        raise FileNotFoundError(2, "No such file or directory", "step-00000001")

    small, to = Small.create(), saver(directory, Single(CPU), after_publishing=vanished)
    small.step(1)
    to.start(small.state, facts(1))
    outcome = to.wait()
    to.close()
    assert outcome is not None
    assert outcome.reason is None
    assert "can't be tidied up now" in capfd.readouterr().out
