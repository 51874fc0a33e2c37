"""Holding a run that is over for a moment, to change it; and handing it to a supervisor afterwards."""

from __future__ import annotations

import time

from runtime.launch.adoption import needs_supervisor
from runtime.launch.starting import start_supervisor
from runtime.run.epochs import EpochHeld, take_epoch
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record

LEAVING = 5.0
"""Seconds that a supervisor which has recorded the end of its run has to let go of it."""

BRIEF = 2.0
"""Seconds for which another command may hold a run between us and our supervisor."""

_POLL = 0.05


def take_ended(run: RunDirectory) -> int:
    """Takes the epoch of a run that is over. Its last supervisor may be just leaving: that is waited for.

    Raises EpochHeld where somebody else holds the run, or it isn't over any more.
    """
    end = time.monotonic() + LEAVING
    while True:
        try:
            return take_epoch(run, Identity.current())
        except EpochHeld:
            record = read_record(run)
            if record is None or not record.ended_state or time.monotonic() >= end:
                raise
            time.sleep(_POLL)


def hand_over(run: RunDirectory) -> None:
    """Starts a supervisor for a run that was just asked for, unless another has come first.

    Raises SupervisorFailed where none could be started.
    """
    end = time.monotonic() + BRIEF
    while not start_supervisor(run, launched=True):
        # Another command may have looked at the run just then, and held it for an instant to find it active.
        while not needs_supervisor(run):
            record = read_record(run)
            if time.monotonic() >= end or record is None or record.ended_state:
                return
            time.sleep(_POLL)
