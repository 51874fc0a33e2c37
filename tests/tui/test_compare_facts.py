"""The numbers of a comparison, and in what runs differ."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.run.files import write_json_atomic
from runtime.run.layout import create_run_directory
from runtime.run.record import RunRecord
from runtime.run.workspace import Workspace
from tests.tui.plotting.curves import Points, series
from tui.comparing.facts import common_step, compare, difference, direction
from tui.comparing.profiles import Facts, differences, flatten, read_facts


class Metrics:
    """The metrics of one run, in memory."""

    def __init__(self, **curves: Points) -> None:
        self.curves = {name.replace("_", "/"): points for name, points in curves.items()}

    def names(self) -> list[str]:
        return list(self.curves)

    def series(self, name: str) -> Points:
        return self.curves.get(name, series([]))


def test_last_best_and_common_values() -> None:
    one = Metrics(train_loss=series([3.0, 2.0, 2.5], [10, 20, 30]))
    other = Metrics(train_loss=series([4.0, math.nan, 1.0, 1.5], [5, 10, 20, 40]))
    metric = compare([one, other, Metrics()], "train/loss")
    assert metric.direction == "min"
    assert (metric.common_step, metric.exact) == (20, True)
    first, second, third = metric.values
    assert (first.last, first.last_step, first.best, first.best_step, first.common) == (2.5, 30, 2.0, 20, 2.0)
    assert (second.last, second.best, second.best_step, second.common) == (1.5, 1.0, 20, 1.0)
    assert third.missing
    assert difference(second.common, first.common) == -1.0
    assert difference(math.nan, 1.0) is None


def test_without_a_common_step_the_last_value_before_stands_there() -> None:
    metric = compare([Metrics(a=series([1.0, 2.0], [1, 3])), Metrics(a=series([5.0, 6.0], [2, 4]))], "a")
    assert (metric.common_step, metric.exact) == (3, False)
    assert [values.common for values in metric.values] == [2.0, 5.0]


def test_more_is_better_of_accuracy_and_speed_and_neither_of_a_learning_rate() -> None:
    assert direction("eval/set/accuracy") == direction("throughput/tokens_per_second") == "max"
    assert direction("eval/set/perplexity") == "min"
    assert direction("optim/learning_rate") is None
    metric = compare([Metrics(accuracy=series([0.1, 0.9, 0.5]))], "accuracy")
    assert (metric.values[0].best, metric.values[0].best_step) == (0.9, 1)


@pytest.mark.parametrize("seed", range(20))
def test_the_common_step_is_the_largest_that_all_have(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = [np.unique(rng.integers(0, 5000, rng.integers(1, 4000))) for _run in range(rng.integers(1, 5))]
    shared = set(steps[0].tolist()).intersection(*(each.tolist() for each in steps))
    assert common_step(steps) == max(shared, default=None)
    assert common_step([*steps, np.empty(0, dtype=np.int64)]) == max(shared, default=None)


def test_a_profile_becomes_dotted_keys() -> None:
    tree = {"extends": "x", "train": {"steps": 4, "betas": [0.9, 0.95]}, "data": {"sources": [{"path": "a"}]}}
    assert flatten(tree) == {"train.steps": 4, "train.betas": "[0.9, 0.95]", "data.sources.0.path": "a"}


def test_only_what_is_not_the_same_in_all_differs() -> None:
    facts = [
        Facts({"a": 1, "b": None, "c": True}),
        Facts({"a": 1, "c": 1, "d": "x"}),
        Facts({"a": 1, "c": True}),
    ]
    rows = [(row.key, row.values) for row in differences(facts)]
    assert rows == [("c", (True, 1, True)), ("d", (None, "x", None))]


def test_defaults_that_an_older_profile_did_not_write_are_no_difference(workspace: Workspace) -> None:
    texts = ("train: {steps: 7, batch: 4}", "train: {steps: 7, batch: 4, clip: 1.0, seed: 0}")
    base = (
        "model: {architecture: gpt2, layers: 2, width: 64, heads: 2, mlp_width: 128, context_length: 64}\n"
        "data: {prepared: somewhere, sequence_length: 64}\n"
    )
    facts = []
    for number, text in enumerate(texts):
        run_id = f"20261124-07301{number}-demo-000{number}"
        profile = f"name: demo\njob: pretrain\n{base}{text}\n"
        run = create_run_directory(workspace, run_id, {"profile.yaml": profile})
        run.attempt(1).path.mkdir(parents=True)
        versions = {"python": "3.11", "torch": f"2.{number}"}
        write_json_atomic(run.attempt(1).environment, {"schema": 1, "versions": versions})
        (run.artifacts / "data").mkdir(parents=True)
        write_json_atomic(run.artifacts / "data" / "manifest.json", {"schema": 1, "fingerprint": "f" * 64})
        record = RunRecord(
            run_id=run_id, path="", name="demo", job="pretrain", state="running", world_size=number
        )
        facts.append(read_facts(run, record))
    assert [each.problem for each in facts] == [None, None]
    assert facts[0].values["run.data_fingerprint"] == "f" * 16
    rows = {row.key: row.values for row in differences(facts)}
    assert rows == {"run.world_size": (0, 1), "versions.torch": ("2.0", "2.1")}


def test_a_profile_of_another_version_is_compared_as_it_is_written(workspace: Workspace) -> None:
    text = "name: demo\njob: pretrain\nfuture: {key: 1}\n"
    run = create_run_directory(workspace, "20261124-073010-demo-0000", {"profile.yaml": text})
    facts = read_facts(run, None)
    assert facts.problem is None
    assert facts.values["future.key"] == 1
    run.profile.write_text("name: [")
    assert read_facts(run, None).problem is not None


@pytest.fixture
def workspace(tmp_path: object) -> Workspace:
    from pathlib import Path

    root = Path(str(tmp_path)) / "workspace"
    (root / "logs").mkdir(parents=True)
    return Workspace(root)
