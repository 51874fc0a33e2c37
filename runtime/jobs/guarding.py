"""From a profile's `guard` section to the guards of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.jobs.worker import WorkerContext

if TYPE_CHECKING:
    from runtime.profile import Profile
    from runtime.train.disk import DiskWatch
    from runtime.train.guards import Guards

GIB = 2**30
STATE_BYTES = 12
"""Bytes a parameter takes in a checkpoint: weight and two moments of AdamW, 4 bytes each. A first estimate;
the first save tells exactly."""


def guards_of(profile: Profile) -> Guards:
    """The guards of the numbers, with nothing counted yet."""
    from runtime.train.guards import Guards, GuardSettings

    section, spike = profile.guard, profile.guard.spike
    off = GuardSettings()
    return Guards(
        GuardSettings(
            non_finite=section.non_finite,
            spike=spike.action if spike is not None else None,
            window=spike.window if spike is not None else off.window,
            sigma=spike.sigma if spike is not None else off.sigma,
            max_skips=section.max_skips,
            max_rollbacks=section.max_rollbacks,
        )
    )


def disk_watch(context: WorkerContext, parameters: int) -> DiskWatch | None:
    """The watch over the disk that checkpoints go to; None where the profile turns it off."""
    from runtime.train.disk import DiskSettings, DiskWatch

    section = context.profile.guard.disk
    if section is None:
        return None
    warn = section.warn_below_gib
    settings = DiskSettings(int(section.margin_gib * GIB), None if warn is None else int(warn * GIB))
    report = context.report if context.rank == 0 else _nobody
    return DiskWatch(context.run_dir.path, settings, STATE_BYTES * parameters, report)


def _nobody(event: str, **detail: object) -> None:
    """Rank 0 tells for all."""
