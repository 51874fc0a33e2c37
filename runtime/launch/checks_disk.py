"""Is there room for the checkpoints to come? In numbers, before anything starts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.launch.check import Check
from runtime.messages import N_, Message
from runtime.run.checkpoints import list_checkpoints
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile
    from runtime.profile.estimates import Estimate

GIB = 1 << 30
LOG_BYTES = 64 << 20


@dataclass(frozen=True)
class DiskNeed:
    """What a run will write. `checkpoint`: bytes of one; `at_once` and `in_the_end`: how many there are while
    a further one is being written, early in the run and at its end; `there`: bytes of those that a run that
    is resumed has already; `margin`: bytes that a save leaves free."""

    checkpoint: int
    at_once: int
    in_the_end: int
    there: int
    margin: int

    @property
    def first(self) -> int:
        """Bytes that must be free for the next save to be made at all."""
        return LOG_BYTES + (self.checkpoint + self.margin if self.at_once else 0)

    def bytes_for(self, count: int) -> int:
        """Bytes that must be free for so many checkpoints."""
        if not count:
            return LOG_BYTES
        return LOG_BYTES + max(count * self.checkpoint - self.there, self.checkpoint) + self.margin


def disk_need(profile: Profile, estimate: Estimate | None, resume: RunDirectory | None) -> DiskNeed:
    """What the profile's run needs; without an estimate (no training, or an unknown vocabulary) logs only."""
    rules, guard = profile.checkpoint, profile.guard.disk
    saves = rules.every_steps is not None or rules.every_minutes is not None
    if estimate is None or not (saves or rules.at_end):
        return DiskNeed(0, 0, 0, 0, 0)
    at_once = rules.keep_last + 1 + (rules.keep_best is not None) if saves else 1
    if saves and rules.every_steps is not None and estimate.steps is not None:
        at_once = min(at_once, estimate.steps // rules.every_steps + 1)
    for_good = estimate.steps // rules.keep_every if rules.keep_every and estimate.steps else 0
    there = [item.bytes for item in list_checkpoints(resume)] if resume is not None else []
    margin = int(guard.margin_gib * GIB) if guard is not None else 0
    return DiskNeed(estimate.checkpoint_bytes, at_once, at_once + for_good, sum(there), margin)


def disk_check(
    profile: Profile, workspace: Workspace, estimate: Estimate | None, resume: RunDirectory | None
) -> Check:
    """Free space against checkpoints. What the preparation of data writes isn't counted."""
    where = workspace.logs if workspace.logs.exists() else workspace.root
    free = shutil.disk_usage(where).free
    need = disk_need(profile, estimate, resume)
    values: dict[str, object] = {
        "free": _size(free),
        "each": _size(need.checkpoint),
        "first": _size(need.first),
        "count": need.at_once,
        "needed": _size(need.bytes_for(need.at_once)),
        "all": need.in_the_end,
        "total": _size(need.bytes_for(need.in_the_end)),
    }
    fix = Message(N_("free some space, or lower checkpoint.keep_last"))
    if free < need.first:
        if not need.at_once:
            return Check("disk", "fail", Message(N_("{free} free, and logs need {needed}"), values), fix)
        message = Message(
            N_("{free} free: not enough for one checkpoint of {each}, logs and what stays free ({first})"),
            values,
        )
        return Check(
            "disk", "fail", message, Message(N_("free some space, or use a workspace on another disk"))
        )
    if free < need.bytes_for(need.at_once):
        message = Message(
            N_(
                "{free} free, but checkpoints of {each} and logs need {needed} ({count} at once): "
                "saving will pause"
            ),
            values,
        )
        return Check("disk", "warn", message, fix)
    if free < need.bytes_for(need.in_the_end):
        message = Message(
            N_("{free} free, but with keep_every there will be {all} checkpoints of {each}: {total}"), values
        )
        return Check("disk", "warn", message, Message(N_("free some space, or raise checkpoint.keep_every")))
    if not need.at_once:
        return Check("disk", "ok", Message(N_("{free} free"), values))
    message = Message(N_("{free} free; checkpoints of {each}, {count} at once: {needed} with logs"), values)
    return Check("disk", "ok", message)


def _size(number: int) -> str:
    return f"{number / GIB:,.1f} GiB" if number >= GIB / 10 else f"{number / (1 << 20):,.0f} MiB"
