"""What `reconcile` can decide: plain data that the supervisor carries out in the given order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runtime.launch.devices import Device
from runtime.launch.evidence import Escalation
from runtime.launch.queueing import Ticket

Scope = Literal["ranks", "all", "agent"]
"""ranks: the processes that the agent spawned; all: every process of the run but the agent; agent: the
agent."""


@dataclass(frozen=True)
class Wait:
    """Stand in the line for devices. `ahead`: the runs before this one; `occupied`: GPUs that it could have
    if others didn't compute on them; `problem`: what keeps it there besides."""

    ticket: Ticket
    ahead: tuple[str, ...] = ()
    problem: str | None = None
    occupied: tuple[Device, ...] = ()


@dataclass(frozen=True)
class Acquire:
    """It is this run's turn: lease these devices, all or none."""

    devices: tuple[str, ...]


@dataclass(frozen=True)
class Prioritize:
    """The run's priority in the line becomes this."""

    priority: int


@dataclass(frozen=True)
class Start:
    """Start the attempt that the record names."""


@dataclass(frozen=True)
class Enter:
    """The run's state becomes `state`; `event` (where given) is written to events.jsonl."""

    state: str
    event: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """Answer a request: event is request_accepted, request_refused or request_done."""

    id: str
    event: str
    reason: str | None = None
    verb: str = ""
    by: str = ""


@dataclass(frozen=True)
class SaveNow:
    """Order rank 0 to save a checkpoint at the next step boundary and go on."""

    id: str


@dataclass(frozen=True)
class Order:
    """Write order.json: stop at the next step boundary, after a checkpoint if `save`; with event
    `stop_ordered`."""

    save: bool
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Escalate:
    """The escalation becomes this one."""

    escalation: Escalation


@dataclass(frozen=True)
class Signal:
    """Send a signal to processes of the run. SIGTERM reaches each process once, SIGKILL is repeated. An
    event `sigterm` or `sigkill` names those that get it first, once for each scope and stage."""

    signal: int
    scope: Scope
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DumpStacks:
    """Record the stack of every living rank, or why there is none, in an event `hang`."""

    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Restart:
    """Everything of the attempt is gone: make attempt n+1 from the newest valid checkpoint."""

    reason: str
    evidence: Mapping[str, Any]
    delay: float


@dataclass(frozen=True)
class End:
    """Everything of the run is gone: record how it ended."""

    state: str
    reason: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Abandon:
    """There is nothing left to write to: end the supervisor without a record."""

    why: str


Action = (
    Wait
    | Acquire
    | Prioritize
    | Start
    | Enter
    | Answer
    | SaveNow
    | Order
    | Escalate
    | Signal
    | DumpStacks
    | Restart
    | End
    | Abandon
)
