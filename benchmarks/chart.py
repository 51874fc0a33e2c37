"""How long a chart takes to redraw, by the number of points behind it.

    python benchmarks/chart.py

Prints medians in milliseconds of a chart 120×40 and 200×60 with its raw and smoothed line (weight 0.9): a
redraw as at a key (zoomed in and out in turn, so that nothing is the same), the whole widget path of it
with strips, one more point that is logged, the first preparation, and another smoothing. Goal: redraw ≤ 5
ms at 1,000,000.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from textual.app import App, ComposeResult

from tui.plotting.model import ChartModel, Drawn
from tui.widgets.chart import Chart

ROUNDS = 15


@dataclass
class Curve:
    """A loss curve as the metrics reader gives it."""

    step: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    time: npt.NDArray[np.float64]
    attempt: npt.NDArray[np.int32]

    def head(self, points: int) -> Curve:
        return Curve(self.step[:points], self.value[:points], self.time[:points], self.attempt[:points])


def loss_curve(points: int) -> Curve:
    """A falling loss with noise, a spike and a second attempt."""
    rng = np.random.default_rng(0)
    step = np.arange(points)
    value = 2.3 + 8 / (1 + step / points * 300) ** 0.6 + rng.normal(scale=0.08, size=points)
    value[points // 3 : points // 3 + 5] += 3
    return Curve(step, value, 1.7e9 + step * 0.5, np.where(step < points * 0.6, 1, 2).astype(np.int32))


def median_ms(run: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> float:
    """The median of `ROUNDS` runs in milliseconds, each after `prepare`."""
    times = []
    for _round in range(ROUNDS):
        prepare()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def measure(points: int, width: int, height: int) -> None:
    curve = loss_curve(points)
    model = ChartModel()
    model.set_smoothing(0.9)
    model.set_series([Drawn(curve.head(points - ROUNDS * 4))])

    zoomed = [False]

    def other_view() -> None:
        model.window = None if zoomed[0] else (points * 0.1, points * 0.8)
        zoomed[0] = not zoomed[0]

    redraw = median_ms(lambda: model.picture(width, height), other_view)
    logged = [points - ROUNDS * 4]

    def one_more() -> None:
        logged[0] += 1
        model.set_series([Drawn(curve.head(logged[0]))])
        model.picture(width, height)

    append = median_ms(one_more)
    first = median_ms(lambda: _prepared(curve))
    smooth = median_ms(lambda: model.set_smoothing(0.9), lambda: model.set_smoothing(0.0))
    print(f"{points:>9,}  {width}×{height}  {redraw:9.2f}  {append:9.2f}  {first:9.2f}  {smooth:9.2f}")


def _prepared(curve: Curve) -> ChartModel:
    model = ChartModel()
    model.set_smoothing(0.9)
    model.set_series([Drawn(curve)])
    return model


class _App(App[None]):
    """One chart full screen; measures what a key costs up to the strips that Textual sends."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.points = points
        self.milliseconds = 0.0

    def compose(self) -> ComposeResult:
        yield Chart()

    def measure(self) -> None:
        chart = self.query_one(Chart)
        chart.set_series("train/loss", [Drawn(loss_curve(self.points))])
        chart.model.set_smoothing(0.9)

        def redraw() -> None:
            chart.model.window = None if chart.model.window else (self.points * 0.1, self.points * 0.8)
            chart.update_chart()
            for y in range(chart.size.height):
                chart.render_line(y)

        self.milliseconds = median_ms(redraw)


async def widget(points: int, width: int, height: int) -> float:
    app = _App(points)
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        app.measure()
    return app.milliseconds


def main() -> None:
    import asyncio

    print("   points    size     redraw ms  append ms   first ms  smooth ms")
    for width, height in ((120, 40), (200, 60)):
        for points in (1_000, 20_000, 1_000_000):
            measure(points, width, height)
    for width, height in ((120, 40), (200, 60)):
        for points in (1_000, 20_000, 1_000_000):
            spent = asyncio.run(widget(points, width, height))
            print(f"{points:>9,}  {width}×{height}  widget redraw with all strips {spent:6.2f} ms")


if __name__ == "__main__":
    main()
