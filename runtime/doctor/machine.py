"""The machine: memory and what a container allows of it, swap, cores, clock, time since it started."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from pathlib import Path

from runtime.doctor.check import Check, Surroundings
from runtime.messages import N_, Message

GIB = 1 << 30
_LOW_SHARE = 0.1
_FRESH_SECONDS = 600
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC of adjtimex(2)
_NO_LIMIT = 1 << 60  # cgroup v1 writes a number near 2^63 where there is no limit


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Memory, cgroup limit, swap, processors, clock, uptime."""
    root = surroundings.root
    memory = memory_facts(root)
    total, available = memory.get("MemTotal"), memory.get("MemAvailable")
    if total is not None and available is not None:
        yield memory_check(total, available)
        yield cgroup_check(cgroup_limit(root), total)
        yield swap_check(memory.get("SwapTotal", 0), memory.get("SwapFree", 0), total)
    yield _cores()
    yield clock_check(_clock_status())
    yield from _uptime(root)


def memory_facts(root: Path) -> dict[str, int]:
    """/proc/meminfo in bytes; empty where it can't be read."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return {}
    facts = {}
    for line in lines:
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            facts[name] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return facts


def memory_check(total: int, available: int) -> Check:
    """Judges bytes of memory."""
    values = {"total": f"{total / GIB:.1f}", "available": f"{available / GIB:.1f}"}
    message = Message(N_("{available} GiB of {total} GiB available"), values)
    data = {"total": total, "available": available}
    if available < _LOW_SHARE * total:
        fix = Message(N_("end programs that hold memory; the kernel kills what asks for more than there is"))
        return Check("memory", Message(N_("memory")), "warn", message, fix, data)
    return Check("memory", Message(N_("memory")), "ok", message, data=data)


def cgroup_limit(root: Path) -> int | None:
    """How many bytes this process's control group may use, the least of those above it; None: no limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        _number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers == "":  # version 2
            limits += _limits(root / "sys/fs/cgroup", path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes")
    return min(limits, default=None)


def _limits(base: Path, path: str, name: str) -> list[int]:
    """Of this group and all above. Inside a container the path is the host's and only the top is there."""
    group = base / path.lstrip("/")
    found = []
    for directory in (group, *group.parents):
        try:
            text = (directory / name).read_text().strip()
        except OSError:
            text = ""
        if text.isdecimal() and int(text) < _NO_LIMIT:
            found.append(int(text))
        if directory == base:
            break
    return found


def cgroup_check(limit: int | None, total: int) -> Check:
    """Judges a control group's limit in bytes beside the machine's memory."""
    title, data = Message(N_("memory limit")), {"limit": limit}
    if limit is None or limit >= total:
        return Check("memory_limit", title, "ok", Message(N_("none beside the machine's own")), data=data)
    values = {"limit": f"{limit / GIB:.1f}", "total": f"{total / GIB:.1f}"}
    message = Message(N_("{limit} GiB of the machine's {total} GiB: what asks for more is killed"), values)
    fix = Message(N_("ask for more where this was started (docker run --memory, sbatch --mem, systemd)"))
    return Check("memory_limit", title, "warn" if limit < total / 2 else "ok", message, fix, data)


def swap_check(total: int, free: int, memory: int) -> Check:
    """Judges bytes of swap."""
    title, used = Message(N_("swap")), total - free
    values = {"used": f"{used / GIB:.1f}", "total": f"{total / GIB:.1f}"}
    data = {"total": total, "used": used}
    if total == 0:
        return Check(
            "swap", title, "ok", Message(N_("none: too much memory ends a process at once")), data=data
        )
    message = Message(N_("{used} GiB of {total} GiB used"), values)
    if used > 0.1 * memory:
        fix = Message(N_("training that is swapped out crawls: end what holds the memory"))
        return Check("swap", title, "warn", message, fix, data)
    return Check("swap", title, "ok", message, data=data)


def _cores() -> Check:
    everywhere = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else everywhere
    values = {"usable": usable, "all": everywhere}
    title = Message(N_("processors"))
    if usable < everywhere:
        message = Message(N_("{usable} of {all} may be used here (taskset, cgroup, batch system)"), values)
        return Check("processors", title, "ok", message, data=values)
    return Check("processors", title, "ok", Message(N_("{usable}"), values), data=values)


class _Timex(ctypes.Structure):
    """The beginning of struct timex, and room for its rest (208 bytes on 64-bit Linux)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("largest_error", ctypes.c_long),  # microseconds
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def _clock_status() -> int | None:
    """The status bits of the kernel's clock; None where it may not be asked."""
    timex = _Timex()
    try:
        result = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):  # not Linux
        return None
    return None if result == -1 else int(timex.status)


def clock_check(status: int | None) -> Check:
    """Judges adjtimex(2)'s status bits."""
    title = Message(N_("system clock"))
    if status is None:
        return Check("clock", title, "ok", Message(N_("whether it is synchronised can't be asked here")))
    if status & _UNSYNCHRONISED:
        message = Message(N_("not synchronised: the times of several machines can't be compared"))
        fix = Message(N_("timedatectl set-ntp true, or install chrony"))
        return Check("clock", title, "warn", message, fix, {"synchronised": False})
    return Check("clock", title, "ok", Message(N_("synchronised")), data={"synchronised": True})


def _uptime(root: Path) -> Iterator[Check]:
    try:
        seconds = float((root / "proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    title = Message(N_("up since"))
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() - seconds))
    days, hours, minutes = seconds // 86400, seconds // 3600, seconds // 60
    values = {"moment": moment, "days": f"{days:.0f}", "hours": f"{hours:.0f}", "minutes": f"{minutes:.0f}"}
    data = {"uptime_seconds": round(seconds)}
    if days >= 2:
        message = Message(N_("{moment}, {days} days ago"), values)
    elif hours >= 2:
        message = Message(N_("{moment}, {hours} hours ago"), values)
    else:
        message = Message(N_("{moment}, {minutes} minutes ago"), values)
    yield Check("uptime", title, "ok", message, data=data)
