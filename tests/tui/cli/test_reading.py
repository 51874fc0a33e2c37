"""The verbs that read: ls, show, events, metrics, checkpoints, verify."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import CommandLine
from .runs import add_checkpoint, add_lines

NewRun = Callable[..., Path]


def test_ls_lists_the_newest_first_with_state_and_reason(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00", stamp=1_795_000_000.0)
    new_run("olmo-1b-3f2a", stamp=1_795_000_100.0, state="failed", reason="oom_device", evidence={"rank": 0})
    done = cli("ls")
    assert done.returncode == 0, done.stderr
    header, first, second = done.stdout.splitlines()
    assert header.split()[:2] == ["STATE", "RUN"]
    assert "✗ failed" in first
    assert "olmo-1b-3f2a" in first
    assert "memory" in first
    assert "✓ completed" in second
    assert "100%" in second
    assert "3.927" in second
    assert "\x1b" not in done.stdout


def test_ls_json_is_each_run_json_as_it_stands(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00", future_key={"kept": True})
    (listed,) = json.loads(cli("ls", "--json").stdout)
    assert listed == json.loads((run / "run.json").read_text())


def test_ls_filters_and_prints_ids(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00")
    failed = new_run("demo-2f00", stamp=1_795_000_001.0, state="failed", reason="crash")
    assert cli("ls", "--state", "failed", "-q").stdout.split() == [failed.name]
    assert cli("ls", "--active", "-q").stdout == ""
    assert "No such run" in cli("ls", "--active").stdout


def test_an_empty_workspace_says_how_to_begin(cli: CommandLine) -> None:
    done = cli("ls")
    assert done.returncode == 0
    assert "headnode demo" in done.stdout
    assert json.loads(cli("ls", "--json").stdout) == []


def test_an_unreadable_record_is_listed_and_hides_no_other(cli: CommandLine, new_run: NewRun) -> None:
    torn = new_run("demo-1f00")
    (torn / "run.json").write_text('{"schema": 1, "state": "comp')
    whole = new_run("demo-2f00", stamp=1_795_000_001.0)
    done = cli("ls")
    assert done.returncode == 0
    assert whole.name in done.stdout
    assert torn.name in done.stdout
    assert "unreadable" in done.stdout
    shown = cli("show", torn.name)
    assert shown.returncode == 1
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("reference", ["last", "1f00", "demo-1f", "20261118", None])
def test_a_run_is_named_by_id_prefix_part_or_last(
    cli: CommandLine, new_run: NewRun, reference: str | None
) -> None:
    run = new_run("demo-1f00")
    done = cli("show", reference or run.name, "--json")
    assert json.loads(done.stdout)["run_id"] == run.name


def test_show_tells_state_progress_and_latest_metrics(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run(
        "demo-1f00", by="ada", state="stopped", reason="user", summary={"step": 200, "progress": 0.5}
    )
    add_lines(run / "metrics.jsonl", [{"step": 200, "time": 1.0, "attempt": 1, "eval/holdout/loss": 4.125}])
    done = cli("show", "last")
    assert done.returncode == 0, done.stderr
    assert "■ stopped" in done.stdout
    assert "step 200 of 400" in done.stdout
    assert "ada" in done.stdout
    assert "4.125" in done.stdout
    assert str(run) in done.stdout
    shown = json.loads(cli("show", "last", "--json").stdout)
    record = json.loads((run / "run.json").read_text())
    assert {key: shown[key] for key in record} == record
    assert shown["metrics"] == {**record["summary"]["metrics"], "eval/holdout/loss": 4.125}


def test_show_writes_non_finite_metrics_as_the_files_do(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00", state="failed", reason="non_finite")
    add_lines(run / "metrics.jsonl", [{"step": 7, "time": 1.0, "attempt": 1, "train/loss": "nan"}])
    done = cli("show", "last", "--json")
    assert json.loads(done.stdout)["metrics"]["train/loss"] == "nan"
    assert "nan" in cli("show", "last").stdout


def test_a_copied_run_is_shown_as_a_copy(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00", path="/elsewhere/logs/x")
    assert "/elsewhere/logs/x" in cli("show", "last").stdout


def test_events_are_sentences_or_the_lines_of_the_file(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00")
    lines = [
        {
            "schema": 1,
            "time": 1_795_000_000.0,
            "attempt": 1,
            "event": "created",
            "reason": None,
            "detail": {},
        },
        {
            "schema": 1,
            "time": 1_795_000_050.0,
            "attempt": 1,
            "event": "checkpoint_saved",
            "reason": None,
            "detail": {"step": 200, "seconds": 0.4, "bytes": 9_000_000},
        },
    ]
    add_lines(run / "events.jsonl", lines)
    done = cli("events", "last")
    assert len(done.stdout.splitlines()) == 2
    assert "2026-11-18" in done.stdout
    assert "200" in done.stdout.splitlines()[1]
    assert [json.loads(line) for line in cli("events", "last", "--json").stdout.splitlines()] == lines
    followed = cli("events", "last", "-f")
    assert followed.stdout == done.stdout


def metrics_of(run: Path) -> None:
    rows = [
        {"step": step, "time": 100.0 + step, "attempt": 1, "train/loss": 9.0 - step} for step in range(1, 5)
    ]
    rows[1]["eval/holdout/loss"] = 8.5
    rows += [{"step": 4, "time": 200.0, "attempt": 2, "train/loss": 4.5}]
    rows += [{"step": 5, "time": 201.0, "attempt": 2, "train/loss": "nan"}]
    add_lines(run / "metrics.jsonl", rows)


def test_metrics_summarises_each_metric(cli: CommandLine, new_run: NewRun) -> None:
    metrics_of(new_run("demo-1f00"))
    done = cli("metrics", "last")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["train/loss"] == ["5", "nan", "4.5", "8", "5"]
    assert rows["eval/holdout/loss"] == ["2", "8.5", "8.5", "8.5", "1"]


def test_metrics_csv_has_a_row_a_step_and_the_replaced_step_once(cli: CommandLine, new_run: NewRun) -> None:
    metrics_of(new_run("demo-1f00"))
    rows = list(csv.DictReader(io.StringIO(cli("metrics", "last", "--csv").stdout)))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["train/loss"] for row in rows] == ["8.0", "7.0", "6.0", "4.5", "nan"]
    assert [row["eval/holdout/loss"] for row in rows] == ["", "8.5", "", "", ""]
    assert [row["attempt"] for row in rows] == ["1", "1", "1", "2", "2"]


def test_metrics_json_lines_of_chosen_metrics(cli: CommandLine, new_run: NewRun) -> None:
    metrics_of(new_run("demo-1f00"))
    rows = [json.loads(line) for line in cli("metrics", "last", "train/*", "--json").stdout.splitlines()]
    assert rows[0] == {"step": 1, "time": 101.0, "attempt": 1, "train/loss": 8.0}
    assert rows[-1]["train/loss"] == "nan"
    assert all("eval/holdout/loss" not in row for row in rows)


def test_an_unknown_metric_is_refused_with_those_there_are(cli: CommandLine, new_run: NewRun) -> None:
    metrics_of(new_run("demo-1f00"))
    done = cli("metrics", "last", "train/los")
    assert done.returncode == 2
    assert "train/loss" in done.stderr


def test_checkpoints_are_listed_newest_first(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00")
    add_checkpoint(run, 100)
    add_checkpoint(run, 200)
    (run / "checkpoints" / "step-00000300.tmp").mkdir()
    done = cli("checkpoints", "last")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["300", "200", "100"]
    assert "unfinished" in done.stdout
    assert "not yet verified" in done.stdout
    listed = json.loads(cli("checkpoints", "last", "--json").stdout)
    assert [entry["step"] for entry in listed] == [300, 200, 100]
    assert listed[1]["complete"]["files"][0]["name"] == "model.safetensors"


def test_verify_reads_every_byte_and_remembers(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00")
    add_checkpoint(run, 100)
    path = add_checkpoint(run, 200)
    done = cli("verify", "last")
    assert done.returncode == 0
    assert done.stdout.count("✓") == 2
    assert "✓ verified" in cli("checkpoints", "last").stdout
    data = bytearray((path / "model.safetensors").read_bytes())
    data[5] ^= 1
    (path / "model.safetensors").write_bytes(data)
    done = cli("verify", "last@200")
    assert done.returncode == 1
    assert "model.safetensors" in done.stdout
    results = json.loads(cli("verify", "last", "--json").stdout)
    assert [(entry["step"], entry["ok"]) for entry in results] == [(100, True), (200, False)]


def test_protect_and_unprotect(cli: CommandLine, new_run: NewRun) -> None:
    add_checkpoint(new_run("demo-1f00"), 100)
    assert cli("protect", "last@100").returncode == 0
    assert "protected" in cli("checkpoints", "last").stdout
    refused = cli("rm", "last@100", "--yes")
    assert refused.returncode != 0
    assert "protected" in refused.stderr
    assert json.loads(cli("protect", "last@100", "--off", "--json").stdout)["protected"] is False
    assert "protected" not in cli("checkpoints", "last").stdout


def test_rm_deletes_a_checkpoint_and_a_run(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00")
    add_checkpoint(run, 100)
    path = add_checkpoint(run, 200)
    assert cli("rm", "last@200", "--yes").returncode == 0
    assert not path.exists()
    asked = cli("rm", "last")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert run.exists()
    assert cli("rm", "last", "--yes").returncode == 0
    assert not run.exists()
