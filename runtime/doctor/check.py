"""What a check is, and what it is told about its surroundings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runtime.messages import Message
from runtime.run.workspace import Workspace

Status = Literal["ok", "warn", "fail"]

Progress = Callable[[float, Message], None]
"""Told the share done (0 to 1) and what is going on; raises `Cancelled` to end a measurement."""


class Cancelled(Exception):
    """Whoever waited for a measurement doesn't any more."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `message`: what was found; `fix`: what to do about it, where something is
    to be done; `data`: the numbers behind it, for JSON."""

    name: str
    title: Message
    status: Status
    message: Message
    fix: Message | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As `headnode doctor --json` prints it."""
        return {
            "check": self.name,
            "status": self.status,
            "message": str(self.message),
            "fix": None if self.fix is None else str(self.fix),
            "data": dict(self.data),
        }


@dataclass(frozen=True)
class Terminal:
    """The terminal that a person sits at; `columns` None where there is none (a pipe, a job)."""

    environment: Mapping[str, str]
    columns: int | None = None
    rows: int | None = None
    encoding: str = "utf-8"

    @classmethod
    def of_this_process(cls, descriptor: int = 1, encoding: str | None = None) -> Terminal:
        """The one on this file descriptor."""
        try:
            size = os.get_terminal_size(descriptor)
        except OSError:
            return cls(dict(os.environ), encoding=encoding or "utf-8")
        return cls(dict(os.environ), size.columns, size.lines, encoding or "utf-8")


@dataclass(frozen=True)
class Surroundings:
    """`workspace`: the one that is looked at, None where there is none; `root`: of the file system, which
    tests replace."""

    workspace: Workspace | None
    terminal: Terminal
    root: Path = Path("/")

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the process that asks."""
        return self.terminal.environment


@dataclass(frozen=True)
class Group:
    """Checks that belong together; `run` yields them as they are done. `slow`: takes seconds."""

    name: str
    title: Message
    run: Callable[[Surroundings], Iterator[Check]]
    slow: bool = False
