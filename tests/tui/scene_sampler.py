"""A sampler that plays a scene of `runtime.telemetry.scenes`, ten minutes of it at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runtime.run.workspace import Workspace
from runtime.telemetry.problems import Problem
from runtime.telemetry.sample import HostSample, sample_line
from runtime.telemetry.scenes import RUNS, scene
from tests.tui.sample_workspace import NOW

GIB = 1 << 30
_EVERY = 4.0
_BEFORE = 150


class SceneSampler:
    """`first` samples that lie before NOW, then one a poll while `going`."""

    def __init__(self, name: str | None, runs: Sequence[str] = RUNS, *, going: bool = False) -> None:
        self._name, self._runs, self._going = name, runs, going
        self._number = 0

    def start(self) -> None:
        return

    def stop(self) -> None:
        return

    def poll(self) -> list[dict[str, Any]]:
        if self._number == 0:
            return [self._line() for _sample in range(_BEFORE)]
        return [self._line()] if self._going else []

    def _line(self) -> dict[str, Any]:
        made = scene(self._name) if self._name is not None else None
        devices, problem = made(self._number, self._runs) if made is not None else ([], Problem("no_card"))
        time = NOW - _EVERY * (_BEFORE - self._number)
        line = sample_line(time, "node-1", _host(self._number), devices, problem)
        line["simulated"] = made is not None
        self._number += 1
        return line


def _host(number: int) -> HostSample:
    return HostSample(
        cpu_percent=30.0 + number % 20,
        cpu_cores=[10.0, 95.0, 40.0, 0.0],
        load=[1.5, 1.2, 0.9],
        memory_used=212 * GIB,
        memory_total=1024 * GIB,
        swap_used=0,
        disk_free=1200 * GIB,
        disk_total=7000 * GIB,
        network_received=1.2e6,
        network_sent=3e5,
    )


def playing(name: str | None, *suffixes: str, going: bool = False) -> Callable[[Workspace], SceneSampler]:
    """A service for the panel; the scene's runs are those of the workspace with these suffixes."""

    def make(workspace: Workspace) -> SceneSampler:
        ids = [run.run_id for run in workspace.runs()]
        runs = [next(run for run in ids if run.endswith(suffix)) for suffix in suffixes]
        return SceneSampler(name, runs or RUNS, going=going)

    return make
