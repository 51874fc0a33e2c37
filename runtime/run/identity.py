"""Which process that was: pid numbers are reused, so a process is named by host, boot, pid namespace, pid and
start time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Status = Literal["alive", "gone", "unknown"]


@dataclass(frozen=True)
class Identity:
    """A process, for good: two processes never have equal identities.

    `pid` is the number as seen in `pid_namespace` (the namespace of whoever made the identity), `start_ticks`
    field 22 of /proc/<pid>/stat: clock ticks since the machine's boot. See proc(5).
    """

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a process of this machine; None where there is none, or only its zombie."""
        process = _stat(pid)
        if process is None or process.zombie:
            return None
        return cls(host_name(), boot_id(), _pid_namespace(), pid, process.start_ticks)

    @classmethod
    def current(cls) -> Identity:
        """The identity of the calling process."""
        identity = cls.of(os.getpid())
        assert identity is not None, "/proc must be mounted and show this process"
        return identity

    @classmethod
    def from_json(cls, value: object) -> Identity | None:
        """The identity that a record holds, None where it holds none."""
        if not isinstance(value, Mapping):
            return None
        texts = [value.get(name) for name in ("host", "boot_id", "pid_namespace")]
        numbers = [value.get(name) for name in ("pid", "start_ticks")]
        if not all(isinstance(text, str) for text in texts) or not all(type(item) is int for item in numbers):
            return None
        return cls(*texts, *numbers)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """The identity as records hold it."""
        return asdict(self)

    def status(self) -> Status:
        """Whether the process lives: `gone` is proof, `unknown` is all that can be said from here.

        A zombie is gone, a reused pid is gone, a process of an earlier boot of this host is gone. Another
        host or pid namespace can't be judged from here.
        """
        if self.boot_id != boot_id():
            return "gone" if self.host == host_name() else "unknown"
        if self.pid_namespace != _pid_namespace():
            return "unknown"
        process = _stat(self.pid)
        if process is None:
            if not _may_exist(self.pid):
                return "gone"
            process = _stat(self.pid)
            if process is None:
                return "unknown"
        if process.zombie or process.start_ticks != self.start_ticks:
            return "gone"
        return "alive"


@dataclass(frozen=True)
class _Stat:
    zombie: bool
    start_ticks: int


def _stat(pid: int) -> _Stat | None:
    try:
        data = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name stands in parentheses and may hold spaces and parentheses itself: what follows the last one is
    # fixed.
    fields = data[data.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    state, threads = fields[0], int(fields[17])
    # A process whose first thread has ended while others go on also shows Z: it lives.
    return _Stat(state in (b"Z", b"X", b"x") and threads <= 1, int(fields[19]))


def _may_exist(pid: int) -> bool:
    """For a process that /proc doesn't show: it may be hidden from us (hidepid), or the look itself have
    failed (EMFILE).
    """
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def host_name() -> str:
    """The name of this machine, as in the identities made on it."""
    return os.uname().nodename


@lru_cache(maxsize=1)
def boot_id() -> str:
    """A random id that the kernel made when this machine started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # a kernel without namespaces has just the one
        return ""
