"""The end of a log as evidence: its lines without escapes, and the Python errors that end it.

Nothing here reads files; `runtime.launch.postmortem` does. A log may hold anything: progress bars that return
the carriage, lines of megabytes, halves of characters, a traceback that was printed and survived.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 2000
"""Characters of a line that are looked at."""

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_RANK_PREFIX = re.compile(r"^\[(?:rank|default)\d*\]:\s?")
_TRACEBACK = re.compile(r"^(?:.{0,80}?)Traceback \(most recent call last\):$")
_ERROR = re.compile(
    r"^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Failure|Abort|[A-Z]\w*))(?:: (.*))?$"
)
_CHAIN = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


@dataclass(frozen=True)
class LogLine:
    """One line of a rank's log. `line` counts from 1; None where the log is too long to have been counted.
    `offset`: the byte that it begins at."""

    rank: int
    line: int | None
    text: str
    offset: int = 0

    def to_json(self) -> dict[str, object]:
        """As evidence["log"] holds it."""
        return {"rank": self.rank, "line": self.line, "offset": self.offset, "text": self.text[:500]}


@dataclass(frozen=True)
class LogError:
    """A Python error at the end of a traceback. `after`: lines of substance that follow it in the log;
    `frames`: the last lines of its traceback, `causes` the errors that it was raised from, the nearest
    last."""

    type: str
    message: str
    at: LogLine
    after: int = 0
    frames: tuple[str, ...] = ()
    causes: tuple[LogError, ...] = ()

    @property
    def name(self) -> str:
        """The class without its module."""
        return self.type.rpartition(".")[2]

    @property
    def text(self) -> str:
        """As Python prints it."""
        return f"{self.type}: {self.message}" if self.message else self.type


def lines_of(rank: int, data: bytes, first: int | None, start: int = 0) -> tuple[LogLine, ...]:
    """The lines in `data`, the end of a log from byte `start` on; `first` is the number of the line that it
    begins in (None: unknown). Of a line that was overwritten by carriage returns every version is one."""
    found = []
    offset = start
    for index, raw in enumerate(data.split(b"\n")):
        number = first + index if first is not None else None
        for piece in raw.split(b"\r"):
            text = _RANK_PREFIX.sub("", plain(piece[: 4 * LONGEST].decode(errors="replace"))[:LONGEST])
            if text.strip():
                found.append(LogLine(rank, number, text.rstrip(), offset))
        offset += len(raw) + 1
    return tuple(found)


def plain(text: str) -> str:
    """Without escape sequences and control characters."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).replace("\t", "    ")


def last_error(lines: Sequence[LogLine]) -> LogError | None:
    """The Python error of the last traceback in the log, with those that it was raised from."""
    starts = [index for index, line in enumerate(lines) if _TRACEBACK.match(line.text)]
    if not starts:
        return None
    found: list[LogError] = []
    chain_from = len(starts) - 1
    while chain_from > 0 and any(
        lines[index].text in _CHAIN for index in range(starts[chain_from - 1] + 1, starts[chain_from])
    ):
        chain_from -= 1
    end = len(lines)
    for number in range(chain_from, len(starts)):
        stop = starts[number + 1] if number + 1 < len(starts) else end
        error = _error_in(lines, starts[number], stop)
        if error is not None:
            found.append(error)
    if not found:
        return None
    last = found[-1]
    return LogError(last.type, last.message, last.at, last.after, last.frames, tuple(found[:-1]))


def _error_in(lines: Sequence[LogLine], start: int, stop: int) -> LogError | None:
    """The error that ends the traceback which begins at `start`: its first line that isn't indented."""
    for index in range(start + 1, stop):
        text = lines[index].text
        if text.startswith(" ") or text in _CHAIN:
            continue
        match = _ERROR.match(text)
        if match is None:
            return None
        frames = tuple(line.text for line in lines[max(start + 1, index - 6) : index])
        message, follow = _message(lines, index, match[2] or "", stop)
        after = sum(1 for line in lines[follow:stop] if not _NOISE.search(line.text))
        return LogError(match[1], message, lines[index], after, frames)
    return None


def _message(lines: Sequence[LogLine], index: int, first: str, stop: int) -> tuple[str, int]:
    """A message of several lines (CUDA's, NCCL's) goes on in lines that are indented or explain
    themselves."""
    message, follow = first, index + 1
    while follow < stop and follow <= index + 40 and _GOES_ON.match(lines[follow].text):
        message += "\n" + lines[follow].text
        follow += 1
    return message, follow


_GOES_ON = re.compile(
    r"^(?: |frame #\d+|Exception raised from|CUDA kernel errors might|For debugging consider|Compile with|"
    r"Device-side assertion|Search for `|nccl\w+Error|Last error:|Original [Ee]xception|\[/|\[Rank \d+\]|"
    r"Original Traceback)"
)
_NOISE = re.compile(
    r"^(?:frame #\d+|Exception raised from|\s|terminate called|\[W\d{4} |\[E\d{4} |W\d{4} |E\d{4} )"
    r"|resource_tracker|destroy_process_group|UserWarning|leaked (?:semaphore|shared_memory)|"
    r"^Exception ignored in|^Fatal Python error|^Thread 0x|^Current thread|^Extension modules|"
    r"Error in atexit|^During handling|^The above exception|wandb:|^srun: |^slurmstepd: |^make: |"
    r"ChildFailedError"
)


def search(lines: Sequence[LogLine], pattern: re.Pattern[str], last: int | None = None) -> LogLine | None:
    """The newest line that matches, among the `last` ones (None: all)."""
    for line in reversed(lines if last is None else lines[-last:]):
        if pattern.search(line.text):
            return line
    return None
