"""One line of a resume plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runtime.messages import Message

Severity = Literal["same", "note", "acknowledge", "refuse"]


@dataclass(frozen=True)
class PlanRow:
    """One thing that was so and is so. `note`: told; `acknowledge`: changes results in a way that nobody
    asked for just now, so its key must be named; `refuse`: makes it impossible. `message` is one sentence
    on what follows."""

    key: str
    then: str | int | float | None
    now: str | int | float | None
    same: bool
    severity: Severity
    message: Message | None = None
