"""Checks of devices: whether the GPUs or CPU slots that a profile wants are there, who is on them, and how
long the queue is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from runtime.launch import devices, leases
from runtime.launch.check import Check
from runtime.launch.devices import Device, Machine, gpu_count, named, process_message
from runtime.launch.lease_files import LeaseError, usable_directory
from runtime.launch.queueing import Wants, lacking
from runtime.launch.queueing_view import forecast, waiting_for, wants_of_profile
from runtime.messages import N_, Message, joined
from runtime.telemetry import DeviceReading

if TYPE_CHECKING:
    from runtime.profile import Profile

GIB = 1 << 30


def device_checks(profile: Profile) -> Iterator[Check]:
    """What the profile wants of this machine's devices."""
    launch = profile.launch
    there = gpu_count()
    wants = wants_of_profile(profile, there)
    if wants is None:
        if profile.job != "command":
            yield _on_the_cpu(launch.processes)
        return
    reading = devices.read_gpus() if wants.kind == "gpu" else DeviceReading([])
    machine = devices.machine(reading, leases.held())
    missing = lacking(wants, machine.devices)
    if missing is not None:
        yield _missing(profile, wants, machine, missing)
        return
    if wants.kind == "gpu":
        values = {"processes": launch.processes, "there": len(machine.gpus)}
        yield Check("devices", "ok", Message(N_("{processes} processes, {there} GPUs here"), values))
        yield from _occupied(wants, machine)
    else:
        yield _on_the_cpu(launch.processes)
    yield _queue(profile, wants, machine)


def _on_the_cpu(processes: int) -> Check:
    one = Message(N_("one process on the CPU"))
    many = Message(N_("{processes} processes on the CPU"), {"processes": processes})
    return Check("devices", "ok", one if processes == 1 else many)


def _missing(profile: Profile, wants: Wants, machine: Machine, missing: Message) -> Check:
    if wants.kind == "cpu":
        fix = Message(N_("lower launch.slots, or raise machine.cpu_slots in the settings"))
        return Check("devices", "fail", missing, fix)
    if not machine.gpus:
        message = machine.problem or Message(N_("the profile asks for a GPU and there is none here"))
        fix = Message(N_("set launch.device to cpu or auto, or see to the driver (nvidia-smi)"))
        return Check("devices", "fail", message, fix)
    if wants.names:
        return Check(
            "devices", "fail", missing, Message(N_("headnode gpus lists them; they are counted from 0"))
        )
    key = "launch.processes" if profile.launch.gpus in (None, "auto") else "launch.gpus"
    fix = Message(N_("lower {key}; each process has a GPU of its own"), {"key": key})
    return Check("devices", "fail", missing, fix)


def _occupied(wants: Wants, machine: Machine) -> Iterator[Check]:
    """GPUs that somebody is on without a lease: who named them is warned, who didn't gets others."""
    busy = [device for device in machine.gpus if device.free and device.processes]
    if wants.names:
        meant = [device for name in wants.names for device in named(machine.gpus, name)]
        for device in busy:
            if device in meant:
                values = {"gpu": label(device), "processes": joined(map(process_message, device.processes))}
                message = Message(N_("GPU {gpu} is named, and others are on it: {processes}"), values)
                fix = Message(N_("name another GPU, or only how many: gpus: {count}"), {"count": wants.count})
                yield Check("gpu processes", "warn", message, fix)
        return
    if busy:
        users = joined(
            Message(
                N_("GPU {gpu}: {processes}"),
                {"gpu": label(device), "processes": joined(map(process_message, device.processes))},
            )
            for device in busy
        )
        message = Message(N_("others are on some GPUs, which are left alone: {users}"), {"users": users})
        yield Check("gpu processes", "ok", message)


def _queue(profile: Profile, wants: Wants, machine: Machine) -> Check:
    try:
        usable_directory()
    except LeaseError as error:
        return Check("queue", "fail", error.message)
    decision = forecast(wants, profile.launch.priority, time.time(), machine)
    if decision.choice is not None:
        chosen = [device for device in machine.devices if device.key in decision.choice]
        if wants.kind == "gpu":
            values = {"gpus": ", ".join(label(device) for device in chosen)}
            return Check("queue", "ok", Message(N_("starts at once, on GPU {gpus}"), values))
        return Check("queue", "ok", Message(N_("starts at once")))
    waits = waiting_for(wants, len(decision.ahead))
    return Check(
        "queue", "ok", Message(N_("{waits}; {holders}"), {"waits": waits, "holders": holders(machine, wants)})
    )


def holders(machine: Machine, wants: Wants) -> Message:
    """Who has the devices of this kind now."""
    of_kind = machine.gpus if wants.kind == "gpu" else machine.slots
    runs = list(dict.fromkeys(device.lease.run_id for device in of_kind if device.lease is not None))
    free = sum(device.free and not device.processes for device in of_kind)
    values = {"free": free, "all": len(of_kind), "runs": ", ".join(runs)}
    if not runs:
        return Message(N_("{free} of {all} are free"), values)
    return Message(N_("{free} of {all} are free, the others are with {runs}"), values)


def label(device: Device) -> str:
    """How a person names a GPU: its number, or for a part of one its UUID."""
    return str(device.index) if device.parent is None else device.key
