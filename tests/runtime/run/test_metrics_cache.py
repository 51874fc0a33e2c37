"""Long metrics files: a sample at once, the exact curves soon, and at once the second time."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path

import pytest

from runtime.run import metrics_reader
from runtime.run.metrics_columns import MemoryBlock, parse
from runtime.run.metrics_reader import MetricsReader
from tests.runtime.run.metrics_rows import check, read, rows, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a few megabytes is a long one: read aside, in several segments."""
    monkeypatch.setattr("runtime.run.metrics_reader.DIRECT", 1 << 18)
    monkeypatch.setattr("runtime.run.metrics_reader._RECENT", 1 << 18)
    monkeypatch.setattr("runtime.run.metrics_reader.WORTH_KEEPING", 1 << 12)
    monkeypatch.setattr("runtime.run.metrics_job.SEGMENT", 1 << 19)
    monkeypatch.setattr("runtime.run.metrics_job.WORTH_KEEPING", 1 << 12)


@pytest.fixture
def helped(small_limits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And helper processes read it."""
    monkeypatch.setattr("runtime.run.metrics_job.WORTH_HELP", 1 << 20)


NAMES = ("train/loss", "optim/grad_norm", "throughput/mfu")
STEPS = 15_000


@lru_cache(maxsize=1)
def long_text() -> str:
    """About 2 MB: every hundredth step is evaluated, in a line of its own."""
    lines = []
    for step in range(STEPS):
        lines.append(json.dumps(rows([step], names=NAMES)[0]) + "\n")
        if step % 100 == 0:
            lines.append(json.dumps(rows([step], names=["eval/holdout/loss"])[0]) + "\n")
    return "".join(lines)


def long_file(path: Path) -> None:
    path.write_text(long_text())


def check_long(reader: MetricsReader, steps: int = STEPS) -> None:
    for name in NAMES:
        check(reader.series(name), range(steps))
    check(reader.series("eval/holdout/loss"), range(0, STEPS, 100))


def wait(reader: MetricsReader) -> None:
    deadline = time.monotonic() + 60
    while not reader.exact and time.monotonic() < deadline:
        time.sleep(0.01)
        reader.poll()
    assert reader.exact
    assert reader.progress == 1.0


def cached_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home" / "cache").rglob("*.columns"))


@pytest.mark.usefixtures("helped")
def test_a_long_file_is_sampled_at_once_and_exact_soon(path: Path, tmp_path: Path) -> None:
    long_file(path)
    reader = MetricsReader(path)
    assert reader.poll()
    assert not reader.exact
    assert 0 <= reader.progress <= 1
    first = reader.series("train/loss")
    assert not first.exact
    assert 2000 < len(first) < 4100
    assert first.step[0] == 0
    assert first.step[-1] == STEPS - 1
    check(first, first.step.tolist())
    assert reader.replaced("train/loss") == []
    wait(reader)
    check_long(reader)
    assert len(cached_files(tmp_path)) == 2  # one each by the two helpers
    reader.close()


@pytest.mark.usefixtures("small_limits")
def test_the_second_time_it_is_exact_at_once_and_only_the_new_tail_is_read(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_file(path)
    with MetricsReader(path) as reader:
        reader.load()
        check_long(reader)
    before = cached_files(tmp_path)
    write(path, rows(range(STEPS, STEPS + 500), names=NAMES))

    parsed: list[int] = []

    def counted(data: bytes) -> MemoryBlock:
        parsed.append(len(data))
        return parse(data)

    monkeypatch.setattr(metrics_reader, "parse", counted)
    with MetricsReader(path) as again:
        assert again.poll()
        assert again.exact
        check_long(again, STEPS + 500)
        write(path, rows(range(STEPS + 500, STEPS + 502), names=NAMES))
        again.poll()
        check_long(again, STEPS + 502)
    assert 0 < sum(parsed) < 200_000
    after = cached_files(tmp_path)
    assert set(before) < set(after)
    with MetricsReader(path) as third:
        third.poll()
        check_long(third, STEPS + 502)


@pytest.mark.usefixtures("small_limits")
def test_a_live_run_watched_for_long_ends_up_in_the_cache_piece_by_piece(path: Path, tmp_path: Path) -> None:
    reader = MetricsReader(path)
    for step in range(0, 12_000, 400):
        write(path, rows(range(step, step + 400), names=NAMES))
        reader.poll()
        check(reader.series("train/loss"), range(step + 400))
    assert len(cached_files(tmp_path)) >= 3
    check(reader.series("throughput/mfu"), range(12_000))
    write(path, rows(range(6000, 6100), 2, NAMES))
    reader.poll()
    check(reader.series("train/loss"), range(6100), {step: 1 if step < 6000 else 2 for step in range(6100)})
    reader.close()
    again = MetricsReader(path)
    again.poll()
    check(again.series("train/loss"), range(6100), {step: 1 if step < 6000 else 2 for step in range(6100)})
    check(again.replaced("train/loss")[0], range(6000, 12_000))


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("where", ["header", "data", "short", "empty", "magic", "removed"])
def test_a_damaged_cache_is_thrown_away_and_built_again(path: Path, tmp_path: Path, where: str) -> None:
    long_file(path)
    read(path).close()
    victim = cached_files(tmp_path)[1]
    data = bytearray(victim.read_bytes())
    position = {"header": 40, "data": len(data) - 4000, "magic": 3}.get(where, 0)
    data[position] ^= 0xFF
    reader = MetricsReader(path)
    if where == "removed":
        reader.poll()
        assert reader.exact
        victim.unlink()
    else:
        victim.write_bytes({"short": bytes(data[: len(data) // 2]), "empty": b""}.get(where, bytes(data)))
        reader.poll()
    for name in NAMES:
        series = reader.series(name)
        check(series, series.step.tolist())
    reader.poll()
    wait(reader)
    check_long(reader)
    reader.close()
    again = MetricsReader(path)
    again.poll()
    assert again.exact
    check_long(again)


@pytest.mark.usefixtures("small_limits")
def test_who_loads_gets_exact_curves_though_the_cache_is_damaged(path: Path, tmp_path: Path) -> None:
    long_file(path)
    read(path).close()
    for victim in cached_files(tmp_path):
        data = bytearray(victim.read_bytes())
        data[-100] ^= 1
        victim.write_bytes(data)
    check_long(read(path))


@pytest.mark.usefixtures("small_limits")
def test_the_cache_of_another_file_under_the_same_name_is_not_used(path: Path, tmp_path: Path) -> None:
    long_file(path)
    read(path).close()
    data = path.read_bytes().replace(b'"train/loss"', b'"trail/lost"')
    path.unlink()
    path.write_bytes(data)
    reader = read(path)
    assert "train/loss" not in reader.names()
    assert len(reader.series("trail/lost")) == STEPS


@pytest.mark.usefixtures("small_limits")
def test_it_works_where_no_cache_can_be_written(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    long_file(path)
    with MetricsReader(path, cache_dir=tmp_path / "file") as reader:
        reader.poll()
        wait(reader)
        check_long(reader)
    assert cached_files(tmp_path) == []


@pytest.mark.usefixtures("helped")
def test_it_works_where_no_helper_can_be_started(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long_file(path)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    reader = MetricsReader(path)
    reader.poll()
    wait(reader)
    check_long(reader)


@pytest.mark.usefixtures("helped")
def test_a_file_replaced_while_it_is_read_aside_is_read_anew(path: Path) -> None:
    long_file(path)
    reader = MetricsReader(path)
    reader.poll()
    path.unlink()
    write(path, rows(range(7)))
    reader.poll()
    wait(reader)
    check(reader.series("train/loss"), range(7))


@pytest.mark.usefixtures("helped")
def test_several_readers_at_a_time_share_a_cache_without_harm(path: Path) -> None:
    long_file(path)
    faults: list[BaseException] = []

    def look() -> None:
        try:
            with MetricsReader(path) as reader:
                reader.poll()
                wait(reader)
                check_long(reader)
        except BaseException as fault:  # noqa: BLE001 (told by the test)
            faults.append(fault)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.usefixtures("small_limits")
def test_the_caches_of_runs_that_are_no_more_are_removed(path: Path, tmp_path: Path) -> None:
    gone, kept = tmp_path / "gone.jsonl", tmp_path / "kept.jsonl"
    for each in (gone, kept):
        long_file(each)
        read(each).close()
    of_both = len({file.parent for file in cached_files(tmp_path)})
    gone.unlink()
    long_file(path)
    read(path).close()
    assert of_both == 2
    sources = {Path(os.fsdecode(note.read_bytes())) for note in (tmp_path / "home" / "cache").rglob("source")}
    assert sources == {kept, path}
