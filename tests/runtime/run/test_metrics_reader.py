"""Metrics as columns: exact, live, quick, and whatever happens to the file or the cache."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from runtime.run.metrics import MetricsWriter
from runtime.run.metrics_reader import MetricsReader, sample
from tests.runtime.run.metrics_rows import check, read, rows, value, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


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
        b'{"step": 2, "time": "soon", "attempt": null, "train/loss": NaN, "text": "hello", "l": [1]}',
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
