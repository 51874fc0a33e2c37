"""What a reader can see itself of a run whose record says that it is under way: while the disk is full, or
nobody
may write, the record of a dead run goes on saying `running`.

Nothing is written and nothing concluded: the record stands, and what is doubtful about it is said beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runtime.run.epochs import holder
from runtime.run.files import ForeignSchema, read_json
from runtime.run.identity import Identity, host_name
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord

FRESH = 10.0
"""Seconds since the record was written within which it is believed: its supervisor, or an adopter, needs some
to
notice an end."""

FULL = 1 << 20
"""Bytes free, below which a disk counts as full."""


def with_doubt(run: RunDirectory, record: RunRecord, now: float) -> RunRecord:
    """The record, with evidence["doubt"] where what can be seen speaks against it: {kind, since}, kind being
    supervisor_gone or processes_gone, `since` Unix seconds of the last sign, and `disk_full`. `now` in Unix
    seconds. Cheap for a record that was written just now; never raises."""
    found = _doubt(run, record, now)
    before = record.evidence.get("doubt")
    if found == before:
        return record
    evidence = {name: value for name, value in record.evidence.items() if name != "doubt"}
    return replace(record, evidence={**evidence, "doubt": found} if found is not None else evidence)


def _doubt(run: RunDirectory, record: RunRecord, now: float) -> dict[str, Any] | None:
    if not record.active or record.read_only or record.state == "queued":
        return None
    last = _last_sign(run)
    if last is None or now - last < FRESH:
        return None
    try:
        held = holder(run)
    except OSError:
        return None
    if held is None:
        return None  # asked for, and its first supervisor still to come
    if held.over:
        return {"kind": "supervisor_gone", "since": last, **_disk(run)}
    if held.identity is None or held.identity.status() != "alive":
        return None  # on another machine: it can't be asked from here
    ranks = _ranks(run, record.attempt)
    waiting = "restart" in record.evidence
    if ranks and not waiting and all(identity.status() == "gone" for identity in ranks):
        return {"kind": "processes_gone", "since": last, **_disk(run)}
    return None


def _last_sign(run: RunDirectory) -> float | None:
    """When the supervisor last wrote anything, in Unix seconds."""
    times = []
    for path in (run.record, run.events, run.supervisor_log):
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times, default=None)


def _ranks(run: RunDirectory, attempt: int) -> list[Identity]:
    """The ranks that the agent of this machine started, in their own words."""
    try:
        value = read_json(run.attempt(attempt).agent(host_name())) or {}
    except (OSError, ForeignSchema):
        return []
    entries = value.get("ranks")
    found = (
        Identity.from_json(entry.get("identity"))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping)
    )
    return [identity for identity in found if identity is not None]


def _disk(run: RunDirectory) -> dict[str, bool]:
    try:
        space = os.statvfs(run.path)
    except OSError:
        return {}
    return {"disk_full": True} if space.f_bavail * space.f_frsize < FULL else {}
