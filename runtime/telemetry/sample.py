"""The values of one sample, and the protocol that yields them for accelerators.

Every value that a machine may refuse to tell is `None` when unknown, never 0: a GPU at 0 W and a GPU
whose power can't be read are different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

from runtime.telemetry.problems import Problem


@dataclass(frozen=True)
class DeviceProcess:
    """A process that holds memory of a device.

    `name`, `user` and `run` (its HEADNODE_RUN) are known only where NVML's pids are this process's pids too;
    inside a container they are the host's, and naming a local process by them would name the wrong one.
    """

    pid: int
    memory_used: int | None = None  # bytes
    name: str | None = None
    run: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class DeviceSample:
    """One accelerator at one instant, or one MIG instance of it (`parent` is set then)."""

    index: int  # NVML's; a MIG instance has its device's
    uuid: str | None = None
    name: str | None = None
    state: str = "ok"  # ok | lost (fell off the bus) | unreadable (its handle can't be had)
    parent: str | None = None  # of a MIG instance: the UUID of its device
    instance: int | None = None  # of a MIG instance: its number on the device
    utilization: float | None = None  # percent of the last sampling period with a kernel running
    memory_utilization: float | None = None  # percent of the period with memory traffic
    memory_used: int | None = None  # bytes
    memory_total: int | None = None  # bytes
    memory_reserved: int | None = None  # bytes that the driver keeps for itself
    unified: bool = False  # shares the host's memory, whose numbers the above then are
    power: float | None = None  # watts
    power_limit: float | None = None  # watts
    temperature: float | None = None  # degrees Celsius
    slowdown_temperature: float | None = None  # degrees Celsius from which the hardware slows down
    sm_clock: float | None = None  # MHz
    memory_clock: float | None = None  # MHz
    max_sm_clock: float | None = None  # MHz
    max_memory_clock: float | None = None  # MHz
    fan: float | None = None  # percent
    throttle: list[str] | None = None  # why the clocks are held down, see nvml.THROTTLE; [] = they aren't
    ecc_errors: int | None = None  # uncorrected, since the driver was loaded
    ecc_errors_ever: int | None = None  # uncorrected, over the board's life
    remapped_rows: int | None = None  # rows of memory replaced by spare ones (pages, on boards before Ampere)
    remap_failed: bool | None = None  # no spare row was left: the board is to be replaced
    mig: bool | None = None
    persistence: bool | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None  # lanes
    max_pcie_generation: int | None = None
    max_pcie_width: int | None = None  # lanes
    pcie_received: int | None = None  # bytes/s; only when asked for, since reading takes 20 ms
    pcie_sent: int | None = None  # bytes/s
    nvlinks: int | None = None  # links that are up
    nvlink_received: int | None = None  # bytes/s over all links since the sample before
    nvlink_sent: int | None = None  # bytes/s
    processes: list[DeviceProcess] | None = None
    simulated: bool = False  # made up or recorded: no such device was read

    def to_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class HostSample:
    """The machine at one instant. Percentages are over the time since the sample before."""

    cpu_percent: float | None = None  # of all cores, 0–100
    cpu_cores: list[float] = field(default_factory=list)  # percent, one a core
    load: list[float] | None = None  # 1, 5, 15 minutes
    memory_used: int | None = None  # bytes that are not available to a new process
    memory_total: int | None = None  # bytes
    swap_used: int | None = None  # bytes
    disk_free: int | None = None  # bytes free to this user where the workspace is
    disk_total: int | None = None  # bytes
    network_received: float | None = None  # bytes/s, all interfaces but loopback
    network_sent: float | None = None  # bytes/s

    def to_json(self) -> dict[str, object]:
        return asdict(self)


class DeviceSource(Protocol):
    """Where samples of accelerators come from."""

    @property
    def problem(self) -> Problem | None:
        """Why there are no devices; None when they can be read."""

    def sample(self) -> list[DeviceSample]:
        """All devices now, by index;

        an empty list where there are none. Never raises for what a driver does.
        """

    def close(self) -> None: ...


class ScriptedSource:
    """Replays recorded samples, the last one for ever: for tests and for looking at a recording."""

    def __init__(self, samples: Iterable[Sequence[DeviceSample]], problem: Problem | None = None) -> None:
        self._samples = [list(sample) for sample in samples]
        self._next = 0
        self.problem: Problem | None = problem

    def sample(self) -> list[DeviceSample]:
        if not self._samples:
            return []
        current = self._samples[min(self._next, len(self._samples) - 1)]
        self._next += 1
        return current

    def close(self) -> None:
        self._samples = []


def sample_line(
    time: float, node: str, host: HostSample, devices: Sequence[DeviceSample], problem: Problem | None = None
) -> dict[str, object]:
    """The JSON object of one telemetry line."""
    line: dict[str, object] = {"time": round(time, 3), "node": node}
    line.update(host.to_json())
    line["gpus"] = [device.to_json() for device in devices]
    if problem is not None:
        line.update(problem.to_json())
    return line
