"""The history of one device: a chart over the time of day, without what only suits a run's curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from textual.binding import Binding

from tui import keymap
from tui.format import duration
from tui.i18n import N_, _
from tui.plotting.labels import reading_number
from tui.plotting.model import ChartModel, Drawn, Reading
from tui.widgets.chart import CURSOR, Chart, Part

METRIC_WORDS = {
    "utilization": N_("load %"),
    "memory": N_("memory GiB"),
    "power": N_("power W"),
    "temperature": N_("temperature °C"),
    "clock": N_("SM clock MHz"),
    "pcie": N_("PCIe MB/s"),
    "nvlink": N_("NVLink MB/s"),
    "cpu": N_("CPU %"),
    "network": N_("network MB/s"),
}


@dataclass(frozen=True)
class TimeSeries:
    """Points by time as a chart takes them; arrays of shape [points]."""

    step: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    time: npt.NDArray[np.float64]
    attempt: npt.NDArray[np.int32]


def time_series(times: Sequence[float], values: Sequence[float]) -> TimeSeries:
    """The points, numbered."""
    count = len(times)
    return TimeSeries(
        np.arange(count, dtype=np.int64),
        np.asarray(values, dtype=np.float64),
        np.asarray(times, dtype=np.float64),
        np.ones(count, dtype=np.int32),
    )


class HistoryChart(Chart, inherit_bindings=False):
    """`show_history` with what there is so far; zoom, pan and inspection work as on a run's charts."""

    ACTIONS: ClassVar[tuple[str, ...]] = (
        "zoom_in", "zoom_out", "pan_left", "pan_right", "inspect", "follow",
    )  # fmt: skip
    BINDINGS: ClassVar[list[Binding]] = [*CURSOR, *keymap.bindings(ACTIONS)]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_clock_model(), id=id)
        self._of: tuple[str, str] | None = None

    def show_history(self, name: str, metric: str, times: Sequence[float], values: Sequence[float]) -> None:
        """Draws the metric (a key of METRIC_WORDS) of the device called `name`."""
        title = f"{name} {_(METRIC_WORDS[metric])}".strip()
        self.empty_text = _("the driver doesn't tell this") if not values else ""
        if (name, metric) != self._of:
            self._of = (name, metric)
            self.model = _clock_model()
            self.model.set_series([Drawn(time_series(times, values))])
            self.set_model(title, self.model)
        else:
            self.set_series(title, [Drawn(time_series(times, values))])

    def _modes(self) -> list[str]:
        if self.model.empty:
            return []
        left, right = self.model.extent if self.model.window is None else self.model.window
        held = [] if self.model.follow else [_("held")]
        return [*held, duration(right - left)]

    def _reading_parts(self, readings: Sequence[Reading]) -> list[Part]:
        first = readings[0]
        moment = datetime.fromtimestamp(first.time, self.model.zone)
        return [(f"  {reading_number(first.value)}", "bold text"), (f"  {moment:%m-%d %H:%M:%S}", "muted")]


def _clock_model() -> ChartModel:
    model = ChartModel()
    model.axis = "clock"
    return model
