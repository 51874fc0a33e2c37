"""`compare`: values of several runs, and in what they differ, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .conftest import CommandLine
from .runs import add_lines

NewRun = Callable[..., Path]


def two_runs(new_run: NewRun) -> tuple[Path, Path]:
    first, second = new_run("demo-1f00"), new_run("other-2f00", stamp=1_795_000_100.0, world_size=2)
    for run, shift in ((first, 0.0), (second, 0.5)):
        rows = [
            {"step": step, "time": 1.0 * step, "attempt": 1, "train/loss": 4.0 - step / 100 + shift}
            for step in range(10, 210 if shift else 110, 10)
        ]
        add_lines(run / "metrics.jsonl", rows)
    add_lines(first / "metrics.jsonl", [{"step": 100, "time": 1.0, "attempt": 1, "eval/holdout/loss": 3.25}])
    return first, second


def test_values_at_the_common_step_are_measured_against_the_first_run(
    cli: CommandLine, new_run: NewRun
) -> None:
    two_runs(new_run)
    done = cli("compare", "1f00", "2f00")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "train/loss less is better LAST STEP BEST AT STEP AT 100 VS A A 3 100 3 100 3 B 2.5 200" in text
    assert "+0.5" in text
    assert "not logged" in text
    assert "run.world_size 1 2" in text


def test_the_same_as_json(cli: CommandLine, new_run: NewRun) -> None:
    first, second = two_runs(new_run)
    value = json.loads(cli("compare", "1f00", "2f00", "--json").stdout)
    assert [run["run_id"] for run in value["runs"]] == [first.name, second.name]
    loss = next(metric for metric in value["metrics"] if metric["name"] == "train/loss")
    assert (loss["common_step"], loss["better"]) == (100, "min")
    assert loss["values"][second.name]["at_common_step"] == 3.5
    evaluation = next(metric for metric in value["metrics"] if metric["name"] == "eval/holdout/loss")
    assert evaluation["values"][second.name] is None
    keys = {row["key"]: row["values"] for row in value["differences"]}
    assert keys["run.world_size"] == {first.name: 1, second.name: 2}
    only = json.loads(cli("compare", "1f00", "2f00", "--json", "--differences").stdout)
    assert "metrics" not in only


def test_what_cannot_be_compared_is_refused_in_one_sentence(cli: CommandLine, new_run: NewRun) -> None:
    two_runs(new_run)
    for arguments, words in (
        (("1f00",), "two different runs"),
        (("1f00", "demo-1f00"), "two different runs"),
        (("1f00", "2f00", "--metric", "none/*"), "none of these runs has a metric"),
        (("1f00", "nosuch"), "nosuch"),
    ):
        done = cli("compare", *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
