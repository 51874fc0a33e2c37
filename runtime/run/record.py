"""`run.json`: what a run is, how it stands and why, and a summary, so that a list of runs reads one file a
run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, TypeVar

from runtime.run.files import ForeignSchema, read_bytes, write_json_atomic
from runtime.run.jsontext import SCHEMA, number, parse_object, schema_of
from runtime.run.layout import RunDirectory

STATES = (
    "queued",
    "starting",
    "running",
    "stopping",
    "completed",
    "stopped",
    "failed",
    "lost",
    "unkillable",
)
ENDED = frozenset({"completed", "stopped", "failed", "lost"})
"""States that are over: no process of the run is left, or none can be asked about."""
ACTIVE = frozenset(STATES) - ENDED
"""States in which a supervisor is responsible for the run (`unkillable` too: it keeps watching)."""
FOREIGN = "foreign"
"""The state shown for a record of a newer schema. It is in neither set: nothing is done to such a run."""
REASONS = (
    "finished",
    "user",
    "oom_device",
    "oom_host",
    "non_finite",
    "hang",
    "disk_full",
    "preempted",
    "bad_profile",
    "crash",
    "supervisor_lost",
    "host_unreachable",
    "unknown",
)
SPARKLINE_POINTS = 32

_T = TypeVar("_T")


class Parent(TypedDict):
    """Whence a run came. `kind`: `branch`, with the full state of that checkpoint, or `weights`, with its
    weights only; a record without it is of a branch."""

    run_id: str
    step: int
    kind: NotRequired[Literal["branch", "weights"]]


class Resume(TypedDict):
    """What the present attempt started from; `checkpoint` is the directory's name."""

    step: int
    checkpoint: str


class LastCheckpoint(TypedDict):
    """The newest complete checkpoint: when it was saved (Unix seconds) and its size on disk."""

    step: int
    time: float
    bytes: int


@dataclass(frozen=True)
class Summary:
    """How far the run is. `metrics`: the last value by name; `sparkline`: at most 32 values of train/loss,
    oldest first.
    """

    updated: float | None = None
    step: int | None = None
    total_steps: int | None = None
    tokens: int | None = None
    total_tokens: int | None = None
    progress: float | None = None
    """Share done, 0 to 1; None where the end isn't known."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    sparkline: tuple[float, ...] = ()
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    checkpoint: LastCheckpoint | None = None
    phase: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """`run.json`. Times are Unix seconds. Change it with `dataclasses.replace` and write it with
    `write_record`.
    """

    run_id: str
    path: str
    name: str
    job: str
    state: str
    reason: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 0
    restarts: int = 0
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    by: str | None = None
    parent: Parent | None = None
    resume: Resume | None = None
    nodes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    """What the run has leased, or had at its last attempt: UUIDs of GPUs, or `cpu:<i>` for CPU slots."""
    queue: Mapping[str, Any] | None = None
    """While it waits for devices: {position, ahead, wants, priority, since, problem}."""
    world_size: int | None = None
    strategy: str | None = None
    summary: Summary = Summary()
    schema: int = SCHEMA
    moved: bool = False
    """The directory isn't the one that the record was written for: a copy, to be read only. Found on reading,
    not stored."""

    @property
    def ended_state(self) -> bool:
        """Whether the run is over."""
        return self.state in ENDED

    @property
    def active(self) -> bool:
        """Whether a supervisor is responsible for the run."""
        return self.state in ACTIVE

    @property
    def foreign(self) -> bool:
        """Whether a newer version wrote it: shown, never changed."""
        return self.schema > SCHEMA

    @property
    def read_only(self) -> bool:
        """Whether nothing may be done to this run from here."""
        return self.moved or self.foreign

    def to_json(self) -> dict[str, Any]:
        """The record as it stands in `run.json`."""
        value = asdict(self)
        del value["moved"]
        return {"schema": value.pop("schema"), **value}


def read_record(run: RunDirectory) -> RunRecord | None:
    """The record of a run, None where it is missing or torn.

    One of a newer schema comes with the state `foreign` and whatever could be read; what has the wrong type
    counts as absent.
    """
    data = read_bytes(run.record)
    value = parse_object(data) if data is not None else None
    return record_from_json(value, run) if value is not None else None


def record_from_json(value: Mapping[str, Any], run: RunDirectory) -> RunRecord:
    """The record in `value`, as found in the directory `run`."""
    schema = schema_of(value)
    path = _text(value, "path") or str(run.path)
    return RunRecord(
        run_id=_text(value, "run_id") or run.run_id,
        path=path,
        name=_text(value, "name") or run.run_id,
        job=_text(value, "job") or "unknown",
        state=FOREIGN if schema > SCHEMA else _text(value, "state") or "lost",
        reason=_text(value, "reason"),
        evidence=_get(value, "evidence", dict) or {},
        attempt=_whole(value, "attempt") or 0,
        restarts=_whole(value, "restarts") or 0,
        created=number(value.get("created")),
        started=number(value.get("started")),
        ended=number(value.get("ended")),
        by=_text(value, "by"),
        parent=_parent(_get(value, "parent", dict)),
        resume=_resume(_get(value, "resume", dict)),
        nodes=tuple(node for node in _get(value, "nodes", list) or () if isinstance(node, str)),
        devices=tuple(key for key in _get(value, "devices", list) or () if isinstance(key, str)),
        queue=_get(value, "queue", dict),
        world_size=_whole(value, "world_size"),
        strategy=_text(value, "strategy"),
        summary=_summary(_get(value, "summary", dict) or {}),
        schema=schema,
        moved=not _same_place(path, run.path),
    )


def write_record(run: RunDirectory, record: RunRecord) -> None:
    """Replaces `run.json`. The caller holds the run's epoch (or is launching it).

    Raises ForeignSchema for a record of a newer version; OSError as the disk does, the old record still in
    place.
    """
    if record.foreign:
        raise ForeignSchema(run.record, record.schema)
    write_json_atomic(run.record, record.to_json())


def _same_place(path: str, where: Path) -> bool:
    if path == str(where):
        return True
    try:
        return os.path.samefile(path, where)  # noqa: PTH121 (another name for it: a symlink, a mount)
    except OSError:
        return False


def _get(value: Mapping[str, Any], key: str, kind: type[_T]) -> _T | None:
    item = value.get(key)
    return item if isinstance(item, kind) else None


def _text(value: Mapping[str, Any], key: str) -> str | None:
    return _get(value, key, str)


def _whole(value: Mapping[str, Any], key: str) -> int | None:
    item = value.get(key)
    return item if isinstance(item, int) and not isinstance(item, bool) else None


def _parent(value: Mapping[str, Any] | None) -> Parent | None:
    run_id, step = (_text(value, "run_id"), _whole(value, "step")) if value else (None, None)
    if run_id is None or step is None:
        return None
    weights = value is not None and value.get("kind") == "weights"
    return {"run_id": run_id, "step": step, "kind": "weights" if weights else "branch"}


def _resume(value: Mapping[str, Any] | None) -> Resume | None:
    checkpoint, step = (_text(value, "checkpoint"), _whole(value, "step")) if value else (None, None)
    return {"step": step, "checkpoint": checkpoint} if checkpoint is not None and step is not None else None


def _last_checkpoint(value: Mapping[str, Any] | None) -> LastCheckpoint | None:
    if value is None:
        return None
    step, time, size = _whole(value, "step"), number(value.get("time")), _whole(value, "bytes")
    return None if step is None or time is None else {"step": step, "time": time, "bytes": size or 0}


def _summary(value: Mapping[str, Any]) -> Summary:
    metrics = ((name, number(item)) for name, item in (_get(value, "metrics", dict) or {}).items())
    sparkline = (number(item) for item in _get(value, "sparkline", list) or ())
    return Summary(
        updated=number(value.get("updated")),
        step=_whole(value, "step"),
        total_steps=_whole(value, "total_steps"),
        tokens=_whole(value, "tokens"),
        total_tokens=_whole(value, "total_tokens"),
        progress=number(value.get("progress")),
        metrics={name: item for name, item in metrics if item is not None},
        sparkline=tuple(item for item in sparkline if item is not None),
        tokens_per_second=number(value.get("tokens_per_second")),
        eta_seconds=number(value.get("eta_seconds")),
        checkpoint=_last_checkpoint(_get(value, "checkpoint", dict)),
        phase=_text(value, "phase"),
    )
