"""A sampler that tells of eight GPUs without having any."""

from __future__ import annotations

from typing import Any

from runtime.run.workspace import Workspace

GIB = 1024**3


def line(run: str | None = None, time: float = 1795530720.0, gpus: int = 8, busy: int = 5) -> dict[str, Any]:
    """One telemetry line; `run` is on the first four GPUs."""
    return {
        "time": time,
        "node": "node-1",
        "cpu_percent": 31.0,
        "memory_used": 212 * GIB,
        "memory_total": 1024 * GIB,
        "disk_free": int(1.2 * 1024 * GIB),
        "gpus": [
            {
                "index": index,
                "uuid": f"GPU-{index}",
                "name": "NVIDIA H100",
                "state": "ok",
                "utilization": 97.0 - index if index < busy else 0.0,
                "memory_used": int((71.2 - index / 10) * GIB) if index < busy else 512 << 20,
                "memory_total": 80 * GIB,
                "power": 612.0 + index if index < busy else 71.0,
                "temperature": 64.0 + index if index < busy else 31.0,
                "throttle": ["hw_thermal"] if index == 3 else [],
                "processes": [{"pid": 100 + index, "run": run}] if run and index < 4 else [],
            }
            for index in range(gpus)
        ],
    }


class SampleSampler:
    """Gives its line once, and again after `again` polls."""

    def __init__(self, first: dict[str, Any]) -> None:
        self._lines = [first]

    def start(self) -> None:
        return

    def poll(self) -> list[dict[str, Any]]:
        lines, self._lines = self._lines, []
        return lines

    def stop(self) -> None:
        return


def sampler(workspace: Workspace) -> SampleSampler:
    """The first run named olmo-1b-9c1e is on GPUs 0 to 3."""
    run = next((run.run_id for run in workspace.runs() if run.run_id.endswith("9c1e")), None)
    return SampleSampler(line(run))
