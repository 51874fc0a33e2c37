"""Processes only share the work: samples, losses and weights don't depend on how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from runtime.data.batches import TrainingBatches
from runtime.data.prepared import open_prepared
from runtime.model.build import build, padded_vocabulary
from runtime.profile import loads
from tests.runtime.train.training_runs import TrainingRun, profile_text, share_data, write_text

pytestmark = pytest.mark.xdist_group("parallel")  # the runs are made once


@dataclass
class Runs:
    """Without dropout: 12 steps on one process and on two, each resumed from step 5 on the other number."""

    single: TrainingRun
    double: TrainingRun
    single_to_double: TrainingRun
    double_to_single: TrainingRun


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    workspace = tmp_path_factory.mktemp("parallel")
    text = profile_text(
        write_text(workspace / "text"), model={"dropout": 0.0}, checkpoint={"every_steps": 5, "keep_last": 9}
    )
    made = {}
    for name, first, then in (("single", 1, 2), ("double", 2, 1)):
        run = TrainingRun.create(workspace, text, name)
        if made:
            share_data(made["single"], run)
        assert run.train(first) == [0] * first
        made[name] = run
        resumed = TrainingRun.create(workspace, text, f"{name}-resumed")
        share_data(run, resumed)
        source, target = run.directory.checkpoint(5), resumed.directory.checkpoint(5)
        source.rename(target)
        assert resumed.train(then, resume=target.name) == [0] * then
        made[f"{name}-resumed"] = resumed
    return Runs(made["single"], made["double"], made["single-resumed"], made["double-resumed"])


def assert_curves_agree(found: dict[int, float], expected: dict[int, float], tolerance: float) -> None:
    assert found
    for step, value in found.items():
        assert value == pytest.approx(expected[step], abs=tolerance), step


@pytest.mark.parametrize("metric", ["train/loss", "optim/grad_norm", "eval/holdout/loss"])
def test_two_processes_agree_with_one_at_every_step(runs: Runs, metric: str) -> None:
    found, expected = runs.double.curve(metric), runs.single.curve(metric)
    assert found.keys() == expected.keys()
    assert_curves_agree(found, expected, 1e-5)


def test_resuming_on_another_number_of_processes_sees_the_same_samples_at_every_step(runs: Runs) -> None:
    undisturbed = runs.single.samples(1, 1)
    assert list(undisturbed) == list(range(1, 13))
    assert runs.double.samples(1, 2) == undisturbed
    after = {step: samples for step, samples in undisturbed.items() if step > 5}
    assert runs.single_to_double.samples(1, 2) == after
    assert runs.double_to_single.samples(1, 1) == after
    numbers = [number for samples in undisturbed.values() for number, _ in samples]
    assert numbers == list(range(12 * 12))
    sequences = [sequence for samples in undisturbed.values() for _, sequence in samples]
    assert sequences != sorted(sequences), "the data is shuffled"


def test_resuming_on_another_number_of_processes_gives_the_same_losses(runs: Runs) -> None:
    expected = runs.single.curve("train/loss")
    for run in (runs.single_to_double, runs.double_to_single):
        found = run.curve("train/loss")
        assert list(found) == list(range(6, 13))
        assert_curves_agree(found, expected, 1e-4)


def test_the_loop_agrees_with_a_plain_one_that_shares_none_of_its_code(runs: Runs) -> None:
    """transformers' own loss, plain autograd, torch's AdamW and clipping, a schedule written out."""
    profile = loads(runs.single.text)
    assert profile.model is not None
    data = open_prepared(runs.single.directory.artifacts / "data")
    model: Any = build(profile.model, padded_vocabulary(profile.model, data.manifest.vocabulary_size), 0)
    batches = TrainingBatches(
        data.train, data.manifest.fingerprint, seed=0, sequence_length=32, batch=12, micro_batch=12
    )
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.95),
        fused=False,
    )
    for step in range(1, 13):
        (batch,) = batches.step(step)
        tokens = torch.from_numpy(batch.inputs)
        whole = torch.cat([tokens, torch.from_numpy(batch.labels)[:, -1:]], dim=1)
        logits = model(input_ids=tokens).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), whole[:, 1:].flatten())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        cosine = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * (step - 3) / 9))).item()
        rate = 1e-2 * step / 3 if step < 3 else 1e-2 * (0.1 + 0.9 * cosine)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        assert loss.item() == pytest.approx(runs.single.curve("train/loss")[step], abs=1e-5)
        assert norm.item() == pytest.approx(runs.single.curve("optim/grad_norm")[step], rel=1e-4)
        assert rate == pytest.approx(runs.single.curve("optim/learning_rate")[step])
    final = runs.single.tensors(12)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(final[f"model.{name}"], parameter.detach(), rtol=1e-3, atol=1e-5)
