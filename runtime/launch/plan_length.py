"""Rows of a resume plan about how far a run had come, and at which learning rate it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.launch.plan_row import PlanRow, Severity
from runtime.messages import N_, Message
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord

if TYPE_CHECKING:
    from runtime.profile import Profile


def from_the_beginning(run: RunDirectory, record: RunRecord) -> PlanRow:
    """The run has nothing to go on from. Where it once had, that has to be known to who resumes it."""
    reached = record.summary.step or 0
    if not any(event.event == "checkpoint_saved" for event in read_events(run)):
        message = Message(N_("it was ended before its first checkpoint: it begins again at step 0"))
        return PlanRow("step", reached, 0, False, "note", message)
    message = Message(N_("its checkpoints are gone: it begins again at step 0, all of it is trained anew"))
    return PlanRow("step", reached, 0, False, "acknowledge", message)


def learning_rate(step: int, then: tuple[Profile, int], now: tuple[Profile, int]) -> PlanRow:
    """The rate at the checkpoint's step, and at the next one as it would have been and as it will be; `then`
    and `now` are profiles with the number of steps in all."""
    last = _rate(*then, step) if step else None
    old, new = _rate(*then, step + 1), _rate(*now, step + 1)
    message = None if old == new else Message(N_("the next step is taken with another learning rate"))
    severity: Severity = "same" if old == new else "note"
    return PlanRow("learning_rate", _cell(last, old), _cell(last, new), old == new, severity, message)


def _cell(last: float | None, following: float) -> str:
    """`3.9e-4 → 3.8e-4`."""
    return f"{following:.4g}" if last is None else f"{last:.4g} → {following:.4g}"


def _rate(profile: Profile, total: int, step: int) -> float:
    from runtime.profile import geometry
    from runtime.profile.schedule import schedule_of

    assert profile.train is not None
    schedule = schedule_of(profile.train, total, geometry(profile).tokens_per_step)
    return schedule.learning_rate(step)
