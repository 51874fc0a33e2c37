"""Who may write in a run: the holder of the highest epoch.

A supervisor claims epoch n+1 by creating `supervisor-<n+1>.json`, which can succeed once only. It needs proof
that the holder of n is gone (its process, see `identity`) or has released; silence is no proof. A holder that
sees a higher epoch stops writing.
"""

from __future__ import annotations

import errno
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.messages import N_, HeadnodeError
from runtime.run.files import (
    encode,
    fsync_directory,
    number,
    read_bytes,
    temporary_name,
    write_all,
    write_json_atomic,
)
from runtime.run.identity import Identity
from runtime.run.jsontext import parse_object
from runtime.run.layout import RunDirectory

_NAME = re.compile(r"supervisor-(\d{1,9})\.json")
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True)
class Holder:
    """Who holds an epoch. `identity` is None where its file can't be read (yet): then nothing is known about
    the holder.
    """

    epoch: int
    identity: Identity | None
    released: bool
    since: float | None = None

    @property
    def over(self) -> bool:
        """Whether it is proven that this holder writes no more."""
        return self.released or (self.identity is not None and self.identity.status() == "gone")


class EpochHeld(HeadnodeError):
    """The run has a writer that isn't proven gone. `holder` says which."""

    def __init__(self, run: RunDirectory, holder: Holder) -> None:
        self.holder = holder
        identity = holder.identity
        super().__init__(
            N_("{run} is being written by process {pid} on {host}; only one may"),
            run=run.run_id,
            pid=identity.pid if identity else "?",
            host=identity.host if identity else "?",
        )


def current_epoch(run: RunDirectory) -> int:
    """The highest epoch claimed so far, 0 where none was. Raises FileNotFoundError where the run is no
    more.
    """
    matches = (_NAME.fullmatch(name) for name in os.listdir(run.path))  # noqa: PTH208 (names only)
    return max((int(match[1]) for match in matches if match), default=0)


def holder(run: RunDirectory) -> Holder | None:
    """Who holds the highest epoch, None before the first."""
    epoch = current_epoch(run)
    return _read_holder(run, epoch) if epoch else None


def _read_holder(run: RunDirectory, epoch: int) -> Holder:
    data = read_bytes(run.supervisor(epoch))
    value = (parse_object(data) if data is not None else None) or {}
    identity = Identity.from_json(value.get("identity"))
    return Holder(epoch, identity, value.get("released") is True, number(value.get("since")))


def take_epoch(run: RunDirectory, identity: Identity) -> int:
    """Makes the process `identity` the run's only writer and returns its epoch.

    Raises EpochHeld while the holder before is neither gone nor released, also for whoever loses a race.
    OSError as the disk does.
    """
    while True:
        before = holder(run)
        if before is not None and not before.over:
            raise EpochHeld(run, before)
        epoch = before.epoch + 1 if before is not None else 1
        if _claim(run.supervisor(epoch), _content(epoch, identity, time.time())):
            return epoch


def _content(epoch: int, identity: Identity, since: float | None, released: bool = False) -> dict[str, Any]:
    return {
        "schema": 1,
        "epoch": epoch,
        "identity": identity.to_json(),
        "since": since,
        "released": released,
    }


def _claim(path: Path, content: dict[str, Any]) -> bool:
    """Creates `path` with its content unless it exists. As a link to a finished file it is never seen
    half-written.
    """
    temporary = temporary_name(path)
    try:
        _create(temporary, content)
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:
            _create(path, content)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    fsync_directory(path.parent)
    return True


def _create(path: Path, content: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, encode(content, indent=2) + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def release_epoch(run: RunDirectory, epoch: int) -> None:
    """Says that the holder of `epoch` writes no more; the next may come without proof. Only the holder calls
    this.
    """
    held = _read_holder(run, epoch)
    if held.identity is not None and not held.released:
        write_json_atomic(run.supervisor(epoch), _content(epoch, held.identity, held.since, released=True))


def still_mine(run: RunDirectory, epoch: int) -> bool:
    """Whether `epoch` is still the highest; a holder asks before it writes. False also where the run was
    removed.
    """
    try:
        return current_epoch(run) == epoch
    except FileNotFoundError:
        return False
