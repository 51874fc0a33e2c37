"""Batches for the training loop and for evaluation, as numpy arrays."""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.data.order import DataOrder, Samples, past_skipped, rank_slice
from runtime.data.shards import TokenStream
from runtime.messages import N_, UsageError


@dataclass(frozen=True)
class MicroBatch:
    """What one forward pass takes: `inputs` and `labels` are [micro_batch, sequence_length] int64.

    `labels[b, t]` is the token that follows `inputs[b, t]`: no further shift is needed. `samples` says which
    they are.
    """

    inputs: NDArray[np.int64]
    labels: NDArray[np.int64]
    samples: Samples


class TrainingBatches:
    """One rank's share of every global batch. Nothing here has a state: a step's batch depends on its number,
    and on which samples are skipped, alone.
    """

    def __init__(
        self,
        stream: TokenStream,
        fingerprint: str,
        *,
        seed: int,
        sequence_length: int,
        batch: int,
        micro_batch: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """`batch` is the global batch, `micro_batch` one process's share of one forward pass, both in
        sequences.

        Raises:
            UsageError: the training data is shorter than one sequence.
        """
        sequences = stream.sequences(sequence_length)
        if not sequences:
            raise UsageError(
                N_("The training data has {tokens} tokens, which is less than one sequence of {length}."),
                tokens=stream.tokens,
                length=sequence_length,
            )
        share, rest = divmod(batch, world_size)
        if rest or share % micro_batch:
            raise ValueError(
                f"a batch of {batch} is no multiple of {world_size} processes × micro-batch {micro_batch}"
            )
        self.order = DataOrder(fingerprint, seed, sequences)
        self.sequences = sequences
        self._stream, self._length = stream, sequence_length
        self._batch, self._micro_batch = batch, micro_batch
        self._rank, self._world_size = rank, world_size
        self._skipped: tuple[tuple[int, int], ...] = ()

    def skipping(self, ranges: Sequence[tuple[int, int]]) -> TrainingBatches:
        """The same without the samples whose numbers lie in the ranges [first, end): those after them move
        up."""
        other = copy.copy(self)
        other._skipped = tuple(ranges)
        return other

    def number(self, step: int) -> int:
        """The number of step `step`'s first sample, over all ranks, as counted without skipping."""
        place = np.array([(step - 1) * self._batch], dtype=np.int64)
        return int(past_skipped(place, self._skipped)[0])

    def batch_number(self, step: int) -> int:
        """The step that would see step `step`'s first sample if nothing were skipped."""
        return self.number(step) // self._batch + 1

    def samples(self, step: int) -> Samples:
        """This rank's samples of step `step` (the first is 1), in order, [batch / world_size]."""
        places = rank_slice((step - 1) * self._batch, self._batch, self._rank, self._world_size)
        return self.order.locate(past_skipped(places, self._skipped))

    def step(self, step: int) -> list[MicroBatch]:
        """This rank's micro-batches of step `step`; the first step is 1."""
        samples = self.samples(step)
        windows = self._stream.windows(samples.index, self._length)
        micro = self._micro_batch
        return [
            MicroBatch(
                windows[start : start + micro, :-1],
                windows[start : start + micro, 1:],
                Samples(
                    *(part[start : start + micro] for part in (samples.number, samples.epoch, samples.index))
                ),
            )
            for start in range(0, len(windows), micro)
        ]

    def steps(
        self, first: int, last: int, *, ahead: int = 2, before: Callable[[int], None] = lambda step: None
    ) -> Iterator[list[MicroBatch]]:
        """The micro-batches of steps `first` … `last`, read by a thread up to `ahead` steps before they are
        needed.

        `before` is called by that thread with the number of each step that it is about to read. An error of
        that thread is raised here; leaving the iteration early ends the thread.
        """
        ready: queue.Queue[list[MicroBatch] | BaseException] = queue.Queue(maxsize=ahead)
        left = threading.Event()

        def offer(item: list[MicroBatch] | BaseException) -> None:
            while not left.is_set():
                try:
                    return ready.put(item, timeout=0.1)
                except queue.Full:
                    continue

        def read() -> None:
            try:
                for step in range(first, last + 1):
                    if left.is_set():
                        return
                    before(step)
                    offer(self.step(step))
            except BaseException as error:  # noqa: BLE001 - handed over to the loop, which raises it
                offer(error)

        thread = threading.Thread(target=read, name="data", daemon=True)
        thread.start()
        try:
            for _ in range(first, last + 1):
                item = ready.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            left.set()
            thread.join()


def evaluation_batches(
    stream: TokenStream,
    *,
    sequence_length: int,
    micro_batch: int,
    sequences: int | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(inputs, labels) of the stream's first `sequences` sequences (None: all), this rank's share of them,
    unshuffled.

    Sequence i belongs to rank i mod world_size; ranks may differ by one sequence, and the last batch may be
    smaller.
    """
    count = stream.sequences(sequence_length)
    count = count if sequences is None else min(count, sequences)
    mine = np.arange(rank, count, world_size, dtype=np.int64)
    for start in range(0, len(mine), micro_batch):
        windows = stream.windows(mine[start : start + micro_batch], sequence_length)
        yield windows[:, :-1], windows[:, 1:]
