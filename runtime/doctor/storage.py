"""Where runs are written: space, inodes, kind of file system, clock; and shared memory."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from runtime.doctor.check import Check, Status, Surroundings
from runtime.messages import N_, Message
from runtime.run.file_systems import NETWORK, file_system

GIB = 1 << 30
_LOW_GIB, _FULL_GIB = 20, 1
_FEW_INODES, _NO_INODES = 100_000, 1_000
_SKEW_SECONDS = 2.0
_SHARED_BYTES = 1 * GIB


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Logs' disk, its inodes and kind, the clock of its server, temporary files, shared memory."""
    workspace = surroundings.workspace
    if workspace is not None:
        where = workspace.logs if workspace.logs.exists() else workspace.root
        yield from _space(where)
        yield _kind(where, surroundings.root)
        yield from _skew(where)
    yield _temporary()
    yield _shared_memory(surroundings.root / "dev/shm")


def _space(where: Path) -> Iterator[Check]:
    title = Message(N_("disk space"))
    try:
        status = os.statvfs(where)
    except OSError as error:
        message = Message(N_("{path}: {error}"), {"path": where, "error": error.strerror})
        yield Check("disk", title, "fail", message)
        return
    yield space_check(where, status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize)
    if status.f_files:
        yield inode_check(status.f_favail, status.f_files)


def space_check(where: Path, free: int, total: int) -> Check:
    """Judges free bytes."""
    title = Message(N_("disk space"))
    values = {"free": f"{free / GIB:.1f}", "total": f"{total / GIB:.1f}", "path": where}
    data = {"free": free, "total": total, "path": str(where)}
    message = Message(N_("{free} GiB of {total} GiB free in {path}"), values)
    fix = Message(N_("free some space: headnode rm RUN deletes a run, headnode rm RUN@STEP a checkpoint"))
    if free < _FULL_GIB * GIB:
        return Check("disk", title, "fail", message, fix, data)
    if free < _LOW_GIB * GIB:
        return Check("disk", title, "warn", message, fix, data)
    return Check("disk", title, "ok", message, data=data)


def inode_check(free: int, total: int) -> Check:
    """Judges free inodes."""
    status: Status = "fail" if free < _NO_INODES else "warn" if free < _FEW_INODES else "ok"
    message = Message(N_("{free:,} of {total:,} files can still be made"), {"free": free, "total": total})
    fix = None
    if status != "ok":
        fix = Message(N_("delete directories with many small files; df -i names the full file system"))
    return Check("inodes", Message(N_("inodes")), status, message, fix, {"free": free, "total": total})


def _kind(where: Path, root: Path) -> Check:
    kind = file_system(where, root)
    title = Message(N_("file system"))
    values = {"kind": kind or "?"}
    if kind in NETWORK:
        message = Message(N_("{kind}: over the network, so that what other nodes write is seen late"), values)
        fix = Message(N_("that works; for speed, keep prepared data on a local disk"))
        return Check("file_system", title, "ok", message, fix, values)
    if kind in ("tmpfs", "ramfs"):
        message = Message(N_("{kind}: runs are gone after a reboot, and take the machine's memory"), values)
        fix = Message(N_("use a workspace on a disk (headnode init DIR)"))
        return Check("file_system", title, "warn", message, fix, values)
    if kind == "overlay":
        message = Message(N_("{kind}: inside a container, whose files go with it"), values)
        fix = Message(N_("mount a directory of the host there (docker run -v)"))
        return Check("file_system", title, "warn", message, fix, values)
    return Check("file_system", title, "ok", Message(N_("{kind}"), values), data=values)


def _skew(where: Path) -> Iterator[Check]:
    """A file server with another clock makes ages and times of changes wrong."""
    try:
        with tempfile.NamedTemporaryFile(dir=where, prefix=".headnode-doctor-") as file:
            before = time.time()
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
            written, after = os.stat(file.name).st_mtime, time.time()  # noqa: PTH116
    except OSError:  # a directory that can't be written is another check's
        return
    yield skew_check(max(before - written, written - after, 0.0))


def skew_check(skew: float) -> Check:
    """Judges by how many seconds a file's time is off."""
    title, values = Message(N_("file times")), {"seconds": f"{skew:.1f}"}
    data = {"skew_seconds": round(skew, 3)}
    if skew > _SKEW_SECONDS:
        message = Message(N_("the clock of the file server differs by {seconds} s"), values)
        fix = Message(N_("synchronise both clocks (NTP)"))
        return Check("file_times", title, "warn", message, fix, data)
    return Check("file_times", title, "ok", Message(N_("agree with this machine's clock")), data=data)


def _temporary() -> Check:
    where, title = Path(tempfile.gettempdir()), Message(N_("temporary files"))
    data = {"path": str(where)}
    if not os.access(where, os.W_OK | os.X_OK):
        message = Message(N_("{path} can't be written"), {"path": where})
        return Check("temporary", title, "fail", message, Message(N_("set TMPDIR to one that can")), data)
    status = os.statvfs(where)
    free = status.f_bavail * status.f_frsize
    values = {"path": where, "free": f"{free / GIB:.1f}"}
    message = Message(N_("{path}, {free} GiB free"), values)
    if free < GIB:
        return Check("temporary", title, "warn", message, Message(N_("free some, or set TMPDIR")), data)
    return Check("temporary", title, "ok", message, data=data)


def _shared_memory(where: Path) -> Check:
    title = Message(N_("shared memory"))
    try:
        status = os.statvfs(where)
    except OSError:
        message = Message(N_("{path} isn't there: data workers and NCCL need it"), {"path": where})
        return Check("shared_memory", title, "fail", message, Message(N_("mount a tmpfs there")))
    return shared_memory_check(status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize)


def shared_memory_check(total: int, free: int) -> Check:
    """Judges the size of /dev/shm in bytes."""
    title = Message(N_("shared memory"))
    values = {"total": f"{total / GIB:.2f}", "free": f"{free / GIB:.2f}"}
    data = {"total": total, "free": free}
    message = Message(N_("{free} GiB of {total} GiB free"), values)
    if total < _SHARED_BYTES:
        fix = Message(N_("docker run --shm-size=16g, or --ipc=host; else mount -o remount,size=… /dev/shm"))
        return Check("shared_memory", title, "warn", message, fix, data)
    if free < _SHARED_BYTES // 4:
        fix = Message(N_("ls -l /dev/shm: remove what ended processes left there"))
        return Check("shared_memory", title, "warn", message, fix, data)
    return Check("shared_memory", title, "ok", message, data=data)
