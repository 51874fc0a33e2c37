"""HEADNODE_SIMULATE_GPUS: devices by a script instead of by NVML, in the sampler and in `read_devices`.

Its value is a number of busy devices (`8`), a scene of `runtime.telemetry.scenes` (`idle-8`, `mig`, `lost`,
`none`, `unsupported`), or the path of a recording (`python -m runtime.telemetry --record FILE`).
HEADNODE_SIMULATE_RUNS names the runs of a busy scene, separated by commas. Every simulated device says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from runtime.telemetry import scenes
from runtime.telemetry.problems import Problem
from runtime.telemetry.recording import read_recording
from runtime.telemetry.sample import DeviceSample, DeviceSource, ScriptedSource

VARIABLE = "HEADNODE_SIMULATE_GPUS"
RUNS_VARIABLE = "HEADNODE_SIMULATE_RUNS"


class SceneSource:
    """A scene, one sample after the other."""

    def __init__(self, scene: scenes.Scene, runs: tuple[str, ...], first: int = 0) -> None:
        self._scene, self._runs, self._next = scene, runs, first
        self.problem: Problem | None = None

    def sample(self) -> list[DeviceSample]:
        devices, self.problem = self._scene(self._next, self._runs)
        self._next += 1
        return devices

    def close(self) -> None:
        return


def simulated_source(
    environment: Mapping[str, str] | None = None, *, settled: bool = False
) -> DeviceSource | None:
    """What stands in for NVML here; None where nothing does.

    `settled`: begin where a scene has shown everything that happens in it, for a single look.
    """
    environment = os.environ if environment is None else environment
    name = environment.get(VARIABLE, "").strip()
    if not name:
        return None
    scene = scenes.scene(name)
    if scene is not None:
        runs = tuple(run for run in environment.get(RUNS_VARIABLE, "").split(",") if run) or scenes.RUNS
        return SceneSource(scene, runs, scenes.LOST_AFTER if settled else 0)
    try:
        recording = read_recording(Path(name))
    except OSError as error:
        known = ", ".join(scenes.NAMES)
        detail = f"{name} is no scene ({known}) and no readable recording: {error.strerror}"
        return ScriptedSource([], Problem("no_script", detail))
    samples = recording[-1:] if settled else recording
    return ScriptedSource([devices for devices, _problem in samples], samples[-1][1] if samples else None)


def is_simulated(environment: Mapping[str, str] | None = None) -> bool:
    """Whether a script stands in for NVML here."""
    return bool((os.environ if environment is None else environment).get(VARIABLE, "").strip())
