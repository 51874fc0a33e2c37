"""How fast runs are compared.

    python benchmarks/compare.py [POINTS] [RUNS]

Prints medians for so many runs of so many logged steps each (default 1,000,000 and 10): making the chart
ready and the numbers of the table, both of which a thread does, and what the panel's own thread does at a
key: drawing the chart, all of it and zoomed in, and the readings of all runs at the cursor. Reading the
metrics from disk is measured by `metrics_reader.py`.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tui.comparing.facts import LETTERS, compare
from tui.plotting.model import ChartModel, Drawn

ROUNDS = 5
WIDTH, HEIGHT = 120, 40


@dataclass
class Points:
    """The values of one metric of one run."""

    step: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    time: npt.NDArray[np.float64]
    attempt: npt.NDArray[np.int32]


class Run:
    """The metrics of one run, in memory."""

    def __init__(self, points: int, seed: int) -> None:
        steps = np.arange(points, dtype=np.int64)
        rng = np.random.default_rng(seed)
        value = 2.3 + 8 / (1 + steps / points * 300) ** 0.6 + rng.normal(scale=0.1, size=points)
        attempt = np.ones(points, dtype=np.int32)
        self.curve = Points(steps, value, 1_795_000_000.0 + 2.0 * steps, attempt)

    def names(self) -> list[str]:
        return ["train/loss"]

    def series(self, name: str) -> Points:
        return self.curve


def milliseconds(run: Callable[[], object]) -> float:
    times = []
    for _round in range(ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    runs = [Run(points, seed) for seed in range(count)]
    drawn = [
        Drawn(run.curve, label=letter, mark=letter, tokens_per_step=2048.0, origin=float(run.curve.time[0]))
        for letter, run in zip(LETTERS, runs, strict=False)
    ]
    print(f"{count} runs of {points:,} points")
    print(f"in a thread: chart  {milliseconds(lambda: ChartModel().set_series(drawn)):7.1f} ms")
    print(f"in a thread: table  {milliseconds(lambda: compare(runs, 'train/loss')):7.1f} ms")
    model = ChartModel()
    model.set_series(drawn)
    print(f"a key: draw all     {milliseconds(lambda: model.picture(WIDTH, HEIGHT)):7.1f} ms")
    model.zoom(0.01)
    print(f"a key: draw 1 %     {milliseconds(lambda: model.picture(WIDTH, HEIGHT)):7.1f} ms")
    model.toggle_inspect()
    print(f"a key: read values  {milliseconds(model.readings):7.1f} ms")
    print(f"a key: other axis   {milliseconds(model.cycle_axis):7.1f} ms")


if __name__ == "__main__":
    main()
