"""One sample of the machine as the panel shows it, read from a telemetry line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.clean import clean


@dataclass(frozen=True)
class Gpu:
    """One accelerator; what its driver doesn't tell is None."""

    index: int
    name: str = ""
    state: str = "ok"
    utilization: float | None = None  # percent
    memory_used: int | None = None  # bytes
    memory_total: int | None = None  # bytes
    power: float | None = None  # watts
    temperature: float | None = None  # degrees Celsius
    throttle: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()  # ids of the runs whose processes are on it

    @property
    def busy(self) -> bool:
        """Whether it computes or holds the memory of a process."""
        if self.utilization is not None and self.utilization >= 5:
            return True
        return bool(self.memory_used and self.memory_total and self.memory_used > 0.1 * self.memory_total)


@dataclass(frozen=True)
class Sample:
    """The machine at one instant; None where unknown."""

    time: float
    node: str
    cpu_percent: float | None
    memory_used: int | None  # bytes
    memory_total: int | None  # bytes
    disk_free: int | None  # bytes
    gpus: tuple[Gpu, ...] = ()
    problem: str | None = None  # why accelerators can't be read, in the driver's words


def read_sample(line: Mapping[str, Any]) -> Sample | None:
    """A telemetry line as a `Sample`; None for what is no such line."""
    moment = _number(line.get("time"))
    if moment is None:
        return None
    gpus = line.get("gpus")
    problem = line.get("gpu_problem")
    return Sample(
        time=moment,
        node=clean(line.get("node", "")),
        cpu_percent=_number(line.get("cpu_percent")),
        memory_used=_integer(line.get("memory_used")),
        memory_total=_integer(line.get("memory_total")),
        disk_free=_integer(line.get("disk_free")),
        gpus=tuple(_gpu(entry, position) for position, entry in enumerate(gpus) if isinstance(entry, dict))
        if isinstance(gpus, list)
        else (),
        problem=clean(problem) if problem else None,
    )


def _gpu(entry: Mapping[str, Any], position: int) -> Gpu:
    throttle, processes = entry.get("throttle"), entry.get("processes")
    runs = {
        clean(process["run"])
        for process in (processes if isinstance(processes, list) else [])
        if isinstance(process, dict) and process.get("run")
    }
    index = _integer(entry.get("index"))
    return Gpu(
        index=position if index is None else index,
        name=clean(entry.get("name") or ""),
        state=clean(entry.get("state") or "ok"),
        utilization=_number(entry.get("utilization")),
        memory_used=_integer(entry.get("memory_used")),
        memory_total=_integer(entry.get("memory_total")),
        power=_number(entry.get("power")),
        temperature=_number(entry.get("temperature")),
        throttle=tuple(clean(reason) for reason in throttle) if isinstance(throttle, list) else (),
        runs=tuple(sorted(runs)),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
