"""How one rank ended: the piece between what is seen (evidence) and the judgement of the attempt
(verdict)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["finished", "stopped", "failed", "ours", "untold"]
"""ours: ended by our own signal; untold: gone, and nobody recorded how."""

_NAMED = ("bad_profile", "disk_full", "non_finite", "oom_device", "oom_host")
_LATE = {"communication_timeout": 4, "rendezvous_timeout": 4, "connection_lost": 5}
"""Who waited for others in vain, and whose connection broke since they were gone, is no root."""


@dataclass(frozen=True)
class Ending:
    """How one rank ended. `at` in Unix seconds, by the agent's clock."""

    rank: int
    kind: Kind
    reason: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    at: float | None = None

    @property
    def cause(self) -> str | None:
        """The finer cause, where it is known."""
        cause = self.evidence.get("cause")
        return cause if isinstance(cause, str) else None

    @property
    def weight(self) -> tuple[int, float]:
        """Smaller is nearer to the root: a named fault, then a signal, then SIGTERM from outside, then any
        crash, then who waited in vain, then whose peer was gone; the first in time among equals. Peers of a
        dead rank crash in its wake, sometimes before it is noticed itself."""
        if self.cause in _LATE:
            order = _LATE[self.cause]
        elif self.reason in _NAMED:
            order = 0
        elif self.evidence.get("signal") is not None and not self.evidence.get("recorded"):
            order = 2 if self.reason == "preempted" else 1
        else:
            order = 3
        return order, self.at if self.at is not None else float("inf")
