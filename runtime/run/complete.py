"""`COMPLETE.json`: what makes a directory a checkpoint. It is written last, and the directory gets its name
after that.

    step-00001000.tmp/    ranks write and fsync their files → rank 0: write_complete() → finalize()
    step-00001000/        exists only whole

It lists every file with size and SHA-256 and carries the SHA-256 of itself, so that any changed byte is
found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from runtime.messages import N_, Message
from runtime.run.files import (
    SCHEMA,
    ForeignSchema,
    fsync_directory,
    number,
    plain,
    read_json,
    write_json_atomic,
)

COMPLETE = "COMPLETE.json"
TEMPORARY = ".tmp"


@dataclass(frozen=True)
class CheckpointFile:
    """One file of a checkpoint: its path inside (POSIX, relative), its size in bytes, its SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class CheckpointInfo:
    """What the trainer says about a checkpoint. `tokens`: trained so far; `time`: Unix seconds; `versions`:
    of python, torch, transformers …
    """

    step: int
    tokens: int
    loss: float | None
    world_size: int
    strategy: str
    data_fingerprint: str | None
    versions: Mapping[str, str]
    time: float
    attempt: int
    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Complete(CheckpointInfo):
    """The content of COMPLETE.json."""

    files: tuple[CheckpointFile, ...] = ()
    checksum: str = ""

    @property
    def bytes(self) -> int:
        """The size of all files, COMPLETE.json left out."""
        return sum(file.bytes for file in self.files)


def canonical_checksum(value: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON of `value` without its key `checksum`: keys sorted, no spaces,
    ASCII.
    """
    content = {key: item for key, item in value.items() if key != "checksum"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_complete(directory: Path, info: CheckpointInfo, files: Iterable[tuple[str, int, str]]) -> Complete:
    """Writes COMPLETE.json for files (name, bytes, SHA-256 in hex) that are on disk already, and fsyncs it
    and the directory.

    Raises ValueError for a name that leads out of the directory or stands twice, OSError as the disk does.
    """
    listed = tuple(sorted((CheckpointFile(*file) for file in files), key=lambda file: file.name))
    for file in listed:
        if not is_inside(file.name):
            raise ValueError(f"{file.name!r} is no path inside a checkpoint")
    if len({file.name for file in listed}) != len(listed):
        raise ValueError("a file of the checkpoint is listed twice")
    value = plain({"schema": SCHEMA, **_info_json(info), "files": [vars(file) for file in listed]})
    value["checksum"] = canonical_checksum(value)
    write_json_atomic(directory / COMPLETE, value)
    for folder in {(directory / file.name).parent for file in listed}:
        fsync_directory(folder)
    return Complete(**_info_json(info), files=listed, checksum=value["checksum"])


def _info_json(info: CheckpointInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in CheckpointInfo.__dataclass_fields__}


def finalize(temporary: Path, final: Path | None = None) -> Path:
    """Gives a finished checkpoint its name (by default without `.tmp`) and makes that durable. Returns the
    new path.

    Raises FileExistsError where the name is taken, ValueError where COMPLETE.json isn't there, OSError as the
    disk does.
    """
    if final is None:
        final = temporary.with_name(temporary.name.removesuffix(TEMPORARY))
    if not (temporary / COMPLETE).is_file():
        raise ValueError(f"{temporary} has no {COMPLETE}: it is not finished")
    if final.exists():
        raise FileExistsError(f"{final} exists already")
    temporary.rename(final)
    fsync_directory(final.parent)
    return final


def is_inside(name: str) -> bool:
    """Whether `name` is the plain relative path of a file (no `..`, no empty or absolute one, no control
    characters).
    """
    parts = name.split("/")
    return (
        bool(name)
        and name != COMPLETE
        and name.isprintable()
        and "\\" not in name
        and not PurePosixPath(name).is_absolute()
        and all(part not in ("", ".", "..") for part in parts)
    )


def read_complete(directory: Path) -> Complete | Message:
    """COMPLETE.json of a directory, checked in itself: its checksum, its shape, and its step against the
    directory's name.

    Returns the reason as a Message where it can't be trusted. Raises ForeignSchema where a newer version
    wrote it.
    """
    value = read_json(directory / COMPLETE)
    if value is None:
        return Message(N_("{file} is missing or damaged"), {"file": COMPLETE})
    if value.get("checksum") != canonical_checksum(value):
        return Message(N_("{file} doesn't match its own checksum"), {"file": COMPLETE})
    complete = _parse(value)
    if complete is None:
        return Message(N_("{file} lacks a field or has one of the wrong type"), {"file": COMPLETE})
    named = step_of(directory.name.removesuffix(TEMPORARY))
    if named is not None and named != complete.step:
        return Message(
            N_("the directory is named for step {named}, its content is of step {step}"),
            {"named": named, "step": complete.step},
        )
    return complete


def step_of(name: str) -> int | None:
    """The step in a directory's name (`step-00001000`), None for another kind of name."""
    digits = name.removeprefix("step-")
    return (
        int(digits) if digits != name and len(digits) >= 8 and digits.isascii() and digits.isdigit() else None
    )


def is_foreign(directory: Path) -> bool:
    """Whether a newer version wrote this checkpoint."""
    try:
        read_json(directory / COMPLETE)
    except ForeignSchema:
        return True
    return False


def _parse(value: Mapping[str, Any]) -> Complete | None:
    try:
        files = tuple(
            CheckpointFile(str(f["name"]), int(f["bytes"]), str(f["sha256"])) for f in value["files"]
        )
        metrics = {str(name): number(item) for name, item in dict(value.get("metrics") or {}).items()}
        complete = Complete(
            step=int(value["step"]),
            tokens=int(value["tokens"]),
            loss=number(value.get("loss")),
            world_size=int(value["world_size"]),
            strategy=str(value["strategy"]),
            data_fingerprint=None
            if value.get("data_fingerprint") is None
            else str(value["data_fingerprint"]),
            versions={str(name): str(item) for name, item in dict(value.get("versions") or {}).items()},
            time=float(value["time"]),
            attempt=int(value["attempt"]),
            run_id=str(value["run_id"]),
            metrics={name: item for name, item in metrics.items() if item is not None},
            files=files,
            checksum=str(value["checksum"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return complete if all(is_inside(file.name) for file in complete.files) else None
