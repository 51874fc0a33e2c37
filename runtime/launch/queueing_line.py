"""The line of those who wait for devices, as files beside the leases: `<run_id>.waiting`, one each, written
by the waiting supervisor, touched while it lives, and removed when its wait is over."""

from __future__ import annotations

import getpass
import os
import time
from contextlib import suppress
from pathlib import Path

from runtime.launch import lease_files
from runtime.launch.lease_files import WAITING, lease_directory, usable_directory
from runtime.launch.queueing import Ticket, Wants
from runtime.run.files import ForeignSchema, number, read_json
from runtime.run.identity import Identity


def announce(ticket: Ticket) -> None:
    """Puts the calling supervisor into the line, or changes what it says there. Raises LeaseError,
    OSError."""
    value = {
        "run_id": ticket.run_id,
        "path": ticket.path,
        "user": ticket.user or _user(),
        "identity": Identity.current().to_json(),
        "wants": ticket.wants.to_json(),
        "priority": ticket.priority,
        "asked": ticket.asked,
    }
    lease_files.replace(usable_directory() / _name(ticket.run_id), value)


def sign_of_life(run_id: str) -> None:
    """To be given every few seconds. Raises OSError, also where the announcement is gone."""
    os.utime(lease_directory() / _name(run_id))


def leave(run_id: str) -> None:
    """Takes the run out of the line. Raises OSError."""
    (lease_directory() / _name(run_id)).unlink(missing_ok=True)


def waiting() -> list[Ticket]:
    """Everybody whose supervisor isn't proven gone, from the front of the line to its end."""
    return sorted(
        (ticket for ticket, identity in _all() if identity is None or identity.status() != "gone"),
        key=lambda ticket: ticket.place,
    )


def abandoned() -> list[Ticket]:
    """Those in the line whose supervisor is gone: each needs a new one."""
    return [ticket for ticket, identity in _all() if identity is not None and identity.status() == "gone"]


def _all() -> list[tuple[Ticket, Identity | None]]:
    directory = lease_directory()
    found = (_read(directory / name) for name in lease_files.names(directory) if name.endswith(WAITING))
    return [entry for entry in found if entry is not None]


def _read(path: Path) -> tuple[Ticket, Identity | None] | None:
    try:
        value = read_json(path)
        touched = path.stat().st_mtime
    except (OSError, ForeignSchema):
        return None
    wants = Wants.from_json((value or {}).get("wants"))
    if value is None or wants is None:
        return None
    priority = value.get("priority")
    ticket = Ticket(
        run_id=str(value.get("run_id") or path.name.removesuffix(WAITING)),
        wants=wants,
        priority=priority if isinstance(priority, int) else 0,
        asked=number(value.get("asked")) or touched,
        path=str(value.get("path") or ""),
        user=str(value.get("user") or ""),
        silent=max(0.0, time.time() - touched),
    )
    return ticket, Identity.from_json(value.get("identity"))


def _name(run_id: str) -> str:
    return run_id + WAITING


def _user() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return str(os.getuid())
