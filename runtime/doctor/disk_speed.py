"""How fast the disk of the runs takes a checkpoint: written, fsynced, and deleted again."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from pathlib import Path

from runtime.doctor.check import Check, Progress, Surroundings
from runtime.messages import N_, Message

GIB = 1 << 30
PREFIX = ".headnode-doctor-disk-"
_CHUNK = 16 << 20
_MOST_BYTES = 1 * GIB
_FREE_SHARE = 0.1
"""Of the free space at most this much is written."""
_MOST_SECONDS = 10.0
_SMALL_WRITES, _SMALL_BYTES = 12, 4096
_SLOW = 100e6  # bytes/s


def measure_disk(surroundings: Surroundings, progress: Progress) -> Check:
    """Writes into the workspace's logs/. What `progress` raises ends it, with nothing left behind."""
    title, workspace = Message(N_("disk speed")), surroundings.workspace
    if workspace is None:
        message = Message(N_("there is no workspace to write into"))
        return Check("disk_speed", title, "fail", message, Message(N_("headnode init DIR makes one")))
    _clear(workspace.logs)
    path = workspace.logs / f"{PREFIX}{os.getpid()}-{os.urandom(3).hex()}"
    try:
        written, seconds, latency = _write(path, progress)
    except OSError as error:
        message = Message(N_("{path}: {error}"), {"path": workspace.logs, "error": error.strerror})
        return Check("disk_speed", title, "fail", message, Message(N_("free some space, or see to the disk")))
    finally:
        with contextlib.suppress(OSError):  # never made; else the next measurement removes it
            path.unlink()
    return disk_check(written, seconds, latency)


def _clear(directory: Path) -> None:
    """Removes what a measurement that was killed has left there."""
    for path in directory.glob(f"{PREFIX}*"):
        pid = path.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            path.unlink(missing_ok=True)


def _write(path: Path, progress: Progress) -> tuple[int, float, float]:
    """Bytes, seconds until all of them were on the disk, and the median seconds of a small fsynced write."""
    status = os.statvfs(path.parent)
    planned = int(min(_MOST_BYTES, status.f_bavail * status.f_frsize * _FREE_SHARE)) // _CHUNK * _CHUNK
    chunk = os.urandom(_CHUNK)  # a file system that compresses must not be flattered
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        written, began = 0, time.monotonic()
        while written < planned and time.monotonic() - began < _MOST_SECONDS:
            progress(written / planned, Message(N_("writing")))
            written += _whole(descriptor, chunk)
            if written % (4 * _CHUNK) == 0:
                os.fsync(descriptor)  # else a machine with much memory only fills its page cache
        progress(0.95, Message(N_("waiting for the disk")))
        os.fsync(descriptor)
        seconds = time.monotonic() - began
        latency = statistics.median(_small_write(descriptor) for _ in range(_SMALL_WRITES))
    finally:
        os.close(descriptor)
    return written, seconds, latency


def _whole(descriptor: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)


def _small_write(descriptor: int) -> float:
    began = time.monotonic()
    os.write(descriptor, b"\0" * _SMALL_BYTES)
    os.fsync(descriptor)
    return time.monotonic() - began


def disk_check(written: int, seconds: float, latency: float) -> Check:
    """Judges a measurement: bytes, seconds, and seconds of a small fsynced write."""
    title = Message(N_("disk speed"))
    if not written:
        message = Message(N_("too little space is free to measure with"))
        return Check("disk_speed", title, "fail", message, Message(N_("free some space")))
    rate = written / seconds if seconds else float("inf")
    values = {
        "rate": f"{rate / 1e6:,.0f}",
        "size": f"{written / GIB:.2f}",
        "latency": f"{latency * 1e3:.1f}",
        "wait": f"{10e9 / rate:.0f}",
    }
    data = {"bytes": written, "seconds": round(seconds, 3), "fsync_seconds": round(latency, 6)}
    message = Message(N_("{rate} MB/s ({size} GiB with fsync), {latency} ms for a small fsync"), values)
    if rate < _SLOW:
        fix = Message(N_("a 10 GB checkpoint takes {wait} s: use a local disk, or save less often"), values)
        return Check("disk_speed", title, "warn", message, fix, data)
    return Check("disk_speed", title, "ok", message, data=data)
