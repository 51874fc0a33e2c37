"""The directory of leases: one for the machine, written by everybody, in which nobody can remove another's
file.

It lies in memory that a reboot clears where there is such (/run/lock), has mode 1777 as /tmp has, and every
file in it can be read by all, whatever the umask of its owner."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime.messages import N_, HeadnodeError
from runtime.run.files import encode, write_all
from runtime.settings import load_or_default

VARIABLE = "HEADNODE_LEASES"
WAITING = ".waiting"
"""The ending of the files of those who wait in the line (see queueing_line)."""
_RUN_LOCK = Path("/run/lock")
_FALLBACK = Path("/tmp/headnode-leases")
_MODE = 0o1777
_READABLE = 0o644


class LeaseError(HeadnodeError):
    """The directory of leases can't be used, so that no device can be had."""


def lease_directory() -> Path:
    """Where the leases of this machine lie; it need not exist yet."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    settings, _ = load_or_default()
    if settings.machine.lease_directory is not None:
        return settings.machine.lease_directory.expanduser()
    with suppress(OSError):
        if _RUN_LOCK.stat().st_mode & _MODE == _MODE:
            return _RUN_LOCK / "headnode"
    return _FALLBACK


def usable_directory() -> Path:
    """The same, made where it is missing. Raises LeaseError where it can't be written, or isn't what it
    should be."""
    path = lease_directory()
    try:
        path.mkdir(parents=True, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise LeaseError(
                N_("{path} must be a directory: the leases on devices lie there"), path=str(path)
            )
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != _MODE:
            path.chmod(_MODE)
    except OSError as error:
        raise LeaseError(
            N_("the directory of leases on devices, {path}, can't be made: {problem}"),
            path=str(path),
            problem=error.strerror or str(error),
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise LeaseError(
            N_(
                "{path}, where the leases on devices lie, can't be written; "
                "its owner should run chmod 1777 {path}"
            ),
            path=str(path),
        )
    return path


def create(path: Path, value: Mapping[str, Any]) -> bool:
    """Creates `path` whole, or not at all because it exists: False. Nobody sees it half-written."""
    temporary = _write(path, value)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def replace(path: Path, value: Mapping[str, Any]) -> None:
    """Puts `value` in the place of a file of our own."""
    temporary = _write(path, value)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(path: Path, value: Mapping[str, Any]) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READABLE)
    try:
        os.fchmod(descriptor, _READABLE)
        write_all(descriptor, encode({"schema": 1, **value}) + b"\n")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return temporary


def names(directory: Path) -> list[str]:
    """The names in the directory; none where there is no directory."""
    try:
        return [name for name in os.listdir(directory) if not name.startswith(".")]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
