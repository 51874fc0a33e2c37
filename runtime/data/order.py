"""Which sequence is sample number n: a pure function of (data fingerprint, seed, n).

An epoch's order is a keyed pseudo-random permutation of the sequences' indices, computed where it is needed
instead of being drawn and kept: an alternating Feistel network over the smallest power of two that holds
them, walked along its cycles until the value falls into range (Black & Rogaway, "Ciphers with Arbitrary
Finite Domains", 2002). So resuming needs one number, memory does not grow with the corpus, and neither world
size nor worker count can change the order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 12  # more than a Feistel network over large halves needs: ours can be a single bit wide

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """Where samples are: `number` counts through the whole training, `index` is a sequence within `epoch`."""

    number: Indices
    epoch: Indices
    index: Indices


class DataOrder:
    """The order of `sequences` sequences for one seed, epoch after epoch, each epoch shuffled anew."""

    def __init__(self, fingerprint: str, seed: int, sequences: int) -> None:
        if sequences < 1:
            raise ValueError(f"there must be at least one sequence to order, not {sequences}")
        self.fingerprint = fingerprint
        self.seed = seed
        self.sequences = sequences
        bits = max((sequences - 1).bit_length(), 1)
        self._low_bits = np.uint64(bits // 2)
        self._low_mask = np.uint64((1 << (bits // 2)) - 1)
        self._high_mask = np.uint64((1 << (bits - bits // 2)) - 1)

    def locate(self, numbers: Indices) -> Samples:
        """Epoch and sequence index of each sample number, [n] → [n]."""
        numbers = np.asarray(numbers, dtype=np.int64)
        epochs = numbers // self.sequences
        indices = np.empty_like(numbers)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            indices[chosen] = self._permute(numbers[chosen] % self.sequences, int(epoch))
        return Samples(numbers, epochs, indices)

    def _permute(self, positions: Indices, epoch: int) -> Indices:
        if self.sequences == 1:
            return np.zeros_like(positions)
        keys = self._keys(epoch)
        values = self._feistel(positions.astype(np.uint64), keys)
        while (outside := values >= self.sequences).any():
            values[outside] = self._feistel(values[outside], keys)
        return values.astype(np.int64)

    def _feistel(self, values: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
        low, high = values & self._low_mask, values >> self._low_bits
        for number, key in enumerate(keys):
            if number % 2 == 0:
                high = high ^ (_mix(low ^ key) & self._high_mask)
            else:
                low = low ^ (_mix(high ^ key) & self._low_mask)
        return (high << self._low_bits) | low

    def _keys(self, epoch: int) -> NDArray[np.uint64]:
        digest = hashlib.blake2b(digest_size=64, person=b"data order 1")
        digest.update(f"{self.fingerprint}\n{self.seed}\n{epoch}".encode())
        wide = np.frombuffer(digest.digest(), dtype="<u8").astype(np.uint64)
        return np.concatenate([wide, _mix(wide)])[:ROUNDS]


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood, 2014): all output bits depend on all input bits."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def rank_slice(first: int, batch: int, rank: int, world_size: int) -> Indices:
    """The sample numbers of one rank in the global batch that starts at sample `first`, in order, [batch /
    world_size].

    Ranks take contiguous slices, so that rank 0's samples followed by rank 1's are the global batch.
    """
    if batch % world_size:
        raise ValueError(f"a batch of {batch} sequences can't be divided evenly among {world_size} processes")
    share = batch // world_size
    return np.arange(first + rank * share, first + (rank + 1) * share, dtype=np.int64)


def past_skipped(places: Indices, skipped: Sequence[tuple[int, int]]) -> Indices:
    """The sample numbers at `places` of the order from which the numbers in the ranges [first, end) are left
    out, [n] → [n].

    `skipped` is in order, without overlaps. Like the order itself a pure function of numbers: of world size,
    batch and history it knows nothing.
    """
    numbers = np.array(places, dtype=np.int64)
    for first, end in skipped:
        numbers[numbers >= first] += end - first
    return numbers
