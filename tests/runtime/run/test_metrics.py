"""`log` in anybody's script, and the writer beneath it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.run import log
from runtime.run.heartbeat import read_heartbeat
from runtime.run.layout import RunDirectory
from runtime.run.metrics import MetricsWriter

MakeRun = Callable[..., RunDirectory]


def lines(run: RunDirectory) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics.read_text().splitlines()]


def in_run(run: RunDirectory, code: str, rank: int = 0, attempt: int = 1) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HEADNODE_RUN_DIR": str(run.path),
        "HEADNODE_ATTEMPT": str(attempt),
        "RANK": str(rank),
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_two_lines_give_any_script_curves_and_a_heartbeat(make_run: MakeRun) -> None:
    run = make_run(job="command")
    script = "from runtime.run import log\nfor s in range(3): log(s, {'train/loss': 1 / (s + 1)})"
    assert in_run(run, script).returncode == 0
    assert [(row["step"], row["attempt"], row["train/loss"]) for row in lines(run)] == [
        (0, 1, 1.0),
        (1, 1, 0.5),
        (2, 1, 1 / 3),
    ]
    beat = read_heartbeat(run.attempt(1).heartbeat(0))
    assert beat is not None
    assert (beat.phase, beat.step, beat.seq) == ("step", 2, 3)


def test_other_ranks_beat_but_do_not_write(make_run: MakeRun) -> None:
    run = make_run(job="command")
    script = "from runtime.run import log\nlog(5, {'train/loss': 1})"
    assert in_run(run, script, rank=1).returncode == 0
    assert not run.metrics.exists()
    beat = read_heartbeat(run.attempt(1).heartbeat(1))
    assert beat is not None
    assert (beat.rank, beat.step) == (1, 5)


def test_jobs_of_ours_beat_by_themselves(run: RunDirectory) -> None:
    assert in_run(run, "from runtime.run import log\nlog(5, {'train/loss': 1})", attempt=2).returncode == 0
    assert lines(run)[0]["attempt"] == 2
    assert not list(run.attempts.rglob("heartbeat-*"))


def test_outside_a_run_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log(1, {"train/loss": 1.0})
    log(1, {"not": "even a number"})  # type: ignore[dict-item]
    assert [path.name for path in tmp_path.iterdir()] in ([], ["home"])


def test_a_disk_that_refuses_is_told_once_and_ends_no_training(make_run: MakeRun) -> None:
    run = make_run(job="command")
    run.metrics.symlink_to("/dev/full")
    result = in_run(
        run, "from runtime.run import log\nfor s in range(3): log(s, {'a/b': s})\nprint('trained')"
    )
    assert result.returncode == 0
    assert result.stdout == "trained\n"
    assert result.stderr.count("not being logged") == 1
    gone = in_run(RunDirectory(run.path / "gone"), "from runtime.run import log\nlog(1, {'a/b': 1})")
    assert gone.returncode == 0
    assert "not being logged" in gone.stderr


def test_numbers_of_every_kind_are_logged_exactly_and_others_refused(run: RunDirectory) -> None:
    import numpy as np

    writer = MetricsWriter(run.metrics, 1)
    value = 0.1 + 0.2
    writer.write(1, {"a/f": value, "a/i": 3, "a/n": np.float32(0.1), "a/z": np.array(2.5), "a/b": True}, 1.5)
    writer.write(2, {"a/f": float("nan"), "a/g": float("inf"), "a/h": -np.inf})
    first, second = lines(run)
    assert first == {
        "step": 1,
        "time": 1.5,
        "attempt": 1,
        "a/f": value,
        "a/i": 3.0,
        "a/n": float(np.float32(0.1)),
        "a/z": 2.5,
        "a/b": 1.0,
    }
    assert (second["a/f"], second["a/g"], second["a/h"]) == ("nan", "inf", "-inf")
    for wrong in ({"step": 1}, {"time": 1}, {"attempt": 1}, {"schema": 1}):
        with pytest.raises(ValueError, match="train/"):
            writer.write(3, wrong)
    with pytest.raises(ValueError, match="convert"):
        writer.write(3, {"a/f": "many"})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        writer.write(3, {"a/f": [1.0]})  # type: ignore[dict-item]
    assert len(lines(run)) == 2


def test_each_row_is_one_write_so_that_a_reader_meets_whole_rows(run: RunDirectory) -> None:
    writer = MetricsWriter(run.metrics, 1)
    for step in range(100):
        writer.write(step, {f"section/metric_{n}": n for n in range(100)})
        assert run.metrics.read_bytes().endswith(b"}\n")
    writer.close()


def test_importing_log_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom runtime.run import log\n"
        "heavy = {'pydantic', 'yaml', 'ruamel', 'numpy', 'orjson', 'torch', 'textual', 'rich',"
        " 'platformdirs', 'dataclasses', 'inspect', 'subprocess'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_the_package_loads_its_parts_without_pydantic_yaml_or_numpy() -> None:
    code = (
        "import sys\nimport runtime.run\n"
        "for name in runtime.run.__all__:\n"
        "    if not name.startswith(('MetricsReader', 'Series')): getattr(runtime.run, name)\n"
        "print(sorted({'pydantic', 'yaml', 'ruamel', 'numpy', 'orjson', 'torch'} & set(sys.modules)))\n"
        "runtime.run.MetricsReader\nprint('numpy' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\nTrue\n"


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    import runtime.run

    with pytest.raises(AttributeError, match="nothing_like_it"):
        runtime.run.nothing_like_it  # noqa: B018
