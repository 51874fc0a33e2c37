"""`exit-<r>.json`: how a rank itself says that it ended, for a supervisor that isn't its parent and can't
wait() for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from runtime.run.files import ForeignSchema, number, read_json, write_json_atomic

OUTCOMES = ("finished", "stopped", "failed")
EXIT_CODES = {
    "finished": 0,
    "stopped": 10,
    "bad_profile": 20,
    "oom_device": 21,
    "non_finite": 22,
    "disk_full": 23,
}
"""A rank's exit code by its outcome (finished, stopped) or by its reason (failed); any other code is a
crash."""
CRASH_CODE = 1


@dataclass(frozen=True)
class ExitRecord:
    """How a rank ended: `outcome` is one of OUTCOMES, `reason` a reason code, `error` one line for a person,
    `step` the last step done, `time` in Unix seconds.
    """

    outcome: str
    reason: str | None
    step: int | None
    error: str | None
    time: float | None = None


def exit_code(outcome: str, reason: str | None) -> int:
    """The exit code that goes with an exit record."""
    if outcome in ("finished", "stopped"):
        return EXIT_CODES[outcome]
    return EXIT_CODES.get(reason or "", CRASH_CODE) or CRASH_CODE


def write_exit(
    path: Path, outcome: str, reason: str | None, step: int | None, error: str | None = None
) -> None:
    """Writes the exit record. Raises ValueError for an unknown outcome, OSError as the disk does."""
    if outcome not in OUTCOMES:
        raise ValueError(f"an outcome is one of {', '.join(OUTCOMES)}, not {outcome!r}")
    write_json_atomic(
        path, {"outcome": outcome, "reason": reason, "step": step, "error": error, "time": time.time()}
    )


def read_exit(path: Path) -> ExitRecord | None:
    """The exit record, None where the rank left none (it is running, or was killed)."""
    try:
        value = read_json(path)
    except ForeignSchema:
        return None
    if value is None or not isinstance(value.get("outcome"), str):
        return None
    reason, step, error = value.get("reason"), value.get("step"), value.get("error")
    return ExitRecord(
        outcome=value["outcome"],
        reason=reason if isinstance(reason, str) else None,
        step=step if isinstance(step, int) else None,
        error=error if isinstance(error, str) else None,
        time=number(value.get("time")),
    )
