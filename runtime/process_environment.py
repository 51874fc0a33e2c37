"""The environment that a process was started with, as /proc tells it."""

from __future__ import annotations

import time
from pathlib import Path

_ATTEMPTS = 20
_PAUSE = 0.001  # seconds


def environment_bytes(pid: int) -> bytes:
    """`NAME=value` entries separated by zero bytes; empty where the process is gone, has none, or isn't ours
    to read.

    In the middle of execve(2) the kernel has put the new memory in place but no environment into it yet, and
    gives nothing. A process caught there is read again, so that one which has just been started isn't taken
    for a stranger. See environ_read() in the kernel's fs/proc/base.c.
    """
    path = Path(f"/proc/{pid}/environ")
    for _ in range(_ATTEMPTS):
        try:
            data = path.read_bytes()
        except OSError:
            return b""
        if data or not _more_to_come(pid):
            return data
        time.sleep(_PAUSE)
    return b""


def _more_to_come(pid: int) -> bool:
    """Whether a process that gave no environment has one by now, or none in place yet: it is, or was until
    just now, in execve.

    Fields of proc(5)'s stat: `vsize` (23) is 0 for a kernel thread and a zombie, `env_start` (50) and
    `env_end` (51) are equal where the environment is really empty, and 0 until it is placed.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    fields = text[text.rfind(")") + 2 :].split()  # from field 3 on
    if len(fields) < 49 or fields[20] == "0":
        return False
    return fields[48] == "0" or fields[47] != fields[48]
