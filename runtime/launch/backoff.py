"""Whether another attempt follows a failure, after how long a wait, and why not. Pure; a part of `reconcile`.

The wait is restart_delay × restart_backoff^n, at most restart_delay_max, with n the failures in a row without
progress: an attempt that got further than where the one before it failed begins the count anew. A failure
that
will recur is not tried again. So is one that came twice in a row at the same step with the same words, where
nothing that depends on the moment is in it: the data and the random numbers of a resumed run are the same,
and
so it would end there for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.launch.diagnosis.causes import recurs

_REPEATING = frozenset({"exception", "device_memory", "device_assert", "no_exit_record"})
"""Causes that follow from data and program alone, so that the same step gives them again."""

_MOMENTARY = re.compile(
    r"(?:Connection|Timeout|HTTP|Socket|Network|BrokenPipe|Interrupted|Blocking)\w*(?:Error|Exception)?\b"
)
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


@dataclass(frozen=True)
class Failure:
    """An attempt that failed: where it had got to, and its cause. `signature`: the error without its
    numbers."""

    attempt: int
    reason: str
    cause: str | None = None
    step: int | None = None
    signature: str = ""

    @classmethod
    def of(cls, attempt: int, reason: str, evidence: Mapping[str, Any]) -> Failure:
        """The failure that a verdict's (or a restart event's) evidence describes."""
        step, cause = evidence.get("step"), evidence.get("cause")
        error = evidence.get("error")
        return cls(
            attempt,
            reason,
            cause if isinstance(cause, str) else None,
            step if isinstance(step, int) else None,
            _NUMBERS.sub("#", error) if isinstance(error, str) else "",
        )


@dataclass(frozen=True)
class Again:
    """The decision: `delay` in seconds before the next attempt, or `refused`, why there is none."""

    delay: float = 0.0
    refused: str | None = None
    row: int = 0


def again(
    failure: Failure,
    before: Sequence[Failure],
    *,
    restarts: int,
    allowed: int,
    delay: float,
    factor: float,
    longest: float,
) -> Again:
    """Whether and when to try again after `failure`; `before` are the failures of the attempts that were
    restarted by themselves, oldest first.

    `refused` is recurs, repeats, or max_restarts; "" where no restarts were wished for.
    """
    if recurs(failure.cause):
        return Again(refused="recurs")
    if before and _repeats(failure, before[-1]):
        return Again(refused="repeats")
    if restarts >= allowed:
        return Again(refused="max_restarts" if allowed else "")
    row = 0
    later = failure
    for earlier in reversed(before):
        if _got_further(later, earlier):
            break
        row += 1
        later = earlier
    return Again(min(delay * factor ** min(row, 64), max(longest, delay)), row=row)


def _got_further(later: Failure, earlier: Failure) -> bool:
    return later.step is not None and (earlier.step is None or later.step > earlier.step)


def _repeats(now: Failure, before: Failure) -> bool:
    if now.cause not in _REPEATING or (now.cause, now.signature) != (before.cause, before.signature):
        return False
    if now.step is None or now.step != before.step:
        return False
    return not _MOMENTARY.search(now.signature)
