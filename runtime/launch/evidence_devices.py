"""What is known about a run's devices at one moment: a part of the evidence that `reconcile` decides from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from runtime.launch.devices import Device
from runtime.launch.queueing import Ticket
from runtime.messages import Message

MemoryStatus = Literal["free", "checking", "held", "unverified"]


@dataclass(frozen=True)
class QueueEvidence:
    """For a run that wants devices and hasn't started.

    `known`: what is said of the devices is recent enough to take some. `leased`: it has them. `problem`: why
    none can be leased, or the GPUs can't be read.
    """

    me: Ticket
    others: tuple[Ticket, ...] = ()
    devices: tuple[Device, ...] = ()
    known: bool = False
    leased: bool = False
    problem: Message | None = None


@dataclass(frozen=True)
class MemoryEvidence:
    """Whether the leased GPUs hold memory of processes of the run that are gone.

    `held`: device → pids. `since`: seconds since all processes were gone. unverified: the driver doesn't
    tell."""

    status: MemoryStatus = "free"
    held: Mapping[str, list[int]] = field(default_factory=dict)
    since: float = 0.0
