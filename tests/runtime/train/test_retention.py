"""What is kept, and that nothing goes before its successor is proven good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.run.annotations import protect
from runtime.run.checkpoints import list_checkpoints
from runtime.run.layout import RunDirectory
from runtime.train.retention import Retention, prune
from runtime.train.strategies.single import Single
from tests.runtime.train.forking import CPU
from tests.runtime.train.small import Small, facts, saver


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path / "run")
    for folder in (directory.checkpoints, directory.annotations):
        folder.mkdir(parents=True)
    return directory


def save(run_dir: RunDirectory, steps: range, losses: dict[int, float] | None = None, **options: Any) -> None:
    small, to = Small.create(), saver(run_dir, Single(CPU), **options)
    for step in steps:
        small.step(step)
        known = facts(step)
        if losses:
            known.metrics["eval/holdout/loss"] = losses[step]  # type: ignore[index]
        to.start(small.state, known)
        to.wait()
    to.close()


def steps(run_dir: RunDirectory) -> list[int]:
    return [checkpoint.step for checkpoint in list_checkpoints(run_dir) if checkpoint.state == "complete"]


def test_the_newest_the_multiples_the_best_and_the_protected_stay(run_dir: RunDirectory) -> None:
    save(run_dir, range(1, 10), losses={step: 1.0 + abs(step - 3) for step in range(1, 10)})
    protect(run_dir, 2, True, "test")
    events: list[tuple[str, dict[str, Any]]] = []
    prune(
        run_dir,
        Retention(keep_last=2, keep_every=5, keep_best="eval/holdout/loss"),
        lambda event, **detail: events.append((event, detail)),
    )
    assert steps(run_dir) == [2, 3, 5, 8, 9]
    assert events == [("checkpoint_deleted", {"step": step}) for step in (1, 4, 6, 7)]


def test_retention_runs_after_each_save_and_counts_what_earlier_attempts_wrote(run_dir: RunDirectory) -> None:
    save(run_dir, range(1, 4))
    rules = Retention(keep_last=2)
    save(run_dir, range(4, 6), after_publishing=lambda step: prune(run_dir, rules, lambda *_, **__: None))
    assert steps(run_dir) == [4, 5]


def test_nothing_is_deleted_while_the_newest_does_not_hold(run_dir: RunDirectory) -> None:
    save(run_dir, range(1, 5))
    data = next(run_dir.checkpoint(4).glob("*.safetensors"))
    content = bytearray(data.read_bytes())
    content[-1] ^= 1
    data.write_bytes(content)
    events: list[str] = []
    prune(run_dir, Retention(keep_last=1), lambda event, **detail: events.append(event))
    assert events == ["checkpoint_invalid"]
    assert steps(run_dir) == [1, 2, 3]
    assert run_dir.checkpoints.joinpath("invalid-step-00000004").is_dir()


def test_without_the_metric_nothing_is_best(run_dir: RunDirectory) -> None:
    save(run_dir, range(1, 4))
    complete = list_checkpoints(run_dir)
    assert [c.step for c in Retention(1, keep_best="eval/other/loss").doomed(complete)] == [1, 2]
    assert not Retention(3).doomed(complete)
    assert not Retention(1).doomed([])
