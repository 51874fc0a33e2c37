"""Fault injection for the tests: die or fail at a named place, as a power cut or a full disk would.

`HEADNODE_FAULT=<action>:<place>[@<step>]`, for example `kill:checkpoint:renamed@8`. Actions: `kill` sends
SIGKILL to this process; `disk_full` raises OSError(ENOSPC). `checkpoint:<stage>` without an action means
kill. Nothing happens without the variable, and nothing sets it but a person or a test. Places of a checkpoint
save: see `runtime.train.checkpointing`.
"""

from __future__ import annotations

import errno
import os
import signal

VARIABLE = "HEADNODE_FAULT"
_ACTIONS = ("kill", "disk_full")


def fault_point(place: str, step: int) -> None:
    """Fail here if HEADNODE_FAULT names this place (and this step, where it names one)."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    action, _, rest = wanted.partition(":")
    if action not in _ACTIONS:
        action, rest = "kill", wanted
    wanted_place, _, wanted_step = rest.partition("@")
    if wanted_place != place or (wanted_step and int(wanted_step) != step):
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"injected at {place}, step {step}")
