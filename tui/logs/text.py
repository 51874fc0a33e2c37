"""From the bytes of a log line to text that is safe and useful on a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len, get_character_cell_size

from tui.clean import clean

SHOWN_BYTES = 16 << 10
"""At most so much of a line is shown; a line without end must not make the panel slow."""

# Marks without width, soft hyphens and tag characters hide text or break alignment; `clean` removes the rest.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060-\u2064\ufff9-\ufffb\U000e0000-\U000e007f]")
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")

_TIMESTAMP = re.compile(
    r"\s*(?:\[[^\]]{0,24}?)?"
    r"(?P<date>\d{4}[-/]\d\d[-/]\d\d[T ])?(?P<time>\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(?:Z|\s?[+-]\d\d:?\d\d)?"
    r"\]?(?:\s*[-–|:,]?\s+|$)"
)

# What `e` looks for: bytes to find fast (in lower case), and what a line must then match.
ERROR_WORDS = (
    b"error", b"traceback", b"exception", b"cuda", b"nccl", b"killed", b"nan", b"fatal", b"segmentation",
    b"sigterm", b"sigabrt", b"sigsegv", b"out of memory", b"core dumped", b"assertion", b"critical",
)  # fmt: skip
_ERROR = re.compile(
    r"Traceback \(most recent|\b(?!0 )\w*(?:Error|ERROR|Exception)\b|\berror:"
    r"|\b(?:FATAL|[Ff]atal|CRITICAL)\b|CUDA (?:error|out of|driver|kernel)|CUDA_ERROR|cuda runtime error"
    r"|NCCL (?:WARN|error|failure|timeout|communicator)|\b[Kk]illed\b|[Oo]ut of memory|core dumped"
    r"|[Ss]egmentation fault|\bSIG(?:TERM|SEGV|ABRT)\b|[Aa]ssertion (?:failed|error)"
    r"|[=: ](?:nan|NaN)\b"
)
_NO_ERROR = re.compile(
    r"\b(?:no|0|without(?: any)?) (?:\w+ )?(?:errors?|exceptions?)\b"
    r"|\b\w*(?:errors?|exceptions?)\s*[:=]\s*0\b"
    r"|\b(?:ignore|on|max|num|skip|check)_\w*(?:errors?|exceptions?)\b|\bNCCL INFO\b.*",
    re.IGNORECASE,
)
"""What speaks of errors only to say that there is none."""
_WARNING = re.compile(r"\b(?:WARN|WARNING|\w*Warning)\b")


@dataclass(frozen=True)
class LogText:
    """A line ready to be shown."""

    text: str
    timestamp: int
    """How many characters at the start are its time; 0 without one."""
    clock: str
    """That time as `14:32:05`."""
    level: str
    """"error", "warning" or ""."""
    cut: int
    """Bytes of the line that are left out."""


def read_line(raw: bytes) -> LogText:
    """Decodes the bytes of one line (its newline may be there), without anything that a terminal would act
    on.

    Of a line that was overwritten by carriage returns (a progress bar), what was written last is kept.
    Invalid UTF-8 becomes U+FFFD. Escape sequences, control characters and direction marks go; tabs become
    spaces.
    """
    raw = raw.rstrip(b"\r\n")
    if b"\r" in raw:
        last = next((part for part in reversed(raw.split(b"\r")) if _ESCAPE.sub(b"", part).strip()), b"")
        raw = last
    cut = max(len(raw) - SHOWN_BYTES, 0)
    text = clean(raw[:SHOWN_BYTES].decode("utf-8", "replace").expandtabs(8))
    text = _INVISIBLE.sub("", text)
    stamp = _TIMESTAMP.match(text)
    return LogText(text, stamp.end() if stamp else 0, stamp["time"] if stamp else "", level(text), cut)


def level(text: str) -> str:
    """Whether a line tells of an error or a warning, as far as can be seen from it alone."""
    if _ERROR.search(text) and _ERROR.search(_NO_ERROR.sub("", text)):
        return "error"
    return "warning" if _WARNING.search(text) else ""


def wrap(text: str, width: int) -> list[int]:
    """The index at which each row of a wrapped line begins; characters of two cells are never cut in half."""
    starts = [0]
    if text.isascii():
        return list(range(0, len(text), width)) or [0]
    used = 0
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if used + size > width:
            starts.append(index)
            used = 0
        used += size
    return starts


def crop(text: str, start: int, width: int) -> tuple[int, int]:
    """The slice of the text that is visible from cell `start` on, `width` cells wide (a half character is
    left out).
    """
    if text.isascii():
        return min(start, len(text)), min(start + width, len(text))
    cell, first, index = 0, len(text), 0
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if cell >= start and index < first:
            first = index
        if cell + size > start + width:
            return min(first, index), index
        cell += size
    return first, len(text)


def width_of(text: str) -> int:
    """Cells that the text takes."""
    return len(text) if text.isascii() else cell_len(text)
