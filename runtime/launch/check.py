"""What a check before a launch found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runtime.messages import Message

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `fix`: what to do about it, where something is to be done."""

    name: str
    status: Level
    message: Message
    fix: Message | None = None
