"""Metrics as columns: exact, live, quick, and whatever happens to the file or the cache."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.run import metrics_reader
from runtime.run.metrics import MetricsWriter
from runtime.run.metrics_reader import MetricsReader, Series, sample


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def write(path: Path, rows: Iterable[dict[str, Any]], mode: str = "a") -> None:
    with path.open(mode) as stream:
        for row in rows:
            stream.write(json.dumps(row) + "\n")


def rows(
    steps: Iterable[int], attempt: int = 1, names: Iterable[str] = ("train/loss",)
) -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "time": 1000.0 + step,
            "attempt": attempt,
            **{name: value(name, step, attempt) for name in names},
        }
        for step in steps
    ]


def value(name: str, step: int, attempt: int = 1) -> float:
    return math.sin(step * 0.37 + len(name)) + attempt * 100


def read(path: Path) -> MetricsReader:
    reader = MetricsReader(path)
    reader.load()
    return reader


def check(series: Series, steps: Iterable[int], attempt: int | dict[int, int] = 1) -> None:
    expected = list(steps)
    assert series.step.tolist() == expected
    attempts = [attempt if isinstance(attempt, int) else attempt[step] for step in expected]
    assert series.attempt.tolist() == attempts
    assert series.value.tolist() == [
        value(series.name, step, a) for step, a in zip(expected, attempts, strict=True)
    ]
    assert series.time.tolist() == [1000.0 + step for step in expected]
    assert (series.step.dtype, series.value.dtype) == (np.int64, np.float64)
    assert (series.time.dtype, series.attempt.dtype) == (np.float64, np.int32)


def test_what_the_writer_wrote_comes_back_bit_for_bit(path: Path) -> None:
    writer = MetricsWriter(path, 3)
    values = [0.1 + 0.2, 1e-308, 5e-324, math.pi, -0.0, 1e22, float("inf"), float("-inf")]
    for step, item in enumerate(values):
        writer.write(step, {"train/loss": item}, time_now=step + 0.25)
    writer.write(len(values), {"train/loss": float("nan")}, time_now=0)
    series = read(path).series("train/loss")
    assert series.value[:-1].tobytes() == np.array(values).tobytes()
    assert math.isnan(series.value[-1])
    assert series.time.tolist()[:2] == [0.25, 1.25]
    assert set(series.attempt.tolist()) == {3}
    assert series.exact


def test_polls_bring_what_is_new_and_only_whole_lines(path: Path) -> None:
    reader = MetricsReader(path)
    assert not reader.poll()
    assert reader.names() == []
    assert len(reader.series("train/loss")) == 0
    write(path, rows(range(3)))
    assert reader.poll()
    assert not reader.poll()
    check(reader.series("train/loss"), range(3))
    line = json.dumps(rows([3])[0])
    with path.open("a") as stream:
        stream.write(line[:30])
    assert not reader.poll()
    with path.open("a") as stream:
        stream.write(line[30:])
    assert not reader.poll()
    with path.open("a") as stream:
        stream.write("\n")
    assert reader.poll()
    check(reader.series("train/loss"), range(4))


def test_a_series_given_out_stays_as_it_was(path: Path) -> None:
    write(path, rows(range(10)))
    reader = MetricsReader(path)
    reader.poll()
    before = reader.series("train/loss")
    for step in range(10, 5000, 100):
        write(path, rows(range(step, step + 100)))
        reader.poll()
        reader.series("train/loss")
    check(before, range(10))
    check(reader.series("train/loss"), range(5010))
    write(path, rows(range(3, 6), attempt=2))
    reader.poll()
    check(before, range(10))
    check(reader.series("train/loss"), range(6), {0: 1, 1: 1, 2: 1, 3: 2, 4: 2, 5: 2})
    with pytest.raises(ValueError, match="read-only"):
        before.value[0] = 1


def test_metrics_that_come_at_some_steps_only_have_just_those(path: Path) -> None:
    for step in range(100):
        write(path, rows([step], names=["train/loss", "optim/grad_norm"]))
        if step % 10 == 9:
            write(path, rows([step], names=["eval/holdout/loss"]))
        if step == 50:
            write(path, rows([step + 1000], names=["once"]))
    for reader in (read(path), MetricsReader(path)):
        reader.poll()
        assert reader.names() == ["train/loss", "optim/grad_norm", "eval/holdout/loss", "once"]
        check(reader.series("train/loss"), range(100))
        check(reader.series("optim/grad_norm"), range(100))
        check(reader.series("eval/holdout/loss"), range(9, 100, 10))
        check(reader.series("once"), [1050])
    assert len(read(path).series("unheard of")) == 0


@pytest.mark.parametrize("piecewise", [False, True])
def test_a_later_attempt_replaces_the_steps_from_its_first_on(path: Path, piecewise: bool) -> None:
    attempts = [(1, range(0, 50)), (2, range(30, 60)), (3, range(40, 45))]
    reader = MetricsReader(path)
    for attempt, steps in attempts:
        for step in steps:
            write(path, rows([step], attempt, ["train/loss", "optim/grad_norm"]))
            if step % 7 == 0:
                write(path, rows([step], attempt, ["eval/holdout/loss"]))
            if piecewise:
                reader.poll()
                reader.series("train/loss")
                reader.series("eval/holdout/loss")
    reader.poll()
    of = {**dict.fromkeys(range(30), 1), **dict.fromkeys(range(30, 40), 2), **dict.fromkeys(range(40, 45), 3)}
    check(reader.series("train/loss"), range(45), of)
    check(reader.series("optim/grad_norm"), range(45), of)
    check(reader.series("eval/holdout/loss"), [0, 7, 14, 21, 28, 35, 42], of)
    first, second = reader.replaced("train/loss")
    check(first, range(30, 50), 1)
    check(second, range(40, 60), 2)
    evaluated = reader.replaced("eval/holdout/loss")
    check(evaluated[0], [35, 42, 49], 1)
    check(evaluated[1], [42, 49, 56], 2)
    assert reader.replaced("unheard of") == []


def test_an_attempt_that_goes_on_behind_the_last_step_replaces_nothing(path: Path) -> None:
    write(path, [*rows(range(10)), *rows(range(10, 20), 2)])
    reader = read(path)
    check(reader.series("train/loss"), range(20), {step: 1 + step // 10 for step in range(20)})
    assert reader.replaced("train/loss") == []


def test_a_straggling_line_of_an_earlier_attempt_does_not_come_back_to_life(path: Path) -> None:
    write(path, [*rows(range(10)), *rows(range(5, 8), 2)])
    reader = MetricsReader(path)
    reader.poll()
    reader.series("train/loss")
    write(path, rows([9, 2], 1))
    reader.poll()
    series = reader.series("train/loss")
    check(series, range(8), {step: 1 if step < 5 else 2 for step in range(8)})


def test_steps_out_of_order_are_put_in_order_and_the_last_value_of_a_step_counts(path: Path) -> None:
    reader = MetricsReader(path)
    write(path, rows([5, 3, 4]))
    reader.poll()
    reader.series("train/loss")
    write(path, [{"step": 4, "time": 1.0, "attempt": 1, "train/loss": 44.0}, *rows([1])])
    reader.poll()
    series = reader.series("train/loss")
    assert series.step.tolist() == [1, 3, 4, 5]
    assert series.value[2] == 44.0


def test_foreign_writers_and_noise_do_no_harm(path: Path) -> None:
    good = json.dumps(rows([1])[0]).encode()
    noise = [
        b"",
        b"null",
        b"[1, 2]",
        b'"text"',
        b"7",
        b"\xff\xfe\x00",
        b'{"step": 2, "train/loss": 1',
        b'{"train/loss": 1.0}',
        b'{"step": "two", "train/loss": 1.0}',
        b'{"step": null, "train/loss": 1.0}',
        b'{"step": NaN, "train/loss": 1.0}',
        b'{"step": 1e300, "train/loss": 1.0}',
        b'{"step": 123456789012345678901234567890, "train/loss": 1.0}',
        b'{"schema": 2, "step": 3, "train/loss": 1.0}',
        b'{"step": 1}, {"step": 2}',
        b'{"step": 1, "a": [1',
        b"2]}",
        b"[" * 5000,
    ]
    lines = [
        *noise,
        good,
        b'{"step": 2, "time": "soon", "attempt": null, "train/loss": NaN, "text": "hello", "list": [1], "d": {}}',
        b'{"step": 3.0, "train/loss": Infinity, "schema": 1, "flag": true}',
        b'{"step": 4, "train/loss": -Infinity, "time": 5, "attempt": 2, "n": null}',
        *noise,
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    reader = read(path)
    series = reader.series("train/loss")
    assert series.step.tolist() == [1, 2, 3, 4]
    assert series.value[0] == value("train/loss", 1)
    assert [str(item) for item in series.value[1:]] == ["nan", "inf", "-inf"]
    assert series.attempt.tolist() == [1, 1, 1, 2]
    assert [math.isnan(item) for item in series.time] == [False, True, True, False]
    assert reader.names() == ["train/loss", "flag", "n"]


def test_a_torn_line_of_a_killed_writer_costs_that_line_only(path: Path) -> None:
    write(path, rows(range(5)))
    with path.open("ab") as stream:
        stream.write(b'{"step": 5, "time": 1005.0, "att')
    writer = MetricsWriter(path, 2)
    writer.write(5, {"train/loss": value("train/loss", 5, 2)}, time_now=1005.0)
    check(read(path).series("train/loss"), range(6), {0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 2})


def test_truncation_and_rotation_start_it_over(path: Path) -> None:
    reader = MetricsReader(path)
    write(path, rows(range(10)))
    reader.poll()
    write(path, rows(range(4), 1), mode="w")
    assert reader.poll()
    check(reader.series("train/loss"), range(4))
    path.rename(path.with_suffix(".1"))
    assert not reader.poll()
    check(reader.series("train/loss"), range(4))
    write(path, rows(range(20), names=["other/name"]))
    assert reader.poll()
    assert reader.names() == ["other/name"]
    check(reader.series("other/name"), range(20))


def test_a_file_rewritten_in_place_to_the_same_length_is_noticed(path: Path) -> None:
    write(path, rows(range(10, 20)))
    reader = MetricsReader(path)
    reader.poll()
    time.sleep(0.02)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"train/loss"', b'"trail/lost"'))
    assert reader.poll()
    assert reader.names() == ["trail/lost"]


def test_lines_of_a_megabyte_are_read_and_endless_ones_passed_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, rows([1]))
    write(
        path,
        [
            {
                "step": 2,
                "time": 1002.0,
                "attempt": 1,
                "train/loss": value("train/loss", 2),
                "note": "x" * (1 << 20),
            }
        ],
    )
    write(path, rows([3]))
    check(read(path).series("train/loss"), [1, 2, 3])
    monkeypatch.setattr("runtime.run.metrics_source.LONGEST_LINE", 1 << 19)
    check(read(path).series("train/loss"), [1, 3])


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a few megabytes is a long one: read aside, in several segments, by helpers."""
    monkeypatch.setattr("runtime.run.metrics_reader.DIRECT", 1 << 18)
    monkeypatch.setattr("runtime.run.metrics_reader._RECENT", 1 << 18)
    monkeypatch.setattr("runtime.run.metrics_reader.WORTH_KEEPING", 1 << 12)
    monkeypatch.setattr("runtime.run.metrics_job.SEGMENT", 1 << 20)
    monkeypatch.setattr("runtime.run.metrics_job.WORTH_KEEPING", 1 << 12)
    monkeypatch.setattr("runtime.run.metrics_job.WORTH_HELP", 1 << 21)


NAMES = ("train/loss", "optim/grad_norm", "throughput/mfu")
STEPS = 30_000


def long_file(path: Path) -> None:
    """About 4 MB: every hundredth step is evaluated, in a line of its own."""
    with path.open("w") as stream:
        for step in range(STEPS):
            stream.write(json.dumps(rows([step], names=NAMES)[0]) + "\n")
            if step % 100 == 0:
                stream.write(json.dumps(rows([step], names=["eval/holdout/loss"])[0]) + "\n")


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


@pytest.mark.usefixtures("small_limits")
def test_a_long_file_is_sampled_at_once_and_exact_soon(path: Path, tmp_path: Path) -> None:
    long_file(path)
    reader = MetricsReader(path)
    assert reader.poll()
    assert not reader.exact
    assert 0 <= reader.progress <= 1
    first = reader.series("train/loss")
    assert not first.exact
    assert 2000 < len(first) < STEPS
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
    real_parse = metrics_reader.parse
    monkeypatch.setattr(metrics_reader, "parse", lambda data: (parsed.append(len(data)), real_parse(data))[1])
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


@pytest.mark.usefixtures("small_limits")
def test_it_works_where_no_helper_can_be_started(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long_file(path)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    reader = MetricsReader(path)
    reader.poll()
    wait(reader)
    check_long(reader)


@pytest.mark.usefixtures("small_limits")
def test_a_file_replaced_while_it_is_read_aside_is_read_anew(path: Path) -> None:
    long_file(path)
    reader = MetricsReader(path)
    reader.poll()
    path.unlink()
    write(path, rows(range(7)))
    reader.poll()
    wait(reader)
    check(reader.series("train/loss"), range(7))


@pytest.mark.usefixtures("small_limits")
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


def test_a_reader_keeps_up_with_a_real_writer_that_is_killed(path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom runtime.run.metrics import MetricsWriter\n"
        "writer = MetricsWriter(Path(sys.argv[1]), int(sys.argv[2]))\nstep = int(sys.argv[3])\n"
        "while True:\n    writer.write(step, {f'a/{n}': step + n for n in range(40)})\n    step += 1\n"
    )
    reader = MetricsReader(path)
    start = 0
    for attempt in (1, 2, 3):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path), str(attempt), str(start)])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            reader.poll()
            series = reader.series("a/7")
            if len(series) and series.attempt[-1] == attempt and series.step[-1] >= start + 500:
                break
            time.sleep(0.01)
        writer.kill()
        writer.wait()
        os.truncate(path, path.stat().st_size - 11)
        reader.poll()
        start = int(reader.series("a/7").step[-1]) - 200
    reader.poll()
    series = reader.series("a/7")
    assert series.step.tolist() == list(range(len(series)))
    assert np.array_equal(series.value, series.step + 7)
    assert set(series.attempt.tolist()) == {1, 2, 3}
    exact = read(path).series("a/7")
    assert np.array_equal(series.value, exact.value)
    assert np.array_equal(series.attempt, exact.attempt)


def test_a_sample_of_a_short_missing_or_odd_file(path: Path) -> None:
    assert sample(path) == {}
    write(path, rows(range(50)))
    check_sample = sample(path)["train/loss"]
    check(check_sample, range(50))
    assert not check_sample.exact
    assert len(sample(path, 10)["train/loss"]) <= 11
    for content in (b"", b"\n", b"x", b"\n\n\n", b"{}\n", b"x" * 10_000):
        path.write_bytes(content)
        assert sample(path) == {}
