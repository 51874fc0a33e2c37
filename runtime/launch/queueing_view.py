"""The machine's queue and devices as a person asks for them: the table of `headnode queue`, and what a launch
would meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.launch import devices, queueing_line
from runtime.launch.devices import Machine, process_message
from runtime.launch.queueing import Decision, Ticket, Wants, decide, wants_of
from runtime.messages import N_, Message, joined
from runtime.telemetry import DeviceProcess

if TYPE_CHECKING:
    from runtime.profile import Profile


@dataclass(frozen=True)
class Place:
    """A run in the line; `position` counts from 1 among those that want the same kind of device."""

    ticket: Ticket
    position: int
    decision: Decision

    @property
    def message(self) -> Message:
        """What it waits for, in a person's words."""
        if self.decision.missing is not None:
            return self.decision.missing
        if self.decision.choice is not None:
            return Message(N_("starts now"))
        return waiting_for(self.ticket.wants, len(self.decision.ahead))


def waiting_for(wants: Wants, ahead: int) -> Message:
    """`waits for 2 GPUs, 1 ahead`."""
    values = {"wants": wants.message, "ahead": ahead}
    if ahead:
        return Message(N_("waits for {wants}, {ahead} ahead"), values)
    return Message(N_("waits for {wants}"), values)


def waiting_of(queue: Mapping[str, Any] | None) -> Message | None:
    """The same from a run's record (`RunRecord.queue`); None where it isn't waiting."""
    if queue is None:
        return None
    wants = Wants.from_json({**queue, "count": queue.get("wants")})
    if wants is None:
        return None
    ahead, problem = queue.get("ahead"), queue.get("problem")
    if isinstance(problem, str):
        return Message(N_("{waits} ({problem})"), {"waits": waiting_for(wants, 0), "problem": problem})
    waits = waiting_for(wants, ahead if isinstance(ahead, int) else 0)
    others = [found for item in queue.get("occupied") or () if (found := _others(item)) is not None]
    if not others:
        return waits
    return Message(N_("{waits}; others are on {gpus}"), {"waits": waits, "gpus": joined(others)})


def _others(item: object) -> Message | None:
    """Who is on a GPU, as a record has it: `GPU 3: python (pid 4711 of mlin, 21.1 GiB)`."""
    if not isinstance(item, dict):
        return None
    processes = item.get("processes")
    known = [
        DeviceProcess(process["pid"], *(process.get(name) for name in ("memory_used", "name", "run", "user")))
        for process in (processes if isinstance(processes, list) else ())
        if isinstance(process, dict) and isinstance(process.get("pid"), int)
    ]
    values = {"gpu": item.get("gpu"), "processes": joined(map(process_message, known))}
    return Message(N_("GPU {gpu}: {processes}"), values)


def places(machine: Machine | None = None) -> list[Place]:
    """Everybody in the line, from its front."""
    machine = machine or devices.look({})
    line = queueing_line.waiting()
    found = []
    for ticket in line:
        decision = decide(ticket, line, machine.devices)
        found.append(Place(ticket, len(decision.ahead) + 1, decision))
    return found


def wants_of_profile(profile: Profile, gpus_here: int | None = None) -> Wants | None:
    """What a launch of this profile would want of this machine."""
    from runtime.launch.command import device_memory

    launch = profile.launch
    return wants_of(
        job=profile.job,
        processes=launch.processes,
        device=launch.device,
        gpus=launch.gpus,
        slots=launch.slots,
        memory=device_memory(profile),
        gpus_here=devices.gpu_count() if gpus_here is None else gpus_here,
        slots_here=devices.slot_count(),
    )


def forecast(wants: Wants, priority: int, now: float, machine: Machine) -> Decision:
    """What would happen to a run that asks now (Unix seconds)."""
    return decide(Ticket("", wants, priority, now), queueing_line.waiting(), machine.devices)
