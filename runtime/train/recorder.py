"""What a training run tells about itself: metrics, progress lines, sample ids."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil
import torch

from runtime.data.batches import MicroBatch
from runtime.train.evaluation import perplexity

Item = TypeVar("Item")
GIB = 2.0**30
RECORD_SAMPLES = "HEADNODE_RECORD_SAMPLES"


class Writer(Protocol):
    """`runtime.run.MetricsWriter`."""

    def write(self, step: int, values: Mapping[str, float], time_now: float | None = None) -> None: ...

    def close(self) -> None: ...


class Recorder:
    """Rank 0's metrics and progress lines, every `log_every` steps; on other ranks (no writer) nothing is
    told.

    Losses and norms are those of the logged step itself, so that they don't depend on where a run was
    resumed. Times and rates are means since the last logged step, evaluations and other pauses left out.
    """

    def __init__(self, writer: Writer | None, log_every: int, device: torch.device) -> None:
        self._writer, self._log_every, self._device = writer, log_every, device
        self._process = psutil.Process()
        self.last: dict[str, float] = {}
        self._start_interval()

    def _start_interval(self) -> None:
        self._began = time.perf_counter()
        self._steps, self._tokens, self._data_wait, self._paused = 0, 0, 0.0, 0.0

    def waiting(self, items: Iterable[Item]) -> Iterator[Item]:
        """`items`, with the time that each took to come counted as waiting for data."""
        iterator = iter(items)
        while True:
            began = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            self._data_wait += time.perf_counter() - began
            yield item

    def rewound(self, metrics: Mapping[str, float]) -> None:
        """Training goes on from a checkpoint at which these metrics were known."""
        self.last = dict(metrics)
        self._start_interval()

    def pause(self, seconds: float) -> None:
        """Leave this time (an evaluation, a wait for the disk) out of the step times."""
        self._paused += seconds

    def step(
        self, step: int, tokens: int, loss: float, grad_norm: float, rate: float, z: float | None
    ) -> None:
        """Count a step; tell about it if it is one to be told about. `tokens` is the global number trained
        on.
        """
        self._steps += 1
        self._tokens += tokens
        if self._writer is None or step % self._log_every:
            return
        seconds = max(time.perf_counter() - self._began - self._paused, 1e-9)
        values = {
            "train/loss": loss,
            "train/perplexity": perplexity(loss),
            "optim/learning_rate": rate,
            "optim/grad_norm": grad_norm,
            "throughput/tokens_per_second": self._tokens / seconds,
            "throughput/step_seconds": seconds / self._steps,
            "throughput/data_wait": self._data_wait / self._steps,
            **self._memory(),
        }
        if z is not None:
            values["train/z_loss"] = z
        self.write(step, values)
        speed = _thousands(self._tokens / seconds)
        print(f"step {step} loss {loss:.4f} gn {grad_norm:.2f} lr {rate:.1e} {speed} tok/s", flush=True)
        self._start_interval()

    def evaluated(self, step: int, values: Mapping[str, float]) -> None:
        """Tell about an evaluation."""
        self.write(step, values)
        if self._writer is not None:
            told = " ".join(f"{name} {value:.4f}" for name, value in values.items())
            print(f"step {step} {told}", flush=True)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write metrics, and keep them for the next checkpoint's record."""
        self.last.update(values)
        if self._writer is not None:
            self._writer.write(step, values)

    def close(self) -> None:
        """Write what a full disk still holds back, and close the file."""
        if self._writer is not None:
            self._writer.close()

    def _memory(self) -> dict[str, float]:
        if self._device.type == "cuda":
            return {"memory/reserved_gib": torch.cuda.max_memory_reserved(self._device) / GIB}
        return {"memory/rss_gib": self._process.memory_info().rss / GIB}


def _thousands(value: float) -> str:
    return f"{value / 1000:.1f}k" if value >= 1000 else f"{value:.0f}"


class SampleRecorder:
    """Writes which samples each step of this rank saw, for tests and for doubters
    (HEADNODE_RECORD_SAMPLES=1).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def step(self, step: int, micro_batches: Iterable[MicroBatch]) -> None:
        """One line {"step", "numbers", "sequences"}: sample numbers and the sequences that they stand for."""
        record: dict[str, Any] = {"step": step, "numbers": [], "sequences": []}
        for batch in micro_batches:
            record["numbers"] += batch.samples.number.tolist()
            record["sequences"] += batch.samples.index.tolist()
        self._file.write(json.dumps(record) + "\n")

    def close(self) -> None:
        self._file.close()
