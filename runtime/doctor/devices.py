"""The accelerators: whether they answer, and whether they are as they should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runtime.doctor.check import Check, Status, Surroundings
from runtime.messages import N_, Message
from runtime.telemetry import DeviceReading, DeviceSample, read_devices
from runtime.telemetry.sample import DeviceProcess

_HARMLESS = {"sw_power_cap", "sync_boost"}
_THROTTLE = {
    "hw_power_brake": Message(N_("power brake")),
    "hw_thermal": Message(N_("too hot")),
    "sw_thermal": Message(N_("too hot")),
    "hw_slowdown": Message(N_("slowed down")),
}


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Presence, health, links, MIG, persistence."""
    yield from device_checks(read_devices(timeout=10.0))


def device_checks(reading: DeviceReading) -> Iterator[Check]:
    """What follows from one look at the devices."""
    if reading.simulated:
        message = Message(N_("HEADNODE_SIMULATE_GPUS is set: nothing below is about real devices"))
        fix = Message(N_("unset HEADNODE_SIMULATE_GPUS"))
        yield Check("simulated", Message(N_("simulated")), "warn", message, fix)
    yield _present(reading)
    whole = [device for device in reading.devices if device.parent is None]
    answering = [device for device in whole if device.state == "ok"]
    if answering:
        yield _memory_health(answering)
        yield _clocks(answering)
        yield from _links(answering)
        yield from _mig(reading.devices)
        yield from _persistence(answering)
        yield from _occupied(reading.devices)


def _present(reading: DeviceReading) -> Check:
    title = Message(N_("devices"))
    whole = [device for device in reading.devices if device.parent is None]
    bad = [device for device in whole if device.state != "ok"]
    data = {"devices": [{"uuid": d.uuid, "name": d.name, "state": d.state} for d in whole]}
    if reading.why is not None and not whole:
        status: Status = "ok" if reading.why.quiet else "fail"
        return Check("devices", title, status, reading.why.message, data=data)  # the sentence has the fix
    if bad:
        values = {"numbers": _numbers(bad)}
        message = Message(N_("GPU {numbers} no longer answers"), values)
        fix = Message(N_("look into dmesg for Xid; reboot, and if it happens again, replace the board"))
        return Check("devices", title, "fail", message, fix, data)
    names: dict[str, int] = {}
    for device in whole:
        name = device.name or "?"
        names[name] = names.get(name, 0) + 1
    listed = ", ".join(f"{count} × {name}" for name, count in names.items())
    return Check("devices", title, "ok", Message(N_("{devices}"), {"devices": listed}), data=data)


def _memory_health(devices: Sequence[DeviceSample]) -> Check:
    title = Message(N_("memory errors"))
    failed = [device for device in devices if device.remap_failed]
    errors = [device for device in devices if device.ecc_errors]
    data = {
        str(d.index): {"ecc": d.ecc_errors, "ecc_ever": d.ecc_errors_ever, "remapped": d.remapped_rows}
        for d in devices
    }
    if failed:
        message = Message(N_("GPU {numbers}: no spare memory row is left"), {"numbers": _numbers(failed)})
        return Check("ecc", title, "fail", message, Message(N_("replace the board")), data)
    if errors:
        message = Message(
            N_("GPU {numbers}: uncorrected memory errors since the driver was loaded"),
            {"numbers": _numbers(errors)},
        )
        fix = Message(N_("reset or reboot, so that the bad rows are replaced; watch whether more come"))
        return Check("ecc", title, "warn", message, fix, data)
    if all(device.ecc_errors is None for device in devices):
        return Check("ecc", title, "ok", Message(N_("these devices don't count them")), data=data)
    return Check("ecc", title, "ok", Message(N_("none")), data=data)


def _clocks(devices: Sequence[DeviceSample]) -> Check:
    title = Message(N_("throttling"))
    held = [device for device in devices if set(device.throttle or ()) - _HARMLESS]
    data = {str(device.index): device.throttle for device in devices}
    if held:
        values = {
            "numbers": _numbers(held),
            "reasons": _listed(
                [
                    _THROTTLE.get(reason, Message(reason))
                    for reason in sorted({r for d in held for r in set(d.throttle or ()) - _HARMLESS})
                ]
            ),
        }
        message = Message(N_("GPU {numbers} is slowed down: {reasons}"), values)
        fix = Message(N_("see to cooling and power supply; nvidia-smi -q -d PERFORMANCE tells more"))
        return Check("throttling", title, "warn", message, fix, data)
    return Check("throttling", title, "ok", Message(N_("no device is slowed down")), data=data)


def _links(devices: Sequence[DeviceSample]) -> Iterator[Check]:
    title = Message(N_("links"))
    narrow = [d for d in devices if d.pcie_width and d.max_pcie_width and d.pcie_width < d.max_pcie_width]
    data = {str(d.index): {"pcie": [d.pcie_generation, d.pcie_width], "nvlinks": d.nvlinks} for d in devices}
    if narrow:
        widths = ", ".join(f"{d.index}: ×{d.pcie_width} of ×{d.max_pcie_width}" for d in narrow)
        message = Message(N_("fewer PCIe lanes than the device has ({widths})"), {"widths": widths})
        fix = Message(N_("reseat the board or use another slot; some servers share lanes by design"))
        yield Check("links", title, "warn", message, fix, data)
        return
    links = {device.nvlinks for device in devices}
    if len(devices) > 1 and len(links) > 1 and None not in links:
        message = Message(N_("the devices don't all have the same number of NVLinks up"))
        fix = Message(N_("nvidia-smi nvlink --status names the one that is down"))
        yield Check("links", title, "warn", message, fix, data)
        return
    known = [device for device in devices if device.pcie_width]
    if known:
        first = known[0]
        values = {
            "generation": first.max_pcie_generation,
            "width": first.pcie_width,
            "links": first.nvlinks or 0,
        }
        text = N_("PCIe {generation}.0 ×{width}, {links} NVLinks each")
        yield Check("links", title, "ok", Message(text, values), data=data)


def _mig(devices: Sequence[DeviceSample]) -> Iterator[Check]:
    title = Message(N_("MIG"))
    for device in devices:
        if device.mig and not any(each.parent == device.uuid for each in devices):
            message = Message(N_("GPU {index} is in MIG mode, but cut into nothing"), {"index": device.index})
            text = N_("nvidia-smi mig -cgi … -C makes instances; nvidia-smi -i {index} -mig 0 ends it")
            fix = Message(text, {"index": device.index})
            yield Check("mig", title, "fail", message, fix)
            return
    instances = [device for device in devices if device.parent is not None]
    if instances:
        values = {"count": len(instances)}
        message = Message(N_("{count} instances; a process can use one at a time"), values)
        yield Check("mig", title, "ok", message, data=values)
    elif any(device.mig is False for device in devices):
        yield Check("mig", title, "ok", Message(N_("off: the devices are whole")))


def _persistence(devices: Sequence[DeviceSample]) -> Iterator[Check]:
    off = [device for device in devices if device.persistence is False]
    if off:
        message = Message(N_("persistence mode is off: each start of a process takes seconds longer"))
        fix = Message(N_("sudo systemctl enable --now nvidia-persistenced"))
        yield Check("persistence", Message(N_("persistence")), "warn", message, fix)


def _occupied(devices: Sequence[DeviceSample]) -> Iterator[Check]:
    foreign = [(d, p) for d in devices for p in d.processes or () if p.run is None]
    title = Message(N_("other processes"))
    if foreign:
        shown = _listed([_process(device, process) for device, process in foreign[:3]])
        values = {"count": len(foreign), "shown": shown}
        message = Message(N_("{count} that belong to no run: {shown}"), values)
        fix = Message(N_("a run on those devices shares memory with them: headnode gpus lists them"))
        yield Check("foreign", title, "warn", message, fix)


def _process(device: DeviceSample, process: DeviceProcess) -> Message:
    values = {"name": process.name or "pid", "pid": process.pid, "user": process.user, "gpu": device.index}
    if process.user:
        return Message(N_("{name} {pid} ({user}) on GPU {gpu}"), values)
    return Message(N_("{name} {pid} on GPU {gpu}"), values)


def _listed(messages: Sequence[Message]) -> Message:
    """Several as one, each once."""
    first, *rest = {str(message): message for message in messages}.values()
    for second in rest:
        first = Message(N_("{first}, {second}"), {"first": first, "second": second})
    return first


def _numbers(devices: Sequence[DeviceSample]) -> str:
    return ", ".join(str(device.index) for device in devices)
