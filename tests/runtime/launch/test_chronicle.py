"""What a supervisor does when the disk refuses: it keeps what it has to say, in order, and says it later."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from runtime.launch import chronicle as chronicle_module
from runtime.launch.chronicle import Chronicle, EpochLost
from runtime.launch.orders import OrderWriter
from runtime.run.epochs import take_epoch
from runtime.run.events import EventWriter, read_events
from runtime.run.files import read_json
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord, read_record


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    made.path.mkdir()
    return made


@pytest.fixture
def chronicle(run: RunDirectory) -> Chronicle:
    epoch = take_epoch(run, Identity.current())
    record = RunRecord(
        run_id="run", path=str(run.path), name="run", job="pretrain", state="running", attempt=1
    )
    return Chronicle(run, record, epoch)


def test_a_full_disk_loses_nothing_and_ends_nobody(
    run: RunDirectory,
    chronicle: Chronicle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = True
    write = EventWriter.write

    def refuse(self: EventWriter, *arguments: object, **keywords: object) -> object:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(EventWriter, "write", refuse)
    chronicle.event("started")
    chronicle.event("running", None, place=2)
    chronicle.change(state="stopping")
    chronicle.flush(force=True)
    assert not chronicle.settled
    assert read_events(run) == []
    assert capsys.readouterr().err.count("No space left") == 1
    full = False
    chronicle.flush(force=True)
    assert chronicle.settled
    first, second = read_events(run)
    assert (first.event, second.event, second.detail) == ("started", "running", {"place": 2})
    assert first.time <= second.time
    record = read_record(run)
    assert record is not None
    assert record.state == "stopping"


def test_the_record_is_written_only_when_it_has_changed(run: RunDirectory, chronicle: Chronicle) -> None:
    chronicle.change(state="stopping")
    before = run.record.stat()
    chronicle.change(state="stopping")
    chronicle.flush(force=True)
    assert run.record.stat().st_ino == before.st_ino


def test_nothing_is_written_once_another_holds_the_run(run: RunDirectory, chronicle: Chronicle) -> None:
    run.supervisor(9).write_text("{}")
    with pytest.raises(EpochLost):
        chronicle.event("running")
    with pytest.raises(EpochLost):
        chronicle.change(state="failed")
    assert not run.events.exists()
    assert not run.record.exists()


def test_a_directory_that_is_away_is_no_proof_of_a_takeover(run: RunDirectory, chronicle: Chronicle) -> None:
    run.path.rename(run.path.with_name("away"))
    chronicle.event("running")
    run.path.with_name("away").rename(run.path)
    chronicle.flush(force=True)
    assert [event.event for event in read_events(run)] == ["running"]


def test_orders_go_on_where_the_supervisor_before_left_off(run: RunDirectory) -> None:
    files = run.attempt(1)
    files.path.mkdir(parents=True)
    OrderWriter(files).save_now("a")
    orders = OrderWriter(files)
    orders.save_now("a")
    orders.save_now("b")
    orders.stop(save=True)
    value = read_json(files.order)
    assert value is not None
    assert (value["checkpoint"], value["requests"], value["stop"], value["save"]) == (
        2,
        ["a", "b"],
        True,
        True,
    )
    assert value["seq"] == 3


def test_an_order_that_the_disk_refuses_is_written_later(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = run.attempt(1)
    orders = OrderWriter(files)
    orders.stop(save=False)  # the attempt's directory isn't there
    files.path.mkdir(parents=True)
    orders.retry()
    value = read_json(files.order)
    assert value is not None
    assert value["stop"] is True


def test_a_closed_log_silences_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "full")

        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(chronicle_module.sys, "stderr", Full())
    chronicle_module.say("nobody hears this")
