"""Skipped steps and rollbacks in real trainings: what they leave as it was, and that kills change nothing."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.run.checkpoints import newest_valid
from runtime.run.complete import Complete, read_complete
from tests.runtime.train.forked_runs import ForkedRun
from tests.runtime.train.training_runs import profile_text, share_data, write_text

QUICK = {"steps": 36, "batch": 4, "micro_batch": 2}
NEVER: dict[str, Any] = {"every_steps": None}


def create(tmp_path: Path, name: str = "run", *, text: str | None = None, **sections: Any) -> ForkedRun:
    made = text or profile_text(
        write_text(tmp_path / "text", 12), **{"train": QUICK, "evaluate": NEVER} | sections
    )
    return ForkedRun.create(tmp_path, made, name)


def one_sequence(directory: Path) -> Path:
    """62 tokens, so that there is one sequence of 32 only: all samples are the same, and all batches."""
    directory.mkdir()
    (directory / "text.txt").write_text(
        "the cat sat on a mat and saw no dog while rain fell over old grey stones"
    )
    return directory


def complete(run: ForkedRun, step: int) -> Complete:
    found = read_complete(run.directory.checkpoint(step))
    assert isinstance(found, Complete)
    return found


def guard(run: ForkedRun, step: int) -> dict[str, Any]:
    found = json.loads((run.directory.checkpoint(step) / "guard.json").read_text())
    assert isinstance(found, dict)
    return found


def assert_same(run: ForkedRun, undisturbed: ForkedRun, step: int, *, samples: bool = True) -> None:
    """The same line of history up to `step`: curves, tensors, guards, and all that COMPLETE.json says."""
    for name in ("train/loss", "optim/grad_norm", "optim/learning_rate"):
        assert run.curve(name) == undisturbed.curve(name), name
    found, expected = run.tensors(step), undisturbed.tensors(step)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
    ours, theirs = complete(run, step), complete(undisturbed, step)
    assert (ours.tokens, ours.loss) == (theirs.tokens, theirs.loss)
    assert guard(run, step) == guard(undisturbed, step) or not samples


@pytest.mark.parametrize("world_size", [1, 2])
def test_skips_a_rollback_and_the_window_go_on_after_kill_9_as_if_nothing_had_happened(
    tmp_path: Path, world_size: int
) -> None:
    """NaN in step 5 is skipped, a spike in step 26 takes the run back to step 24, then NaN in batch 32."""
    faults = f"nan:loss@5,rank={world_size - 1};spike:loss@26,factor=40;nan:gradient@32,rank=0"
    sections: dict[str, Any] = {
        "checkpoint": {"every_steps": 6, "keep_last": 9},
        "guard": {"non_finite": "skip", "spike": {"action": "rollback", "window": 24, "sigma": 30.0}},
    }
    undisturbed = create(tmp_path, "undisturbed", **sections)
    assert undisturbed.train(world_size, env={"HEADNODE_FAULT": faults}) == [0] * world_size
    told = [(report["step"], report["action"]) for report in undisturbed.reports("non_finite")]
    assert told == [(5, "skip"), (30, "skip")]
    (spike,) = undisturbed.reports("spike")
    assert (spike["step"], spike["action"], spike["quantity"]) == (26, "rollback", "loss")
    assert spike["value"] > 3 * spike["limit"]
    (back,) = undisturbed.reports("rolled_back")
    assert (back["from"], back["to"], back["skipped_samples"]) == (26, 24, [24 * 4, 26 * 4])
    state = guard(undisturbed, 36)
    assert (state["skipped_steps"], state["rollbacks"]) == ([5, 30], 1)
    assert complete(undisturbed, 36).tokens == (36 - 2) * 4 * 32

    killed = create(tmp_path, "killed", text=undisturbed.text)
    share_data(undisturbed, killed)
    faults += ";kill:step@27,attempt=1;kill:checkpoint:published@30,attempt=2"
    for resumed in (None, 24, 30):
        name = None if resumed is None else killed.directory.checkpoint(resumed).name
        codes = killed.train(world_size, resume=name, env={"HEADNODE_FAULT": faults})
        assert codes == [0 if resumed == 30 else -signal.SIGKILL] * world_size
    assert_same(killed, undisturbed, 36)
    assert killed.samples(3, world_size) == {
        step: samples for step, samples in undisturbed.samples(1, world_size).items() if step > 30
    }
    numbers = [number for number, _ in undisturbed.samples(1, world_size)[36]]
    assert numbers[-4:] == [37 * 4, 37 * 4 + 1, 37 * 4 + 2, 37 * 4 + 3]


def test_a_rollback_restores_everything_also_to_the_beginning(tmp_path: Path) -> None:
    """On data that is all the same leaving some out shows nothing; only a wrong state would. With dropout."""
    text = profile_text(
        one_sequence(tmp_path / "text"),
        train={"steps": 12, "batch": 4, "micro_batch": 2},
        data={"holdout": 0.0},
        evaluate=NEVER,
        checkpoint={"every_steps": 6, "keep_last": 9},
        guard={"non_finite": "rollback"},
    )
    undisturbed = create(tmp_path, "undisturbed", text=text)
    assert undisturbed.train() == [0]
    assert {sequence for samples in undisturbed.samples(1, 1).values() for _, sequence in samples} == {0}

    run = create(tmp_path, "rolled", text=text)
    share_data(undisturbed, run)
    assert run.train(env={"HEADNODE_FAULT": "nan:loss@3;nan:gradient@12"}) == [0]
    backs = [(back["from"], back["to"], back["skipped_samples"]) for back in run.reports("rolled_back")]
    assert backs == [(3, 0, [0, 12]), (9, 6, [36, 48])]
    assert_same(run, undisturbed, 12, samples=False)
    assert guard(run, 12)["skipped_samples"] == [[0, 12], [36, 48]]
    assert run.curve("train/loss")[12] != run.curve("train/loss")[11], "it does learn"


def test_a_skipped_step_changes_no_weight_and_no_moment(tmp_path: Path) -> None:
    run = create(
        tmp_path,
        train={"steps": 6, "batch": 4, "micro_batch": 2, "schedule": {"warmup_steps": 2}},
        checkpoint={"every_steps": 1, "keep_last": 9},
        guard={"non_finite": "skip"},
    )
    assert run.train(env={"HEADNODE_FAULT": "nan:loss@4"}) == [0]
    before, skipped, after = (run.tensors(step) for step in (3, 4, 5))
    for name, tensor in before.items():
        assert torch.equal(skipped[name], tensor), name
    assert any(not torch.equal(after[name], tensor) for name, tensor in before.items())
    rows = {row["step"]: row for row in run.rows()}
    assert rows[4]["train/loss"] == "nan"
    rates = [rows[step]["optim/learning_rate"] for step in range(3, 7)]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 4, "the schedule goes on by the step's number"
    assert complete(run, 4).loss == complete(run, 3).loss == rows[3]["train/loss"]
    assert [row["step"] for row in run.rows()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("section", "faults", "step", "text"),
    [
        ({"non_finite": "skip", "max_skips": 2}, "nan:loss@3-", 5, "2 of the last 100 steps were skipped"),
        ({"non_finite": "rollback", "max_rollbacks": 2}, "nan:loss@3-", 3, "rolled back 2 times already"),
        ({"spike": {"action": "stop", "window": 16, "sigma": 30.0}}, "spike:loss@21", 21, "spike: loss"),
    ],
)
def test_the_limits_end_the_run_and_say_which(
    tmp_path: Path, section: dict[str, Any], faults: str, step: int, text: str
) -> None:
    run = create(tmp_path, checkpoint={"every_steps": 2}, guard=section)
    assert run.train(env={"HEADNODE_FAULT": faults}) == [22]
    end = run.exit()
    assert end is not None
    assert (end.reason, end.step) == ("non_finite", step)
    assert text in (end.error or "")
    newest, rejected = newest_valid(run.directory)
    assert newest is not None
    assert not rejected
    assert newest.step < step


def test_a_spike_that_is_only_told_changes_nothing(tmp_path: Path) -> None:
    run = create(
        tmp_path,
        train=QUICK | {"steps": 24},
        guard={"spike": {"action": "warn", "window": 16, "sigma": 30.0}},
    )
    assert run.train(env={"HEADNODE_FAULT": "spike:loss@22,factor=20"}) == [0]
    (spike,) = run.reports("spike")
    assert (spike["step"], spike["action"]) == (22, "warn")
    assert guard(run, 24)["skipped_steps"] == []
    assert len(guard(run, 24)["windows"]["loss"]) == 16
