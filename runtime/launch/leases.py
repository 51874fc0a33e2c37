"""Leases on devices, machine-wide: who has which GPU or CPU slot, in all workspaces and of all users.

A lease is a file `<device>.<n>`, made with O_EXCL semantics, and the highest `n` of a device is its lease.
Number n+1 is created by whoever has proof that lease n is over: given back, or its holder (a supervisor) gone
*and* nothing of its run left. It counts only if nothing higher is there after that: who looked long ago may
make a number that was spent and cleared away. Files are never removed while they are the highest, so that
numbers only grow; another user's stale lease is overtaken by a higher number, without touching his file.
After a reboot every lease is over, since the processes are."""

from __future__ import annotations

import getpass
import os
import re
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runtime.launch import lease_files
from runtime.launch.lease_files import lease_directory, usable_directory
from runtime.launch.processes import RUN_VARIABLE, SUPERVISOR_VARIABLE, all_pids
from runtime.messages import N_, HeadnodeError
from runtime.process_environment import environment_bytes
from runtime.run.files import ForeignSchema, number, read_json
from runtime.run.identity import Identity, boot_id

_NAME = re.compile(r"(.+)\.(\d{1,9})")
CPU = "cpu:"
"""What the key of a CPU slot begins with; everything else is the UUID of a GPU or of a MIG instance."""


@dataclass(frozen=True)
class Lease:
    """A lease: `key` is the device's UUID or `cpu:<i>`, `path` the run directory, `since` in Unix seconds.

    `identity` is the supervisor's, None where the file can't be read: then nothing is known about the holder.
    `processes`: of the run, that have to be gone as well; the scan for a run doesn't reach another user's.
    """

    key: str
    number: int
    run_id: str = ""
    path: str = ""
    user: str = ""
    identity: Identity | None = None
    since: float | None = None
    processes: tuple[Identity, ...] = ()
    released: bool = False

    def to_json(self) -> dict[str, Any]:
        """As its file holds it."""
        return {
            "key": self.key,
            "number": self.number,
            "run_id": self.run_id,
            "path": self.path,
            "user": self.user,
            "identity": self.identity.to_json() if self.identity is not None else None,
            "since": self.since,
            "processes": [identity.to_json() for identity in self.processes],
            "released": self.released,
        }


class LeaseHeld(HeadnodeError):
    """The device is another run's. `lease` says whose."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        super().__init__(
            N_("{device} is leased by {run} of {user}"), device=lease.key, run=lease.run_id, user=lease.user
        )


def held() -> dict[str, Lease]:
    """The leases that aren't proven to be over, by device."""
    return {key: lease for key, lease in current().items() if not is_over(lease)}


def current() -> dict[str, Lease]:
    """The lease with the highest number of each device, over or not."""
    directory = lease_directory()
    return {lease.key: lease for lease in (_read(directory, stem, top) for stem, top in _tops(directory))}


def is_over(lease: Lease) -> bool:
    """Whether it is proven that the lease counts no more."""
    if lease.released:
        return True
    if lease.identity is None:
        return False
    # The directory belongs to this machine: what was written in another boot of it (also under another name
    # of the host) is over, with all its processes.
    if lease.identity.boot_id != boot_id():
        return True
    if lease.identity.status() != "gone":
        return False
    return all(process.status() == "gone" for process in lease.processes) and not run_left(lease.run_id)


def run_left(run_id: str) -> bool:
    """Whether a process of the run is there, or another supervisor of it. Looked at twice, since a child can
    be born behind the back of one look."""
    marks = [f"\0{name}={run_id}\0".encode() for name in (RUN_VARIABLE, SUPERVISOR_VARIABLE)]

    def seen() -> bool:
        for pid in all_pids():
            environment = b"\0" + environment_bytes(pid) + b"\0"
            if pid != os.getpid() and any(mark in environment for mark in marks):
                return True
        return False

    return seen() or seen()


def take(key: str, run_id: str, path: Path) -> Lease:
    """Takes one device for the calling process, the supervisor of the run. Raises LeaseHeld, LeaseError,
    OSError.

    A lease of the same run whose holder is gone is taken over: its supervisor died and this is the next.
    """
    directory = usable_directory()
    stem = _stem(key)
    me = Identity.current()
    while True:
        top = max((top for found, top in _tops(directory) if found == stem), default=0)
        before = _read(directory, stem, top) if top else None
        if before is not None:
            if before.identity == me and before.run_id == run_id and not before.released:
                return before
            if not (is_over(before) or _inherited(before, run_id, path)):
                raise LeaseHeld(before)
        processes = before.processes if before is not None and _inherited(before, run_id, path) else ()
        lease = Lease(key, top + 1, run_id, str(path), _user(), me, time.time(), processes)
        if not lease_files.create(_file(directory, lease), lease.to_json()):
            continue
        # Since our look others may have come and gone, and their files been cleared away with the number that
        # we then could make. Two looks, since one may miss a file that is replaced by the next meanwhile.
        if mine(lease) and mine(lease):
            _clear_below(directory, stem, lease.number)
            return lease
        with suppress(FileNotFoundError):
            _file(directory, lease).unlink()


def take_all(keys: Iterable[str], run_id: str, path: Path) -> tuple[Lease, ...]:
    """Takes all of them or none. Everybody takes in the order of the keys, so that two who want the same
    never wait for each other. Raises LeaseHeld, LeaseError, OSError with nothing taken."""
    taken: list[Lease] = []
    try:
        for key in sorted(set(keys)):
            taken.append(take(key, run_id, path))
    except BaseException:
        for lease in taken:
            with suppress(OSError):
                release(lease)
        raise
    return tuple(taken)


def of_run(run_id: str, path: Path) -> tuple[Lease, ...]:
    """The leases that a supervisor of this run left behind."""
    return tuple(lease for lease in current().values() if _inherited(lease, run_id, path))


def _inherited(lease: Lease, run_id: str, path: Path) -> bool:
    same = lease.run_id == run_id and lease.path == str(path) and not lease.released
    return same and lease.identity is not None and lease.identity.status() == "gone"


def note_processes(lease: Lease, processes: Collection[Identity]) -> Lease:
    """Writes into a lease of ours which processes have to be gone before it can be overtaken. Raises
    OSError."""
    noted = replace(lease, processes=tuple(processes))
    if noted != lease:
        lease_files.replace(_file(lease_directory(), lease), noted.to_json())
    return noted


def release(lease: Lease) -> None:
    """Gives a lease of ours back. The file stays: its number is spent. Raises OSError."""
    directory = lease_directory()
    if mine(lease):
        lease_files.replace(_file(directory, lease), replace(lease, released=True).to_json())


def mine(lease: Lease) -> bool:
    """Whether no higher number has been taken since."""
    directory = lease_directory()
    stem = _stem(lease.key)
    return max((top for found, top in _tops(directory) if found == stem), default=0) == lease.number


def keep(lease: Lease) -> None:
    """To be called now and then while it is held: what cleans old files away (tmpfiles.d) leaves it alone,
    and if somebody did remove it, it comes back, unless the device was taken meanwhile. Raises OSError."""
    path = _file(lease_directory(), lease)
    try:
        os.utime(path)
    except FileNotFoundError:
        lease_files.create(usable_directory() / path.name, lease.to_json())


def unjudged(lease: Lease) -> Path | None:
    """The file of a lease of which nobody here can tell whether it is over: it is damaged, or its holder is
    in another container. None for every other."""
    if lease.identity is not None and lease.identity.status() != "unknown":
        return None
    return _file(lease_directory(), lease)


def _stem(key: str) -> str:
    return quote(key.replace(CPU, "cpu-", 1) if key.startswith(CPU) else key, safe="-_")


def _file(directory: Path, lease: Lease) -> Path:
    return directory / f"{_stem(lease.key)}.{lease.number}"


def _tops(directory: Path) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    for name in lease_files.names(directory):
        match = _NAME.fullmatch(name)
        if match is not None:
            found[match[1]] = max(found.get(match[1], 0), int(match[2]))
    return sorted(found.items())


def _read(directory: Path, stem: str, top: int) -> Lease:
    try:
        value = read_json(directory / f"{stem}.{top}") or {}
    except (OSError, ForeignSchema):
        value = {}
    processes = (Identity.from_json(item) for item in value.get("processes") or ())
    return Lease(
        key=str(value.get("key") or (stem.replace("cpu-", CPU, 1) if stem.startswith("cpu-") else stem)),
        number=top,
        run_id=str(value.get("run_id") or ""),
        path=str(value.get("path") or ""),
        user=str(value.get("user") or ""),
        identity=Identity.from_json(value.get("identity")),
        since=number(value.get("since")),
        processes=tuple(process for process in processes if process is not None),
        released=value.get("released") is True,
    )


def _clear_below(directory: Path, stem: str, top: int) -> None:
    """Removes what has been overtaken, as far as it is ours."""
    for name in lease_files.names(directory):
        match = _NAME.fullmatch(name)
        if match is not None and match[1] == stem and int(match[2]) < top:
            with suppress(OSError):
                (directory / name).unlink()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
