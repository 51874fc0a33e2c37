"""The data order: a permutation of every epoch, the same whoever asks for it."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.data.order import DataOrder, rank_slice


@pytest.mark.parametrize("sequences", [1, 2, 3, 5, 8, 9, 100, 1000, 4097])
def test_every_epoch_is_a_permutation_of_its_own(sequences: int) -> None:
    order = DataOrder("fingerprint", 3, sequences)
    samples = order.locate(np.arange(4 * sequences))
    epochs = samples.index.reshape(4, sequences)
    assert (np.sort(epochs, axis=1) == np.arange(sequences)).all()
    assert (samples.epoch.reshape(4, sequences) == np.arange(4)[:, None]).all()
    if sequences >= 100:
        assert len({epoch.tobytes() for epoch in epochs}) == 4


def test_fingerprint_and_seed_and_nothing_else_decide() -> None:
    numbers = np.arange(1000)
    base = DataOrder("a", 0, 1000).locate(numbers).index
    assert (DataOrder("a", 0, 1000).locate(numbers).index == base).all()
    assert (DataOrder("b", 0, 1000).locate(numbers).index != base).any()
    assert (DataOrder("a", 1, 1000).locate(numbers).index != base).any()


def test_the_order_never_changes_between_versions() -> None:
    """Golden numbers: a resumed run must find the order that an older version of the code gave it."""
    found = DataOrder("golden", 42, 1000).locate(np.array([0, 1, 2, 3, 999, 1000, 123_456])).index
    assert found.tolist() == [663, 172, 13, 108, 284, 736, 626]


def test_samples_can_be_asked_for_in_any_order_and_grouping() -> None:
    order = DataOrder("a", 0, 77)
    whole = order.locate(np.arange(500)).index
    assert [int(order.locate(np.array([n])).index[0]) for n in range(500)] == whole.tolist()
    assert (order.locate(np.arange(500)[::-1]).index == whole[::-1]).all()


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 6, 12])
def test_the_ranks_slices_are_the_global_batch_for_every_world_size(world_size: int) -> None:
    slices = [rank_slice(36, 12, rank, world_size) for rank in range(world_size)]
    assert np.concatenate(slices).tolist() == list(range(36, 48))


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ValueError, match="divided evenly"):
        rank_slice(0, 10, 0, 4)


def test_the_order_looks_random() -> None:
    """Neighbours are as far apart, and a prefix as evenly spread, as if drawn at random (within 5 sigma)."""
    n = 10_000
    index = DataOrder("spread", 7, n).locate(np.arange(n)).index
    distance = np.abs(np.diff(index)).mean()
    assert abs(distance - n / 3) < 5 * n * 0.2357 / np.sqrt(n)
    counts = np.bincount(index[:1000] * 10 // n, minlength=10)
    assert abs(counts - 100).max() < 5 * 9.5
    fixed = int((index == np.arange(n)).sum())
    assert fixed < 8


def test_a_corpus_too_large_to_permute_in_memory_is_ordered_at_once() -> None:
    order = DataOrder("huge", 0, 3_000_000_000_000)
    found = order.locate(np.arange(1 << 20, (1 << 20) + 512))
    assert len(set(found.index.tolist())) == 512
    assert found.index.max() < 3_000_000_000_000
