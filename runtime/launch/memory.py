"""Whether the kernel killed a process for want of host memory: told from an operator's kill, or not told
at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KMSG_LINES = 2000


@dataclass(frozen=True)
class OomCounts:
    """How many processes the kernel has killed for want of memory: on this machine, and in one control group.

    `None`: this kernel or container doesn't tell.
    """

    machine: int | None = None
    group: int | None = None
    source: str = "memory.events"  # the group's file: v2's memory.events, v1's memory.oom_control


@dataclass(frozen=True)
class OomFinding:
    """`killed`: True, False, or None where it can't be told; `detail` says what it rests on."""

    killed: bool | None
    detail: Mapping[str, Any] = field(default_factory=dict)


def control_group(pid: int | str = "self") -> Path | None:
    """The control group's directory of a process that counts its memory (cgroup v2, or v1's memory
    controller),
    None where there is none to be seen. In a container its own group is mounted as the root."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    return _group_of(lines, Path("/sys/fs/cgroup"))


def _group_of(lines: Sequence[str], mounted: Path) -> Path | None:
    """From the lines of /proc/<pid>/cgroup, `hierarchy:controllers:path` (cgroups(7))."""
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        for root, names in ((mounted, ("",)), (mounted / "memory", ("memory",))):
            if not set(controllers.split(",")) & set(names):
                continue
            for group in (root / path.lstrip("/"), root):
                if any((group / name).exists() for name in _COUNTERS):
                    return group
    return None


_COUNTERS = ("memory.events", "memory.oom_control")
"""Of cgroup v2 and v1: both have a line `oom_kill N`."""


def oom_counts(group: Path | None) -> OomCounts:
    """The counters as they stand now. /proc/vmstat counts kills for the whole machine and for control
    groups alike."""
    return OomCounts(
        _counter(Path("/proc/vmstat"), "oom_kill"),
        *(_group_count(group) if group is not None else ()),
    )


def judge_kill(pid: int, before: OomCounts, after: OomCounts) -> OomFinding:
    """Whether the SIGKILL that ended `pid` between the two readings (some seconds) came from the kernel's
    OOM killer."""
    line = _kernel_line(pid)
    if line is not None:
        return OomFinding(True, {"source": "kernel log", "line": line})
    if _grown(before.group, after.group):
        return OomFinding(True, {"source": after.source, "oom_kills": _difference(before.group, after.group)})
    if _grown(before.machine, after.machine):
        return OomFinding(
            True, {"source": "/proc/vmstat", "oom_kills": _difference(before.machine, after.machine)}
        )
    if after.machine is not None or after.group is not None:
        return OomFinding(False)
    return OomFinding(None)


def _grown(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and after > before


def _difference(before: int | None, after: int | None) -> int:
    return (after or 0) - (before or 0)


def _group_count(group: Path) -> tuple[int, str] | tuple[()]:
    for name in _COUNTERS:
        count = _counter(group / name, "oom_kill")
        if count is not None:
            return count, name
    return ()


def _counter(path: Path, name: str) -> int | None:
    try:
        text = path.read_text()
    except OSError:
        return None
    match = re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
    return int(match[1]) if match else None


def _kernel_line(pid: int) -> str | None:
    """The kernel's own line about its kill of `pid`, where its log may be read. In a pid namespace the
    numbers are the host's, and a match by chance would accuse wrongly: there only the counters are asked."""
    if not _initial_pid_namespace():
        return None
    try:
        descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    wanted = re.compile(rf"Killed process {pid} \(".encode())
    found = None
    try:
        for _ in range(_KMSG_LINES):
            try:
                record = os.read(descriptor, 8192)
            except OSError as error:
                if (
                    error.errno == errno.EPIPE
                ):  # the oldest lines were overwritten meanwhile: go on with what is left
                    continue
                break
            if wanted.search(record):
                found = record.partition(b";")[2].split(b"\n")[0].decode(errors="replace")
    finally:
        os.close(descriptor)
    return found


def _initial_pid_namespace() -> bool:
    try:
        return os.readlink("/proc/self/ns/pid") == "pid:[4026531836]"  # noqa: PTH115 (PROC_PID_INIT_INO in the kernel)
    except OSError:
        return False
