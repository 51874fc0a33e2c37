"""When the lines of a log came: what is noted, what is found again, and what a disk may do to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.run import arrivals
from runtime.run.arrivals import RECORD, ArrivalWriter, arrival, read_arrivals


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "rank-0.log"
    path.write_bytes(b"")
    return path


def grow(log: Path, count: int) -> None:
    with log.open("ab") as file:
        file.write(b"x" * count)


def test_a_byte_came_between_two_looks(log: Path, tmp_path: Path) -> None:
    times = tmp_path / "rank-0.times"
    writer = ArrivalWriter(log, times)
    for now, more in ((100.0, 10), (101.0, 0), (102.5, 5), (103.0, 1)):
        grow(log, more)
        writer.note(now)
    assert read_arrivals(times) == [(100.0, 10), (102.5, 15), (103.0, 16)]
    assert [arrival(times, at) for at in (0, 9, 10, 14, 15, 16)] == [100.0, 100.0, 102.5, 102.5, 103.0, None]
    assert times.stat().st_size == 3 * RECORD
    assert times.read_text().splitlines()[0] == "0000000100.000 0000000000000010"


def test_after_a_day_of_lines_only_every_tenth_second_and_the_end_are_noted(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "FINE_RECORDS", 2)
    times = tmp_path / "rank-0.times"
    writer = ArrivalWriter(log, times)
    for second in range(30):
        grow(log, 1)
        writer.note(100.0 + second)
    grow(log, 1)
    writer.note(129.5, last=True)
    assert [time for time, _size in read_arrivals(times)] == [100.0, 101.0, 111.0, 121.0, 129.5]


def test_what_cannot_be_read_is_left_out(log: Path, tmp_path: Path) -> None:
    times = tmp_path / "rank-0.times"
    assert read_arrivals(times) == []
    assert arrival(times, 0) is None
    good = b"0000000100.000 0000000000000010\n"
    times.write_bytes(good + b"\0" * RECORD + good.replace(b"100.", b"101.") + good[:20])
    assert read_arrivals(times) == [(100.0, 10), (101.0, 10)]


def test_a_log_that_was_cut_begins_anew(log: Path, tmp_path: Path) -> None:
    times = tmp_path / "rank-0.times"
    writer = ArrivalWriter(log, times)
    grow(log, 100)
    writer.note(1.0)
    log.write_bytes(b"new")
    writer.note(2.0)
    assert read_arrivals(times) == [(2.0, 3)]


def test_a_disk_that_takes_nothing_does_no_harm(log: Path, tmp_path: Path) -> None:
    writer = ArrivalWriter(log, tmp_path / "missing" / "rank-0.times")
    grow(log, 3)
    writer.note(1.0)
    (tmp_path / "missing").mkdir()
    writer.note(2.0)
    assert read_arrivals(tmp_path / "missing" / "rank-0.times") == [(2.0, 3)]
