"""Who may take which devices now: the rule of the queue, pure.

Those who wait stand in one line for the whole machine, by (priority, larger first; time of asking; id). Going
through it from the front, each takes what it wants of the devices that are free and not spoken for. Who can't
get all it wants takes none, but what is free *is spoken for*: it waits for the rest, and nobody behind it can
take it away. So a small run goes ahead of a large one only with devices that the large one has no use for
(other GPUs than those it names, or CPU slots), and can't delay it. Who wants what this machine doesn't have
at all (a GPU that fell off the bus) holds up nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runtime.launch.devices import Device, named
from runtime.messages import N_, Message

Kind = Literal["gpu", "cpu"]
SILENT = 60.0
"""Seconds after which somebody in the line who gives no sign of life (a stopped or stuck supervisor) is
passed over; it takes its place again when it wakes."""


@dataclass(frozen=True)
class Wants:
    """What a run needs to start: `count` devices of `kind`, or the GPUs that `names` names (numbers or
    UUIDs).

    `most_memory`: those with the most free memory (`auto`), and at least `memory` bytes of it where known.
    """

    kind: Kind
    count: int
    names: tuple[int | str, ...] = ()
    most_memory: bool = False
    memory: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As records and announcements hold it."""
        return {
            "kind": self.kind,
            "count": self.count,
            "names": list(self.names),
            "most_memory": self.most_memory,
            "memory": self.memory,
        }

    @classmethod
    def from_json(cls, value: object) -> Wants | None:
        """What a record holds, None where it holds nothing of the kind."""
        if not isinstance(value, Mapping) or value.get("kind") not in ("gpu", "cpu"):
            return None
        names, memory, count = value.get("names") or (), value.get("memory"), value.get("count")
        return cls(
            value["kind"],
            count if isinstance(count, int) else 1,
            tuple(name for name in names if isinstance(name, int | str)),
            value.get("most_memory") is True,
            memory if isinstance(memory, int) else None,
        )

    @property
    def message(self) -> Message:
        """`2 GPUs`, `GPU 0, 3`, `1 CPU slot`, for a person."""
        if self.names:
            return Message(N_("GPU {names}"), {"names": ", ".join(map(str, self.names))})
        values = {"count": self.count}
        if self.kind == "gpu":
            return Message(N_("1 GPU") if self.count == 1 else N_("{count} GPUs"), values)
        return Message(N_("1 CPU slot") if self.count == 1 else N_("{count} CPU slots"), values)


@dataclass(frozen=True)
class Ticket:
    """Somebody in the line; `asked` in Unix seconds. `silent`: seconds since its last sign of life."""

    run_id: str
    wants: Wants
    priority: int = 0
    asked: float = 0.0
    path: str = ""
    user: str = ""
    silent: float = 0.0

    @property
    def place(self) -> tuple[int, float, str]:
        """Smaller is nearer to the front."""
        return -self.priority, self.asked, self.run_id


@dataclass(frozen=True)
class Decision:
    """`choice`: the devices to take now, None to wait. `ahead`: the runs before it that wait for devices of
    the same kind. `missing`: what the machine doesn't have at all."""

    choice: tuple[str, ...] | None
    ahead: tuple[str, ...] = ()
    missing: Message | None = None


def decide(me: Ticket, others: Iterable[Ticket], devices: Sequence[Device]) -> Decision:
    """What `me` may take of `devices`, given who else is in the line."""
    line = sorted(
        (ticket for ticket in others if ticket.run_id != me.run_id and ticket.place < me.place),
        key=lambda ticket: ticket.place,
    )
    ahead = tuple(
        ticket.run_id for ticket in line if ticket.wants.kind == me.wants.kind and ticket.silent < SILENT
    )
    missing = lacking(me.wants, devices)
    if missing is not None:
        return Decision(None, ahead, missing)
    spoken_for: set[str] = set()
    for ticket in line:
        if ticket.silent < SILENT and lacking(ticket.wants, devices) is None:
            spoken_for |= _spoken_for(ticket.wants, devices, spoken_for)
    return Decision(choose(me.wants, devices, spoken_for), ahead)


def choose(wants: Wants, devices: Sequence[Device], spoken_for: Iterable[str] = ()) -> tuple[str, ...] | None:
    """The free devices that fulfil `wants`, None where there aren't enough."""
    best = [device.key for device in _preferred(wants, devices) if device.key not in set(spoken_for)]
    return tuple(best[: wants.count]) if len(best) >= wants.count else None


def _spoken_for(wants: Wants, devices: Sequence[Device], already: set[str]) -> set[str]:
    best = [device.key for device in _preferred(wants, devices) if device.key not in already]
    return set(best[: wants.count])


def _preferred(wants: Wants, devices: Sequence[Device]) -> list[Device]:
    """The devices that could be had at once, the best first."""
    free = [device for device in _possible(wants, devices) if device.free]
    if wants.names:
        return free  # who names a device has it, whoever else is on it; preflight warned of that
    clear = [device for device in free if not device.processes]
    if wants.most_memory:
        enough = [device for device in clear if wants.memory is None or _memory(device) >= wants.memory]
        return sorted(enough, key=lambda device: (-_memory(device), device.index, device.key))
    return clear


def occupied(wants: Wants, devices: Sequence[Device]) -> tuple[Device, ...]:
    """The GPUs that nobody has leased and that are left alone because somebody computes on them."""
    if wants.names:
        return ()
    return tuple(device for device in _possible(wants, devices) if device.free and device.processes)


def _memory(device: Device) -> int:
    return device.memory_free if device.memory_free is not None else device.memory_total or 0


def _possible(wants: Wants, devices: Sequence[Device]) -> list[Device]:
    """The devices that it could have if all were free."""
    kind = [device for device in devices if device.gpu == (wants.kind == "gpu")]
    if not wants.names:
        return [device for device in kind if device.allowed]
    found = [match for name in wants.names if len(match := named(kind, name)) == 1]
    return list(dict.fromkeys(device for (device,) in found))


def lacking(wants: Wants, devices: Sequence[Device]) -> Message | None:
    """Why this can't be had here however long one waits; None where it can."""
    kind = [device for device in devices if device.gpu == (wants.kind == "gpu")]
    for name in wants.names:
        found = named(kind, name)
        if len(found) > 1:
            return Message(N_("{name} is the beginning of several GPUs' UUIDs"), {"name": str(name)})
        if not found:
            whole = sum(device.parent is None for device in kind)
            return Message(
                N_("there is no GPU {name} here ({there} in all)"), {"name": str(name), "there": whole}
            )
        if not found[0].allowed:
            return Message(N_("GPU {name} is hidden by CUDA_VISIBLE_DEVICES"), {"name": str(name)})
    possible = _possible(wants, devices)
    values = {"wanted": wants.count, "there": len(possible)}
    if len(possible) < wants.count:
        if wants.names:
            return Message(N_("two of the names mean the same GPU"))
        if wants.kind == "cpu":
            return Message(N_("{wanted} CPU slots wanted, but this machine has {there}"), values)
        return Message(N_("{wanted} GPUs wanted, but {there} can be used here"), values)
    if wants.most_memory and wants.memory is not None:
        large = [device for device in possible if (device.memory_total or wants.memory) >= wants.memory]
        if len(large) < wants.count:
            sizes = {"wanted": wants.count, "there": len(large), "memory": f"{wants.memory / (1 << 30):.1f}"}
            return Message(N_("{wanted} GPUs of {memory} GiB wanted, but there are {there}"), sizes)
    return None


def wants_of(
    *,
    job: str,
    processes: int,
    device: str,
    gpus: int | str | Sequence[int | str] | None,
    slots: int | None,
    memory: int | None,
    gpus_here: int,
    slots_here: int,
) -> Wants | None:
    """What a job wants, given its `launch` section and how many GPUs and slots there are; None: nothing.

    Without a word in the profile: a GPU for each process where there are GPUs (and the job computes:
    `prepare` doesn't), else a CPU slot for each process of a job that trains, but never more than there are.
    """
    if isinstance(gpus, str):
        return Wants("gpu", processes, most_memory=True, memory=memory)
    if isinstance(gpus, int) and gpus > 0:
        return Wants("gpu", gpus)
    if not isinstance(gpus, int) and gpus is not None:
        return Wants("gpu", len(gpus), tuple(gpus))
    if gpus is None and device != "cpu" and job != "prepare" and (gpus_here > 0 or device == "cuda"):
        return Wants("gpu", processes)
    if slots is None:
        slots = min(processes, slots_here) if job not in ("command", "prepare") else 0
    return Wants("cpu", slots) if slots > 0 else None
