"""The end of a log as evidence: few lines, of bounded length, whatever bytes there are."""

from __future__ import annotations

import os
from pathlib import Path

LINES = 20
LONGEST = 500
_WINDOW = 32 << 10


def log_end(path: Path) -> list[str]:
    """The last lines of a log, oldest first; invalid UTF-8 is replaced, what is longer than 500 characters is
    cut.

    Control characters are left in: who shows text from outside strips them.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        start = max(0, os.fstat(descriptor).st_size - _WINDOW)
        data = os.pread(descriptor, _WINDOW, start)
    finally:
        os.close(descriptor)
    lines = data.decode(errors="replace").split("\n")
    if start and len(lines) > 1:
        del lines[0]  # its beginning lies before the window
    kept = [line.rstrip("\r") for line in lines if line.strip()]
    return [line if len(line) <= LONGEST else line[:LONGEST] + "…" for line in kept[-LINES:]]
