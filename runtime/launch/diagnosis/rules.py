"""From what one rank left behind to a finding: its exit code or signal, and the error that ends its log.

A rule of the log speaks only for an end that the log can have brought about: a Python error for an exit code,
never for a SIGKILL; and only if nothing of substance follows it, since a program may print a traceback and go
on. What no rule knows stays without a cause.
"""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.launch.diagnosis.logs import LogError, LogLine, last_error, search
from runtime.launch.diagnosis.numbers import enqueued_work
from runtime.launch.diagnosis.patterns import ERRORS, OTHER_LINES, peer_of

AFTERMATH = 12
"""Lines of substance that a wrapper may add below the error that ended its program."""


@dataclass(frozen=True)
class Finding:
    """What a log says about an end. `line`: where; `consequence`: it follows from the end of another rank."""

    cause: str
    line: LogLine | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    consequence: bool = False


_WATCHDOG = re.compile(r"Watchdog caught collective operation timeout")
_ABORT = re.compile(
    r"^\s*what\(\):|^terminate called|Assertion .* failed\.$|"
    r"^double free|^malloc\(\)|^free\(\)|^memory allocation of \d+ bytes failed"
)
_ABORTED = re.compile(r"^Fatal Python error: ")
"""What faulthandler adds to any abort: it says nothing of the cause."""
_SLURM_TIME = re.compile(r"slurmstepd.*(?:DUE TO TIME LIMIT|TIMEOUT)")
_SLURM_PREEMPT = re.compile(r"slurmstepd.*(?:DUE TO PREEMPTION|DUE TO NODE FAILURE|CANCELLED)")
_SLURM_OOM = re.compile(r"oom[_-]kill event|OOM Killed", re.IGNORECASE)
_SHELL_KILLED = re.compile(
    r"\b(?:Killed|Terminated|Segmentation fault|Bus error|Aborted)\b(?: +\(core dumped\))?(?:\s{2,}.*)?$"
)


def by_error_text(text: str) -> Finding | None:
    """What the words of an error (`Type: message`) say, wherever they stand."""
    for rule in ERRORS:
        if rule.pattern.search(text):
            return Finding(rule.cause, None, rule.detail(text), rule.consequence)
    return None


def by_exit_code(code: int, lines: Sequence[LogLine], error: str | None) -> Finding | None:
    """Why a rank left with `code` (not 0). `error`: its own exit record's word, `Type: message`."""
    found = last_error(lines)
    ended = found if found is not None and found.after <= AFTERMATH else None
    if ended is not None:
        finding = _by_error(ended)
        if finding is not None:
            return finding
    if error:
        own = by_error_text(error)
        if own is not None:
            line = ended.at if ended is not None else None
            return Finding(own.cause, line, own.detail, own.consequence)
    if code > 128:
        killed = _by_shell(code - 128, lines)
        if killed is not None:
            return killed
    if ended is None:
        for rule in OTHER_LINES:
            line = search(lines, rule.pattern, AFTERMATH)
            if line is not None and _fits(rule.cause, code, line.text):
                return Finding(rule.cause, line, rule.detail(line.text))
        return Finding("exception", None, {"error": error}) if error else None
    return Finding(
        "exception",
        ended.at,
        {"error": ended.text[:2000], "type": ended.name, "frames": list(ended.frames[-2:])},
    )


def _fits(cause: str, code: int, text: str) -> bool:
    """A shell says by its exit code that there was no such program; Python can't open its script with 2."""
    if cause != "missing_program":
        return True
    return code in (126, 127) or (code == 2 and "can't open file" in text)


def _by_error(error: LogError) -> Finding | None:
    """The error itself, else what it was raised from: a failed save wraps the full disk behind it."""
    for one in (error, *reversed(error.causes)):
        finding = by_error_text(one.text)
        if finding is not None:
            return Finding(
                finding.cause, one.at, {**finding.detail, "error": one.text[:2000]}, finding.consequence
            )
    return None


def _by_shell(number: int, lines: Sequence[LogLine]) -> Finding | None:
    """A shell (or another launcher) that tells of its program's signal by its own exit code."""
    if number not in _SIGNALS:
        return None
    line = search(lines, _SHELL_KILLED, AFTERMATH)
    finding = by_signal(number, lines)
    return Finding(
        finding.cause, finding.line or line, {**finding.detail, "by_shell": number}, finding.consequence
    )


def by_signal(number: int, lines: Sequence[LogLine]) -> Finding:
    """Why a signal ended a rank, as far as its log tells; for SIGKILL the kernel has been asked before."""
    if number in (signals.SIGTERM, signals.SIGKILL):
        if number == signals.SIGKILL and (line := search(lines, _SLURM_OOM, AFTERMATH)) is not None:
            return Finding("cgroup_oom", line, {"source": "Slurm"})
        if (line := search(lines, _SLURM_TIME, AFTERMATH)) is not None:
            return Finding("slurm_time_limit", line)
        if (line := search(lines, _SLURM_PREEMPT, AFTERMATH)) is not None:
            return Finding("slurm_preempted", line)
        return Finding("sigterm" if number == signals.SIGTERM else "killed")
    if number == signals.SIGABRT:
        return _by_abort(lines)
    line = search(lines, re.compile(r"^Fatal Python error: "), 400)
    return Finding(_SIGNALS.get(number, "signal"), line)


_SIGNALS = {
    int(signals.SIGKILL): "killed",
    int(signals.SIGTERM): "sigterm",
    int(signals.SIGSEGV): "segfault",
    int(signals.SIGBUS): "bus_error",
    int(signals.SIGILL): "illegal_instruction",
    int(signals.SIGABRT): "aborted",
}


def _by_abort(lines: Sequence[LogLine]) -> Finding:
    """C++ ends a process so: a watchdog's time-out, an error that nobody caught."""
    watchdog = search(lines, _WATCHDOG, 400)
    if watchdog is not None:
        whole = "\n".join(line.text for line in lines[-400:])
        work = enqueued_work(whole)
        return Finding(
            "communication_timeout",
            watchdog,
            {**peer_of(watchdog.text), **({"enqueued": work} if work is not None else {})},
        )
    line = search(lines, _ABORT, 400) or search(lines, _ABORTED, 400)
    if line is not None:
        finding = by_error_text(line.text)
        if finding is not None:
            return Finding(finding.cause, line, finding.detail, finding.consequence)
    return Finding("aborted", line)
