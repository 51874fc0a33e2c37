"""How long it takes to open the metrics of a long run: sampled, exact, a second time, and to follow it.

    python benchmarks/metrics_reader.py [--steps 1000000] [--repeat 5]

Writes a metrics file of so many steps × 10 metrics (450 bytes a line) to a temporary directory, with a cache
directory beside it, and prints the median and the worst of each.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from runtime.run.metrics_reader import MetricsReader

NAMES = (
    "train/loss",
    "train/perplexity",
    "train/tokens_trained",
    "optim/learning_rate",
    "optim/grad_norm",
    "optim/weight_norm",
    "throughput/tokens_per_second",
    "throughput/mfu",
    "throughput/data_wait",
    "memory/reserved_gib",
)
LIMITS = {"sampled curve": 0.5, "exact curve": 6.0, "opened a second time": 0.3}


def write_metrics(path: Path, steps: int) -> None:
    """A loss that falls with noise, and nine more metrics with as many digits as real ones have."""
    noise = random.Random(0)
    with path.open("w") as stream:
        for step in range(steps):
            loss = 2.0 + 8.0 / math.sqrt(step + 1) + noise.gauss(0, 0.02)
            values = [loss, math.exp(loss), step * 524288.0 + 0.5, *(noise.random() for _ in NAMES[3:])]
            row = {
                "step": step,
                "time": 1.79e9 + step * 0.731,
                "attempt": 1,
                **dict(zip(NAMES, values, strict=True)),
            }
            stream.write(json.dumps(row) + "\n")


def first_view(path: Path, cache: Path) -> MetricsReader:
    """What a chart needs to draw the first time: a poll and the series of the metric."""
    reader = MetricsReader(path, cache)
    reader.poll()
    assert len(reader.series("train/loss")) > 0
    return reader


def sampled(path: Path, cache: Path) -> None:
    with first_view(path, cache) as reader:
        assert not reader.exact, "the file is too short to be sampled: use more steps"


def exact(path: Path, cache: Path, steps: int) -> None:
    """As a panel does it: the thread reads, a poll four times a second, a series when it is done."""
    with first_view(path, cache) as reader:
        while not reader.exact:
            time.sleep(0.05)
            reader.poll()
        assert len(reader.series("train/loss")) == steps


def again(path: Path, cache: Path, steps: int) -> None:
    with first_view(path, cache) as reader:
        assert reader.exact
        assert len(reader.series("train/loss")) == steps


def again_all(path: Path, cache: Path, steps: int) -> None:
    with first_view(path, cache) as reader:
        assert all(len(reader.series(name)) == steps for name in NAMES)


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def longest_wait(path: Path, cache: Path) -> float:
    """The longest that another thread of the process had to wait for the interpreter while the file was read,
    in seconds.
    """
    worst = 0.0
    over = threading.Event()

    def draw() -> None:
        nonlocal worst
        while not over.is_set():
            worst = max(worst, timed(lambda: time.sleep(0.005)) - 0.005)

    drawer = threading.Thread(target=draw)
    with first_view(path, cache) as reader:
        drawer.start()
        while not reader.exact:
            time.sleep(0.05)
            reader.poll()
        over.set()
        drawer.join()
    return worst


def followed(path: Path, cache: Path, steps: int) -> list[float]:
    """A line more, a poll, the series of all metrics: what a live run costs each second."""
    times = []
    with first_view(path, cache) as reader:
        for name in NAMES:
            reader.series(name)
        for number in range(20):
            row = {"step": steps + number, "time": 0.0, "attempt": 1, **dict.fromkeys(NAMES, 1.0)}
            with path.open("a") as stream:
                stream.write(json.dumps(row) + "\n")

            def look() -> None:
                assert reader.poll()
                for name in NAMES:
                    reader.series(name)

            times.append(timed(look))
    return times


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headnode-benchmark-") as directory:
        path = Path(directory, "metrics.jsonl")
        write_metrics(path, options.steps)
        size = path.stat().st_size
        caches = iter(Path(directory, f"cache-{number}") for number in range(1000))
        repeat = range(options.repeat)
        results = {
            "sampled curve": [timed(lambda: sampled(path, next(caches))) for _ in repeat],
            "exact curve": [timed(lambda: exact(path, next(caches), options.steps)) for _ in repeat],
        }
        kept = next(caches)
        exact(path, kept, options.steps)
        results["opened a second time"] = [timed(lambda: again(path, kept, options.steps)) for _ in repeat]
        results["… all 10 curves"] = [timed(lambda: again_all(path, kept, options.steps)) for _ in repeat]
        results["another thread waits"] = [longest_wait(path, next(caches)) for _ in repeat]
        results["one line more"] = followed(path, kept, options.steps)
        cache_size = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file())
    print(
        f"{options.steps:,} steps × {len(NAMES)} metrics, {size / 2**20:,.0f} MiB;"
        f" cache {cache_size / 2**20:,.0f} MiB"
    )
    print(f"{'':24}{'median':>10}{'worst':>10}{'limit':>10}")
    held = True
    for name, times in results.items():
        limit = LIMITS.get(name)
        held = held and (limit is None or statistics.median(times) <= limit)
        shown = "" if limit is None else f"{limit:.1f} s"
        print(f"{name:24}{statistics.median(times):>8.4f} s{max(times):>8.4f} s{shown:>10}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MiB")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
