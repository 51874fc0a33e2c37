"""Batches: the same for every world size and micro-batch, each epoch complete, reading ahead honest."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from runtime.data.batches import TrainingBatches, evaluation_batches
from runtime.data.shards import ShardWriter, TokenStream, token_dtype
from runtime.messages import UsageError

LENGTH = 8


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> TokenStream:
    """100 sequences whose tokens are their positions."""
    directory = tmp_path_factory.mktemp("tokens")
    writer = ShardWriter(directory, "train", token_dtype(1000), 300)
    writer.append(np.arange(100 * LENGTH + 1, dtype=np.uint32))
    return TokenStream(directory, writer.finish(), "uint16")


def batches(stream: TokenStream, **settings: int) -> TrainingBatches:
    chosen = {"seed": 1, "sequence_length": LENGTH, "batch": 12, "micro_batch": 12} | settings
    return TrainingBatches(stream, "fingerprint", **chosen)  # type: ignore[arg-type]


def test_labels_are_the_tokens_that_follow_and_samples_say_which(stream: TokenStream) -> None:
    for micro in batches(stream, micro_batch=4).step(3):
        assert micro.inputs.shape == micro.labels.shape == (4, LENGTH)
        assert micro.inputs.dtype == micro.labels.dtype == np.int64
        assert (micro.labels == micro.inputs + 1).all()
        assert (micro.inputs[:, 0] == micro.samples.index * LENGTH).all()


@pytest.mark.parametrize(
    ("world_size", "micro_batch"), [(1, 12), (1, 1), (2, 6), (2, 3), (3, 2), (4, 3), (12, 1)]
)
def test_every_world_size_and_micro_batch_sees_the_same_samples_at_every_step(
    stream: TokenStream, world_size: int, micro_batch: int
) -> None:
    whole = batches(stream)
    ranks = [
        batches(stream, world_size=world_size, rank=rank, micro_batch=micro_batch)
        for rank in range(world_size)
    ]
    for step in (1, 2, 9, 1000):
        parts = [micro for rank in ranks for micro in rank.step(step)]
        (expected,) = whole.step(step)
        assert (np.concatenate([part.samples.number for part in parts]) == expected.samples.number).all()
        assert (np.concatenate([part.inputs for part in parts]) == expected.inputs).all()


def test_an_epoch_is_every_sequence_once_across_step_boundaries(stream: TokenStream) -> None:
    seen = np.concatenate([batches(stream).samples(step).index for step in range(1, 51)])
    assert len(seen) == 600
    for epoch in range(6):
        assert sorted(seen[epoch * 100 : (epoch + 1) * 100].tolist()) == list(range(100))


def test_reading_ahead_gives_what_asking_gives_from_any_step_on(stream: TokenStream) -> None:
    source = batches(stream, micro_batch=6)
    for number, micros in enumerate(source.steps(7, 30), start=7):
        assert [m.inputs.tolist() for m in micros] == [m.inputs.tolist() for m in source.step(number)]
    assert number == 30


def test_leaving_early_ends_the_reading_thread(stream: TokenStream) -> None:
    iterator = batches(stream).steps(1, 1_000_000)
    next(iterator)
    assert [thread.name for thread in threading.enumerate()].count("data") == 1
    iterator.close()  # type: ignore[attr-defined]
    assert "data" not in [thread.name for thread in threading.enumerate()]


def test_an_error_while_reading_ahead_is_raised_in_the_loop(stream: TokenStream) -> None:
    source = batches(stream)
    source.sequences = 0

    def broken(step: int) -> list[object]:
        if step == 3:
            raise OSError("the disk went away")
        return []

    source.step = broken  # type: ignore[method-assign, assignment]
    iterator = source.steps(1, 10)
    assert [next(iterator), next(iterator)] == [[], []]
    with pytest.raises(OSError, match="went away"):
        next(iterator)
    assert "data" not in [thread.name for thread in threading.enumerate()]


def test_data_shorter_than_a_sequence_is_one_clear_error(stream: TokenStream) -> None:
    with pytest.raises(UsageError, match="801 tokens, which is less than one sequence of 801"):
        batches(stream, sequence_length=801)
    assert batches(stream, sequence_length=800).sequences == 1


def test_geometry_that_does_not_come_out_even_is_refused(stream: TokenStream) -> None:
    for settings in ({"micro_batch": 5}, {"world_size": 5}, {"world_size": 2, "micro_batch": 4}):
        with pytest.raises(ValueError, match="no multiple"):
            batches(stream, **settings)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_evaluation_covers_the_first_sequences_once_over_all_ranks(
    stream: TokenStream, world_size: int
) -> None:
    starts: list[int] = []
    for rank in range(world_size):
        for inputs, labels in evaluation_batches(
            stream, sequence_length=LENGTH, micro_batch=4, sequences=31, rank=rank, world_size=world_size
        ):
            assert len(inputs) <= 4
            assert (labels == inputs + 1).all()
            starts += inputs[:, 0].tolist()
    assert sorted(starts) == [index * LENGTH for index in range(31)]
