"""The devices of this machine that a run can have: GPUs (and MIG instances) by UUID, or CPU slots where a job
runs on none; who is on them, by lease or otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.launch import leases
from runtime.launch.leases import CPU, Lease
from runtime.messages import N_, Message
from runtime.settings import load_or_default
from runtime.telemetry import DeviceProcess, DeviceReading, DeviceSample, read_devices, usable
from runtime.telemetry.simulation import is_simulated

GIB = 1 << 30
_DRIVER = Path("/proc/driver/nvidia/gpus")
DEVICES_VARIABLE = "HEADNODE_DEVICES"
"""How a supervisor tells its agent which devices the run has: their keys, separated by commas."""


@dataclass(frozen=True)
class Device:
    """A device, free or not. `memory_*` in bytes, None where the driver doesn't tell.

    `processes`: those on it that no lease accounts for, i.e. of somebody outside Headnode, or left over from
    a run; on a leased device it is empty, since what is there belongs to the holder."""

    key: str
    index: int
    name: str = ""
    memory_free: int | None = None
    memory_total: int | None = None
    processes: tuple[DeviceProcess, ...] = ()
    lease: Lease | None = None
    parent: str | None = None
    allowed: bool = True  # not hidden from us by CUDA_VISIBLE_DEVICES
    simulated: bool = False

    @property
    def gpu(self) -> bool:
        """Whether it is a GPU or a part of one."""
        return not self.key.startswith(CPU)

    @property
    def free(self) -> bool:
        """Whether no run has it."""
        return self.lease is None


@dataclass(frozen=True)
class Machine:
    """The devices at one instant. `problem`: why the GPUs couldn't be read."""

    gpus: tuple[Device, ...] = ()
    slots: tuple[Device, ...] = ()
    problem: Message | None = None
    simulated: bool = False

    @property
    def devices(self) -> tuple[Device, ...]:
        """All of them."""
        return self.gpus + self.slots


def gpu_count() -> int:
    """The GPUs that can be used here, cheaply where there are none."""
    if is_simulated():
        return len(usable(read_devices().devices))
    return nvidia_devices()


def nvidia_devices() -> int:
    """The NVIDIA GPUs that the driver shows, without loading it."""
    try:
        return len(os.listdir(_DRIVER))  # noqa: PTH208
    except OSError:
        return len(list(Path("/dev").glob("nvidia[0-9]*")))


def slot_count() -> int:
    """The CPU slots of this machine: the setting machine.cpu_slots, else its logical CPUs."""
    settings, _ = load_or_default()
    return settings.machine.cpu_slots or os.cpu_count() or 1


def read_gpus() -> DeviceReading:
    """One look at the GPUs; without NVML, what the driver tells of them in /proc. Takes some 0.2 s where
    there are any."""
    if not is_simulated() and nvidia_devices() == 0:
        return DeviceReading([])
    reading = read_devices()
    if reading.devices or reading.simulated:
        return reading
    return replace(reading, devices=_from_driver())


def _from_driver() -> list[DeviceSample]:
    found = []
    for index, path in enumerate(sorted(_DRIVER.glob("*/information"))):
        facts = {}
        try:
            for line in path.read_text(errors="replace").splitlines():
                name, _, value = line.partition(":")
                facts[name.strip()] = value.strip()
        except OSError:
            continue
        if facts.get("GPU UUID", "").startswith("GPU-"):
            found.append(DeviceSample(index=index, uuid=facts["GPU UUID"], name=facts.get("Model")))
    return found


def machine(
    reading: DeviceReading, held: Mapping[str, Lease], environment: Mapping[str, str] | None = None
) -> Machine:
    """The devices of `reading` and the CPU slots, with the leases on them."""
    visible = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    gpus = [
        _gpu(sample, held.get(sample.uuid)) for sample in usable(reading.devices) if sample.uuid is not None
    ]
    allowed = {device.key for device in _visible(gpus, visible)}
    slots = [Device(f"{CPU}{index}", index, lease=held.get(f"{CPU}{index}")) for index in range(slot_count())]
    return Machine(
        tuple(replace(device, allowed=device.key in allowed) for device in gpus),
        tuple(slots),
        reading.problem,
        reading.simulated,
    )


def look(environment: Mapping[str, str] | None = None) -> Machine:
    """All devices now."""
    return machine(read_gpus(), leases.held(), environment)


def _gpu(sample: DeviceSample, lease: Lease | None) -> Device:
    assert sample.uuid is not None
    free = None
    if sample.memory_total is not None and sample.memory_used is not None:
        free = max(0, sample.memory_total - sample.memory_used - (sample.memory_reserved or 0))
    return Device(
        sample.uuid,
        sample.index,
        sample.name or "",
        memory_free=free,
        memory_total=sample.memory_total,
        processes=tuple(sample.processes or ()) if lease is None else (),
        lease=lease,
        parent=sample.parent,
        simulated=sample.simulated,
    )


def _visible(gpus: Sequence[Device], visible: str | None) -> list[Device]:
    """What CUDA_VISIBLE_DEVICES, as the launch had it, leaves of the GPUs: a batch system or a person shares
    a machine out with it. Entries after one that names nothing don't count, as for CUDA itself."""
    if visible is None:
        return list(gpus)
    found: list[Device] = []
    for word in filter(None, (word.strip() for word in visible.split(","))):
        matching = named(gpus, int(word) if word.isdecimal() else word)
        if len(matching) != 1:
            break
        found += matching
    return found


def named(gpus: Sequence[Device], name: int | str) -> list[Device]:
    """The GPUs that a person can have meant: a number is a whole GPU's, a text the beginning of a UUID."""
    if isinstance(name, int):
        return [device for device in gpus if device.index == name and device.parent is None]
    exact = [device for device in gpus if device.key == name]
    return exact or [device for device in gpus if device.key.lower().startswith(name.lower())]


def process_message(process: DeviceProcess) -> Message:
    """`python (pid 4711 of mlin, 21.1 GiB)`, as much of it as the driver tells."""
    values = {
        "name": process.name or "?",
        "pid": process.pid,
        "user": process.user or "?",
        "memory": f"{(process.memory_used or 0) / GIB:.1f}",
    }
    if process.run is not None:
        values["run"] = process.run
        return Message(N_("{name} of {run} (pid {pid}, {memory} GiB)"), values)
    return Message(N_("{name} (pid {pid} of {user}, {memory} GiB)"), values)
