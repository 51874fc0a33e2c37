"""How long a phase may be quiet before the run counts as hung: what the profile says, or (`auto`) what the
run
itself has shown.

Before a phase has been seen often enough its default holds, so that a long first step (kernels are compiled,
memory is mapped, a cold file server is read) is no hang. After that the limit is FACTOR × the longest silence
that ended by itself, never below the phase's floor and never above its default, unless silences nearly as
long
as the default were seen. `import`, `load`, `compile` and `finish` come once an attempt: nothing can be
learned
about the next one, and their defaults hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AUTO = "auto"

DEFAULTS: Mapping[str, float] = {
    "import": 600.0,
    "load": 3600.0,
    "compile": 1800.0,
    "step": 600.0,
    "evaluate": 1800.0,
    "checkpoint": 900.0,
    "finish": 600.0,
}
"""Seconds by phase while nothing is known."""

FLOORS: Mapping[str, float] = {"step": 120.0, "evaluate": 300.0, "checkpoint": 300.0}
"""Seconds below which no learned limit goes: a file server that stalls, a collection of garbage, another job
on the machine are no hangs."""

SETTLED: Mapping[str, int] = {"step": 5, "evaluate": 1, "checkpoint": 1}
"""So many silences must have ended before anything is learned from them."""

FACTOR = 10.0
HEADROOM = 2.0
"""A limit is at least so many times the longest silence seen, also where that exceeds the default."""

Setting = float | str | None
"""Seconds, `auto`, or None for no limit."""


@dataclass(frozen=True)
class Longest:
    """The longest silence of a phase that ended by itself, in seconds, and how many there were."""

    seconds: float = 0.0
    count: int = 0

    def with_one(self, seconds: float) -> Longest:
        """This, with one more silence."""
        return Longest(max(self.seconds, seconds), self.count + 1)

    def joined(self, other: Longest) -> Longest:
        """What both have seen."""
        return Longest(max(self.seconds, other.seconds), self.count + other.count)


Pace = Mapping[str, Longest]
"""What has been learned of a run, by phase."""


def limit_of(phase: str, setting: Setting, pace: Pace) -> float | None:
    """Seconds that `phase` may be quiet now; None where there is no limit."""
    if setting is None:
        return None
    if setting != AUTO:
        return float(setting)
    default = DEFAULTS.get(phase)
    if default is None:
        return None
    seen = pace.get(phase, Longest())
    if phase not in FLOORS or seen.count < SETTLED[phase]:
        return max(default, HEADROOM * seen.seconds)
    learned = min(default, max(FLOORS[phase], FACTOR * seen.seconds))
    return max(learned, HEADROOM * seen.seconds)


def join(*paces: Pace) -> dict[str, Longest]:
    """What all ranks, or all attempts, have shown together."""
    found: dict[str, Longest] = {}
    for pace in paces:
        for phase, longest in pace.items():
            found[phase] = found.get(phase, Longest()).joined(longest)
    return found
