"""From an exception to the reason code that a run's record shows."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterator

from runtime.messages import HeadnodeError, UsageError

LONGEST_ERROR = 2000
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
FULL = (errno.ENOSPC, errno.EDQUOT)


def reason_of(error: BaseException) -> str:
    """The reason code of a failure: bad_profile, oom_device, oom_host, disk_full, an exception's own, or
    crash.

    An exception class below the jobs (a guard of the trainer) names its reason in an attribute `exit_reason`.
    Causes are looked through as well: a checkpoint's failure wraps the full disk behind it.
    """
    for cause in causes(error):
        own = getattr(cause, "exit_reason", None)
        if isinstance(own, str):
            return own
        if isinstance(cause, UsageError):
            return "bad_profile"
        if _is_device_memory(cause):
            return "oom_device"
        if isinstance(cause, OSError) and cause.errno in FULL:
            return "disk_full"
        if isinstance(cause, MemoryError):
            return "oom_host"
        text = str(cause)
        if (
            "os error 28" in text or "No space left on device" in text
        ):  # safetensors and torch pass on only the text
            return "disk_full"
        if "DefaultCPUAllocator: can't allocate memory" in text or "not enough memory" in text:
            return "oom_host"
    return "crash"


def describe(error: BaseException) -> str:
    """The error for the exit record: one or few lines, no control characters, of bounded length."""
    text = str(error) if isinstance(error, HeadnodeError) else f"{type(error).__name__}: {error}"
    text = CONTROL.sub("", text)
    return text if len(text) <= LONGEST_ERROR else text[:LONGEST_ERROR] + "…"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and the failures of ranks that a distributed one collects."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        following = [current.__cause__, None if current.__suppress_context__ else current.__context__]
        if isinstance(current, BaseExceptionGroup):
            following += current.exceptions
        failures = getattr(current, "failures", None)  # torch.distributed.checkpoint.CheckpointException
        if isinstance(failures, dict):
            following += [
                wrapped[0] for wrapped in failures.values() if isinstance(wrapped, tuple) and wrapped
            ]
        pending += [item for item in following if isinstance(item, BaseException)]


def _is_device_memory(error: BaseException) -> bool:
    torch = sys.modules.get("torch")  # not imported for this: where it isn't, the error is not torch's
    return torch is not None and isinstance(error, torch.OutOfMemoryError)
