"""What the panel gets from outside itself, in one place so that tests can hand in their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tui.store.memory import Memory

if TYPE_CHECKING:
    from runtime.doctor import Group
    from runtime.run.workspace import Workspace


class Sampler(Protocol):
    """Where telemetry lines come from; `runtime.telemetry.SamplerProcess` is one."""

    def start(self) -> None: ...

    def poll(self) -> list[dict[str, Any]]: ...

    def stop(self) -> None: ...


def sampler_process(workspace: Workspace) -> Sampler:
    """The real sampler: a child process that ends with the panel."""
    from runtime.telemetry import SamplerProcess

    return SamplerProcess(interval=2.0, directory=workspace.logs, pcie=True)


def adopt_runs(workspace: Workspace) -> list[str]:
    """Gives a new supervisor to each active run that has lost its own."""
    from runtime.launch.operations import adopt

    return list(adopt(workspace))


def doctor_groups() -> Sequence[Group]:
    """The checks of the page Doctor."""
    from runtime.doctor import GROUPS

    return GROUPS


@dataclass
class Services:
    """`threaded=False` leaves polling to the caller (`store.poll_once`)."""

    clock: Callable[[], float] = time.time
    home: Path = field(default_factory=Path.home)
    memory: Memory = field(default_factory=Memory)
    sampler: Callable[[Workspace], Sampler] = sampler_process
    adopt: Callable[[Workspace], list[str]] | None = adopt_runs
    doctor: Callable[[], Sequence[Group]] = doctor_groups
    threaded: bool = True
    watch: bool = True
