"""`attempts/<n>/pace.json`: the longest silence of each phase, kept by the supervisor so that the attempts to
come know it from their first step on."""

from __future__ import annotations

from typing import Any

from runtime.launch.limits import Longest, Pace
from runtime.run.files import ForeignSchema, number, read_json, write_json_atomic
from runtime.run.layout import AttemptDirectory, RunDirectory

_NOTABLE = 1.2
"""A longest silence is written again once it has grown by so much, or the count has doubled."""


def read_pace(run: RunDirectory, attempt: int) -> dict[str, Longest]:
    """What the newest attempt with the same profile has learned, `attempt` itself first: a successor of its
    supervisor goes on with that. With another profile (another batch, another world) steps take another
    time."""
    profile = _profile(run.attempt(attempt))
    for number_ in range(attempt, 0, -1):
        files = run.attempt(number_)
        if profile is None or _profile(files) != profile:
            return {}
        found = _read(files)
        if found:
            return found
    return {}


def _profile(files: AttemptDirectory) -> bytes | None:
    try:
        return files.profile.read_bytes()
    except OSError:
        return None


def _read(files: AttemptDirectory) -> dict[str, Longest]:
    try:
        value = read_json(files.pace) or {}
    except (OSError, ForeignSchema):
        return {}
    phases = value.get("phases")
    found = {}
    for phase, entry in phases.items() if isinstance(phases, dict) else ():
        longest, count = (number(entry.get(name)) for name in ("longest", "count")) if entry else (None, None)
        if longest is not None and count is not None:
            found[str(phase)] = Longest(longest, int(count))
    return found


class PaceWriter:
    """Writes it when something notable was learned. A disk that refuses is asked again the next time."""

    def __init__(self) -> None:
        self._written: tuple[int, Pace] = (0, {})

    def keep(self, files: AttemptDirectory, attempt: int, pace: Pace) -> None:
        """Writes `pace` unless what was written says nearly the same. Raises OSError as the disk does."""
        of, before = self._written
        if of == attempt and not any(_notable(before.get(phase), now) for phase, now in pace.items()):
            return
        if not pace:
            return
        phases: dict[str, Any] = {
            phase: {"longest": round(longest.seconds, 3), "count": longest.count}
            for phase, longest in pace.items()
        }
        write_json_atomic(files.pace, {"phases": phases}, durable=False)
        self._written = (attempt, dict(pace))


def _notable(before: Longest | None, now: Longest) -> bool:
    if before is None:
        return True
    return now.seconds > _NOTABLE * before.seconds or now.count >= 2 * max(1, before.count)
