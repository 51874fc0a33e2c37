"""The job as a process: how it stops, fails and reports."""

from __future__ import annotations

import math
import signal
from pathlib import Path

import pytest
import torch

from runtime.run.checkpoints import list_checkpoints
from tests.runtime.train.training_runs import TrainingRun, orders, profile_text, write_text

LONG = {"steps": 100_000}


def create(tmp_path: Path, **sections: dict[str, object]) -> TrainingRun:
    return TrainingRun.create(tmp_path, profile_text(write_text(tmp_path / "text"), **sections))


def steps(run: TrainingRun) -> list[int]:
    return [
        checkpoint.step for checkpoint in list_checkpoints(run.directory) if checkpoint.state == "complete"
    ]


def test_a_run_reports_logs_evaluates_saves_and_finishes(tmp_path: Path) -> None:
    run = create(tmp_path, checkpoint={"every_steps": 5, "keep_last": 2}, train={"z_loss": 1e-4})
    assert run.train() == [0]
    end = run.exit()
    assert end is not None
    assert (end.outcome, end.reason, end.step) == ("finished", "finished", 12)
    (totals,) = run.reports("totals")
    assert totals["total_steps"] == 12
    assert totals["tokens_per_step"] == 12 * 32
    assert totals["total_tokens"] == 12 * 12 * 32
    assert totals["parameters"] > 20_000
    rows = run.rows()
    for name in (
        "train/loss",
        "train/perplexity",
        "train/z_loss",
        "optim/learning_rate",
        "optim/grad_norm",
        "throughput/tokens_per_second",
        "throughput/step_seconds",
        "throughput/data_wait",
        "memory/rss_gib",
    ):
        assert [row["step"] for row in rows if name in row] == list(range(1, 13)), name
    assert [row["step"] for row in rows if "eval/holdout/perplexity" in row] == [4, 8, 12]
    first, last = rows[0]["train/loss"], run.curve("train/loss")[12]
    assert last < first - 1.0
    assert rows[0]["train/perplexity"] == pytest.approx(math.exp(first))
    assert [report["step"] for report in run.reports("evaluated")] == [4, 8, 12]
    assert [report["step"] for report in run.reports("checkpoint_saved")] == [5, 10, 12]
    assert all(report["bytes"] > 100_000 for report in run.reports("checkpoint_saved"))
    assert [report["step"] for report in run.reports("checkpoint_deleted")] == [5]
    assert steps(run) == [10, 12]
    complete = list_checkpoints(run.directory)[-1].complete
    assert complete is not None
    assert (complete.tokens, complete.loss) == (12 * 12 * 32, last)
    assert complete.metrics["eval/holdout/loss"] == run.curve("eval/holdout/loss")[12]
    assert "step 12 loss" in run.log()


@pytest.mark.parametrize("world_size", [1, 2])
def test_sigterm_to_any_rank_saves_and_stops_all_at_the_same_step(tmp_path: Path, world_size: int) -> None:
    run = create(
        tmp_path,
        train=LONG,
        evaluate={"every_steps": None},
        checkpoint={"every_minutes": 0.005, "keep_last": 1},
    )
    run.start(world_size)
    run.wait_for(lambda: len(run.reports("checkpoint_saved")) >= 2)  # by the clock
    run.processes[-1].send_signal(signal.SIGTERM)
    assert run.wait() == [10] * world_size
    ends = [run.exit(rank) for rank in range(world_size)]
    assert {(end.outcome, end.reason) for end in ends if end} == {("stopped", "user")}
    (step,) = {end.step for end in ends if end}
    assert steps(run) == [step] == [run.last_step()]
    assert step is not None
    assert step > run.reports("checkpoint_saved")[1]["step"]


def test_orders_save_now_and_stop_without_saving(tmp_path: Path) -> None:
    run = create(tmp_path, train=LONG, evaluate={"every_steps": None})
    run.start()
    run.wait_for(lambda: run.last_step() >= 3)
    orders(run, stop=False, save=False, checkpoint=1)
    run.wait_for(lambda: bool(run.reports("checkpoint_saved")))
    (saved,) = steps(run)
    orders(run, stop=True, save=False, checkpoint=1)
    assert run.wait() == [10]
    assert steps(run) == [saved]
    end = run.exit()
    assert end is not None
    assert (end.outcome, end.reason) == ("stopped", "user")


@pytest.mark.parametrize("world_size", [1, 2])
def test_a_non_finite_loss_stops_every_rank_before_the_step_and_nothing_of_it_is_saved(
    tmp_path: Path, world_size: int
) -> None:
    run = create(
        tmp_path,
        train={"clip": None, "optimizer": {"learning_rate": 1e20}, "schedule": {"warmup_steps": 0}},
        checkpoint={"every_steps": 1},
    )
    assert run.train(world_size) == [22] * world_size
    for rank in range(world_size):
        end = run.exit(rank)
        assert end is not None
        assert (end.outcome, end.reason) == ("failed", "non_finite")
        assert end.step == run.last_step() + 1
        assert end.error is not None
        assert f"step {end.step}" in end.error
    for step in steps(run):
        assert all(torch.isfinite(tensor).all() for tensor in run.tensors(step).values())


def test_a_failed_save_is_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    run = create(tmp_path, checkpoint={"every_steps": 4})
    assert run.train(env={"HEADNODE_FAULT": "disk_full:checkpoint:random@8"}) == [0]
    (failed,) = run.reports("checkpoint_failed")
    assert (failed["step"], failed["reason"]) == (8, "disk_full")
    assert steps(run) == [4, 12]


def test_a_last_save_that_fails_is_the_run_s_failure(tmp_path: Path) -> None:
    run = create(tmp_path, checkpoint={"every_steps": 4})
    assert run.train(env={"HEADNODE_FAULT": "disk_full:checkpoint:completed@12"}) == [23]
    end = run.exit()
    assert end is not None
    assert (end.outcome, end.reason, end.step) == ("failed", "disk_full", 12)
    assert steps(run) == [4, 8]


def test_bf16_and_another_architecture_train(tmp_path: Path) -> None:
    run = create(
        tmp_path,
        model={"architecture": "olmo2", "dropout": 0.0},
        train={"precision": "bf16"},
        checkpoint={"at_end": False},
    )
    assert run.train() == [0]
    assert run.curve("train/loss")[12] < run.curve("train/loss")[1] - 0.5
    assert steps(run) == []


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    run = create(tmp_path, train={"steps": 2})
    assert run.train() == [0]
    run.text = run.text.replace('"mlp_width": 64', '"mlp_width": 96')
    assert run.train(resume="step-00000002") == [1]
    end = run.exit()
    assert end is not None
    assert "another model" in (end.error or "")
