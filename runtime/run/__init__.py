"""What happened: the run directory, its files, and who may write them.

Names are loaded when they are first used: `from runtime.run import log` in a training script costs a few
milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.run.annotations import protect, protected_steps
    from runtime.run.checkpoints import (
        Checkpoint,
        find_checkpoint,
        invalidate,
        list_checkpoints,
        newest_valid,
        parse_address,
        verify,
    )
    from runtime.run.control import Request, answered, pending, request
    from runtime.run.epochs import EpochHeld, current_epoch, holder, release_epoch, still_mine, take_epoch
    from runtime.run.events import Event, EventTail, EventWriter, read_events
    from runtime.run.exits import EXIT_CODES, read_exit, write_exit
    from runtime.run.files import ForeignSchema
    from runtime.run.heartbeat import Heartbeat, HeartbeatWriter, read_heartbeat
    from runtime.run.identity import Identity
    from runtime.run.layout import AttemptDirectory, RunDirectory, create_run_directory, new_run_id
    from runtime.run.metrics import MetricsWriter, log
    from runtime.run.metrics_reader import MetricsReader, Series
    from runtime.run.record import (
        ACTIVE,
        ENDED,
        REASONS,
        STATES,
        RunRecord,
        Summary,
        read_record,
        write_record,
    )
    from runtime.run.workspace import Workspace, find_workspace, init_workspace

_HOMES = {
    "annotations": ("protect", "protected_steps"),
    "checkpoints": (
        "Checkpoint",
        "find_checkpoint",
        "invalidate",
        "list_checkpoints",
        "newest_valid",
        "parse_address",
        "verify",
    ),
    "control": ("Request", "answered", "pending", "request"),
    "epochs": ("EpochHeld", "current_epoch", "holder", "release_epoch", "still_mine", "take_epoch"),
    "events": ("Event", "EventTail", "EventWriter", "read_events"),
    "exits": ("EXIT_CODES", "read_exit", "write_exit"),
    "files": ("ForeignSchema",),
    "heartbeat": ("Heartbeat", "HeartbeatWriter", "read_heartbeat"),
    "identity": ("Identity",),
    "layout": ("AttemptDirectory", "RunDirectory", "create_run_directory", "new_run_id"),
    "metrics": ("MetricsWriter", "log"),
    "metrics_reader": ("MetricsReader", "Series"),
    "record": ("ACTIVE", "ENDED", "REASONS", "STATES", "RunRecord", "Summary", "read_record", "write_record"),
    "workspace": ("Workspace", "find_workspace", "init_workspace"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ACTIVE",
    "ENDED",
    "EXIT_CODES",
    "REASONS",
    "STATES",
    "AttemptDirectory",
    "Checkpoint",
    "EpochHeld",
    "Event",
    "EventTail",
    "EventWriter",
    "ForeignSchema",
    "Heartbeat",
    "HeartbeatWriter",
    "Identity",
    "MetricsReader",
    "MetricsWriter",
    "Request",
    "RunDirectory",
    "RunRecord",
    "Series",
    "Summary",
    "Workspace",
    "answered",
    "create_run_directory",
    "current_epoch",
    "find_checkpoint",
    "find_workspace",
    "holder",
    "init_workspace",
    "invalidate",
    "list_checkpoints",
    "log",
    "new_run_id",
    "newest_valid",
    "parse_address",
    "pending",
    "protect",
    "protected_steps",
    "read_events",
    "read_exit",
    "read_heartbeat",
    "read_record",
    "release_epoch",
    "request",
    "still_mine",
    "take_epoch",
    "verify",
    "write_exit",
    "write_record",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
