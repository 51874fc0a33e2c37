"""Job `prepare` as a worker process: results, reports, stop and resume."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from runtime.data.prepared import open_prepared
from runtime.run.exits import read_exit
from runtime.run.files import write_json_atomic
from runtime.run.heartbeat import read_heartbeat

from ..data.corpora import write_corpus
from .workers import make_run, reports, start, wait_until

PROFILE = """
job: prepare
data:
  sources: [{{path: {path}}}]
  tokenizer: {{train: {{vocabulary_size: 400}}}}
  holdout: 0.1
"""


def test_it_makes_the_data_and_reports_progress_and_result(tmp_path: Path) -> None:
    write_corpus(tmp_path / "texts", 100)
    tmp_path.joinpath("texts", "broken.txt").write_bytes(b"\xff\xfe")
    run = make_run(tmp_path, PROFILE.format(path="texts"))  # relative to the workspace
    assert start(run).wait() == 0
    record = read_exit(run.attempt(1).exit(0))
    assert record is not None
    assert (record.outcome, record.reason) == ("finished", "finished")
    prepared = open_prepared(run.artifacts / "data")
    assert prepared.manifest.documents == 100
    assert prepared.verify() == []
    told = reports(run)
    progress = [line for line in told if line["event"] == "progress"]
    assert {line["phase"] for line in progress} == {"tokenizer", "merges", "tokens"}
    assert all(line["time"] > 0 and line["unit"] in ("bytes", "seconds") for line in progress)
    assert progress[-1]["done"] == progress[-1]["total"]
    assert told[-1]["event"] == "prepared"
    assert told[-1]["tokens"] == prepared.manifest.tokens
    assert told[-1]["skipped"] == {"not_utf8": 1}
    log = run.attempt(1).log(0).read_text()
    assert "prepared: 100 documents" in log
    assert "skipped as not_utf8: 1 (first: broken.txt)" in log
    beat = read_heartbeat(run.attempt(1).heartbeat(0))
    assert beat is not None
    assert beat.phase == "finish"


@pytest.mark.parametrize("how", ["signal", "order"])
def test_a_stop_leaves_nothing_half_made_and_the_next_attempt_completes(tmp_path: Path, how: str) -> None:
    corpus = write_corpus(tmp_path / "texts", 1)
    corpus.joinpath("endless.txt").write_text("".join(f"line {n} of many\n\n" for n in range(200_000)))
    run = make_run(tmp_path, PROFILE.format(path="texts"))
    process = start(run)
    wait_until(
        lambda: any(line["event"] == "progress" for line in reports(run)), "preparation is under way", process
    )
    if how == "signal":
        process.send_signal(signal.SIGTERM)
    else:
        write_json_atomic(run.attempt(1).order, {"seq": 1, "stop": True, "save": True, "checkpoint": 0})
    assert process.wait() == 10
    record = read_exit(run.attempt(1).exit(0))
    assert record is not None
    assert (record.outcome, record.reason) == ("stopped", "user")
    assert not list(run.artifacts.iterdir())
    corpus.joinpath("endless.txt").write_text("it was not endless\n")
    make_run(tmp_path, PROFILE.format(path="texts"), attempt=2)
    assert start(run, attempt=2).wait() == 0
    assert open_prepared(run.artifacts / "data").manifest.documents == 2


def test_an_attempt_after_the_data_was_completed_uses_it(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "texts", 30)
    run = make_run(tmp_path, PROFILE.format(path="texts"))
    assert start(run).wait() == 0
    before = {path: path.stat().st_mtime_ns for path in run.artifacts.joinpath("data").iterdir()}
    for path in corpus.iterdir():
        path.unlink()
    make_run(tmp_path, PROFILE.format(path="texts"), attempt=2)
    assert start(run, attempt=2).wait() == 0
    assert {path: path.stat().st_mtime_ns for path in run.artifacts.joinpath("data").iterdir()} == before
