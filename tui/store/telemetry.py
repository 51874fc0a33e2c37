"""One sample of the machine as the panel shows it, read from a telemetry line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tui.clean import clean

if TYPE_CHECKING:
    from runtime.messages import Message


@dataclass(frozen=True)
class GpuProcess:
    """A process on an accelerator. In a container the pid is the host's, and nothing else is known."""

    pid: int
    memory_used: int | None = None  # bytes
    name: str = ""
    run: str = ""
    user: str = ""


@dataclass(frozen=True)
class Gpu:
    """One accelerator, or a MIG instance of one; what its driver doesn't tell is None. Units as in
    `runtime.telemetry.DeviceSample`."""

    index: int
    name: str = ""
    state: str = "ok"
    uuid: str = ""
    instance: int | None = None  # of a MIG instance: its number
    utilization: float | None = None  # percent
    memory_utilization: float | None = None  # percent
    memory_used: int | None = None  # bytes
    memory_total: int | None = None  # bytes
    memory_reserved: int | None = None  # bytes
    unified: bool = False
    power: float | None = None  # watts
    power_limit: float | None = None  # watts
    temperature: float | None = None  # degrees Celsius
    slowdown_temperature: float | None = None  # degrees Celsius
    sm_clock: float | None = None  # MHz
    memory_clock: float | None = None  # MHz
    max_sm_clock: float | None = None  # MHz
    max_memory_clock: float | None = None  # MHz
    fan: float | None = None  # percent
    throttle: tuple[str, ...] = ()
    ecc_errors: int | None = None
    ecc_errors_ever: int | None = None
    remapped_rows: int | None = None
    remap_failed: bool | None = None
    mig: bool | None = None
    persistence: bool | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    max_pcie_generation: int | None = None
    max_pcie_width: int | None = None
    pcie_received: int | None = None  # bytes/s
    pcie_sent: int | None = None  # bytes/s
    nvlinks: int | None = None
    nvlink_received: int | None = None  # bytes/s
    nvlink_sent: int | None = None  # bytes/s
    runs: tuple[str, ...] = ()  # ids of the runs whose processes are on it or on its instances
    processes: tuple[GpuProcess, ...] | None = None  # None where the driver doesn't tell
    instances: tuple[Gpu, ...] = ()  # what it is cut into
    simulated: bool = False

    @property
    def key(self) -> str:
        """What tells it from all others for as long as the panel is open."""
        return self.uuid or f"index-{self.index}"

    @property
    def busy(self) -> bool:
        """Whether it computes or holds the memory of a process."""
        if self.utilization is not None and self.utilization >= 5:
            return True
        return bool(self.memory_used and self.memory_total and self.memory_used > 0.1 * self.memory_total)

    @property
    def foreign(self) -> tuple[GpuProcess, ...]:
        """The processes that belong to no run."""
        return tuple(process for process in self.processes or () if not process.run)


@dataclass(frozen=True)
class Sample:
    """The machine at one instant; None where unknown."""

    time: float
    node: str
    cpu_percent: float | None
    memory_used: int | None  # bytes
    memory_total: int | None  # bytes
    disk_free: int | None  # bytes
    gpus: tuple[Gpu, ...] = ()  # whole devices; their MIG instances are inside
    problem: Message | None = None  # why accelerators can't be read, with the fix
    problem_quiet: bool = False  # there simply is no accelerator
    simulated: bool = False  # the accelerators come from a script
    cpu_cores: tuple[float, ...] = ()  # percent
    load: tuple[float, ...] = ()  # 1, 5, 15 minutes
    swap_used: int | None = None  # bytes
    disk_total: int | None = None  # bytes
    network_received: float | None = None  # bytes/s
    network_sent: float | None = None  # bytes/s

    def all_gpus(self) -> Iterator[Gpu]:
        """Every device, each followed by its MIG instances."""
        for gpu in self.gpus:
            yield gpu
            yield from gpu.instances


def read_sample(line: Mapping[str, Any]) -> Sample | None:
    """A telemetry line as a `Sample`; None for what is no such line."""
    from runtime.telemetry.problems import problem_from_json

    moment = _number(line.get("time"))
    if moment is None:
        return None
    problem = problem_from_json(line)
    return Sample(
        time=moment,
        node=clean(line.get("node", "")),
        cpu_percent=_number(line.get("cpu_percent")),
        memory_used=_integer(line.get("memory_used")),
        memory_total=_integer(line.get("memory_total")),
        disk_free=_integer(line.get("disk_free")),
        gpus=_gpus(line.get("gpus")),
        problem=problem.message if problem is not None else None,
        problem_quiet=problem is not None and problem.quiet,
        simulated=line.get("simulated") is True,
        cpu_cores=_numbers(line.get("cpu_cores")),
        load=_numbers(line.get("load")),
        swap_used=_integer(line.get("swap_used")),
        disk_total=_integer(line.get("disk_total")),
        network_received=_number(line.get("network_received")),
        network_sent=_number(line.get("network_sent")),
    )


def _gpus(entries: object) -> tuple[Gpu, ...]:
    """Whole devices with their instances, in the line's order."""
    found: list[tuple[Gpu, str]] = []
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            found.append((_gpu(entry, position), clean(entry.get("parent") or "")))
    whole = []
    for gpu, parent in found:
        if parent:
            continue
        instances = tuple(part for part, of in found if of and of == gpu.uuid)
        runs = {run for each in (gpu, *instances) for run in each.runs}
        whole.append(replace(gpu, instances=instances, runs=tuple(sorted(runs))))
    return tuple(whole)


_TEXTS = ("name", "uuid")
_FLOATS = (
    "utilization", "memory_utilization", "power", "power_limit", "temperature", "slowdown_temperature",
    "sm_clock", "memory_clock", "max_sm_clock", "max_memory_clock", "fan",
)  # fmt: skip
_INTEGERS = (
    "instance", "memory_used", "memory_total", "memory_reserved", "ecc_errors", "ecc_errors_ever",
    "remapped_rows", "pcie_generation", "pcie_width", "max_pcie_generation", "max_pcie_width",
    "pcie_received", "pcie_sent", "nvlinks", "nvlink_received", "nvlink_sent",
)  # fmt: skip
_FLAGS = ("remap_failed", "mig", "persistence")


def _gpu(entry: Mapping[str, Any], position: int) -> Gpu:
    throttle, listed = entry.get("throttle"), entry.get("processes")
    processes = None
    if isinstance(listed, list):
        processes = tuple(_process(item) for item in listed if isinstance(item, dict))
    index = _integer(entry.get("index"))
    values: dict[str, Any] = {name: clean(entry.get(name) or "") for name in _TEXTS}
    values.update((name, _number(entry.get(name))) for name in _FLOATS)
    values.update((name, _integer(entry.get(name))) for name in _INTEGERS)
    values.update((name, _flag(entry.get(name))) for name in _FLAGS)
    return Gpu(
        index=position if index is None else index,
        state=clean(entry.get("state") or "ok"),
        unified=entry.get("unified") is True,
        throttle=tuple(clean(reason) for reason in throttle) if isinstance(throttle, list) else (),
        runs=tuple(sorted({process.run for process in processes or () if process.run})),
        processes=processes,
        simulated=entry.get("simulated") is True,
        **values,
    )


def _process(entry: Mapping[str, Any]) -> GpuProcess:
    return GpuProcess(
        pid=_integer(entry.get("pid")) or 0,
        memory_used=_integer(entry.get("memory_used")),
        name=clean(entry.get("name") or ""),
        run=clean(entry.get("run") or ""),
        user=clean(entry.get("user") or ""),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _numbers(values: object) -> tuple[float, ...]:
    found = (_number(value) for value in (values if isinstance(values, list) else ()))
    return tuple(value for value in found if value is not None)


def _integer(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
