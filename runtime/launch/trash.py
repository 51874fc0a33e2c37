"""Deleting a checkpoint with time to think again.

It is moved aside by a rename, `step-00000400` → `trash-step-00000400-<ms>`, a name that never counts as a
checkpoint, and can be brought back by the opposite rename for `WINDOW` seconds. After that whoever comes by
removes it. Where nobody does (the panel was killed), it stays as it is, is listed as deleted, and is removed
at
the next look: nothing is lost without having been asked for, and nothing stays for good.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.launch.holding import take_ended
from runtime.launch.removing import require_over, require_unprotected, with_newest
from runtime.messages import N_, UsageError
from runtime.run.checkpoints import Checkpoint, list_checkpoints
from runtime.run.complete import TEMPORARY
from runtime.run.epochs import release_epoch
from runtime.run.events import EventWriter
from runtime.run.files import fsync_directory
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord, write_record

WINDOW = 10.0
"""Seconds for which a deleted checkpoint can be brought back."""

_TRASHED = re.compile(r"trash-((?:invalid-)?step-(\d{8,})(?:-\d+)?)-(\d{13,})")


@dataclass(frozen=True)
class Trashed:
    """A checkpoint that was moved aside. `name` is what its directory was called; `until` (Unix seconds) it
    can
    be brought back, as far as people were told."""

    path: Path
    step: int
    name: str
    until: float

    @property
    def seconds_left(self) -> float:
        """Of its window; 0 when that is over."""
        return max(0.0, self.until - time.time())


def trashed(run: RunDirectory) -> list[Trashed]:
    """What has been moved aside and is still there, the newest deletion first."""
    try:
        names = os.listdir(run.checkpoints)  # noqa: PTH208 (names only)
    except OSError:
        return []
    matches = (_TRASHED.fullmatch(name) for name in names)
    found = [
        Trashed(run.checkpoints / match[0], int(match[2]), match[1], int(match[3]) / 1000 + WINDOW)
        for match in matches
        if match is not None
    ]
    return sorted(found, key=lambda one: one.until, reverse=True)


def move_to_trash(run: RunDirectory, checkpoint: Checkpoint) -> Trashed:
    """Moves a checkpoint of a run that is over aside. Raises what `remove_checkpoint` raises."""
    record = require_over(run)
    require_unprotected(run, checkpoint)
    epoch = take_ended(run)
    try:
        now = time.time()
        name = f"trash-{checkpoint.name.removesuffix(TEMPORARY)}-{int(now * 1000):013d}"
        target = checkpoint.path.with_name(name)
        checkpoint.path.rename(target)
        fsync_directory(target.parent)
        _tell(run, record, "checkpoint_deleted", checkpoint.step, checkpoint.name)
    finally:
        release_epoch(run, epoch)
    return Trashed(target, checkpoint.step, checkpoint.name, int(now * 1000) / 1000 + WINDOW)


def bring_back(run: RunDirectory, one: Trashed) -> None:
    """Gives a deleted checkpoint its name again. Raises UsageError where it is gone for good, or its place is
    taken; EpochHeld; OSError."""
    record = require_over(run)
    target = one.path.with_name(one.name)
    epoch = take_ended(run)
    try:
        if target.exists():
            raise UsageError(
                N_("{run} has another checkpoint of step {step} by now"), run=run.run_id, step=one.step
            )
        try:
            one.path.rename(target)
        except FileNotFoundError:
            raise UsageError(
                N_("checkpoint {step} of {run} is gone for good"), step=one.step, run=run.run_id
            ) from None
        fsync_directory(target.parent)
        _tell(run, record, "checkpoint_restored", one.step, one.name)
    finally:
        release_epoch(run, epoch)


def empty_trash(run: RunDirectory) -> list[int]:
    """Removes what has been aside for longer than its window, and what an earlier removal left; returns the
    steps. Needs no epoch: of two that remove the same, one finds nothing. Raises OSError."""
    removed = []
    for one in trashed(run):
        if one.seconds_left > 0:
            continue
        doomed = one.path.with_name(f"{one.path.name}{TEMPORARY}")
        try:
            one.path.rename(doomed)  # from here on nobody brings it back
        except FileNotFoundError:
            continue
        removed.append(one.step)
    if run.checkpoints.is_dir():
        for leftover in run.checkpoints.glob(f"trash-*{TEMPORARY}"):
            shutil.rmtree(leftover, ignore_errors=True)
    return removed


def _tell(run: RunDirectory, record: RunRecord | None, event: str, step: int, name: str) -> None:
    attempt = record.attempt if record is not None else 0
    events = EventWriter(run)
    events.write(event, attempt, step=step, name=name, by="user")
    events.close()
    if record is not None:
        write_record(run, replace(record, summary=with_newest(record.summary, list_checkpoints(run))))
