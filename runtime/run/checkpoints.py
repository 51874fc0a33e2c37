"""The checkpoints of a run: which there are, which is the newest that holds, and what becomes of those that
don't.

Never unpickles or interprets anything. A directory is a checkpoint when it is named `step-<8 digits>` and its
COMPLETE.json holds; `….tmp` is a save that was cut short (or is under way), `invalid-…` one that failed
verification and was kept.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.messages import N_, HeadnodeError, Message, UsageError
from runtime.run.annotations import protected_steps
from runtime.run.complete import (
    TEMPORARY,
    CheckpointFile,
    CheckpointInfo,
    Complete,
    finalize,
    read_complete,
    step_of,
    write_complete,
)
from runtime.run.files import ForeignSchema, fsync_directory, read_json, write_json_atomic
from runtime.run.layout import RunDirectory
from runtime.run.verification import Progress, Verification, verified_at, verify_directory

__all__ = [
    "Address",
    "Checkpoint",
    "CheckpointFile",
    "CheckpointInfo",
    "Complete",
    "Progress",
    "Rejected",
    "Verification",
    "delete_checkpoint",
    "finalize",
    "find_checkpoint",
    "invalidate",
    "list_checkpoints",
    "newest_valid",
    "parse_address",
    "remove_partial",
    "verify",
    "write_complete",
]

State = Literal["complete", "partial", "invalid", "foreign"]
WHY = "INVALID.json"
"""Inside an `invalid-…` directory: why it is one, and since when."""
_INVALID = re.compile(r"invalid-step-(\d{8,})(?:-\d+)?")


@dataclass(frozen=True)
class Checkpoint:
    """A directory under `checkpoints/`.

    `bytes` on disk; `time` of saving (Unix seconds); `verified` when it was last verified as it lies there,
    None for not yet; `problem` why it isn't complete, as far as that is known without reading it all.
    """

    step: int
    path: Path
    complete: Complete | None
    bytes: int
    time: float
    state: State
    protected: bool = False
    verified: float | None = None
    problem: Message | None = None

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.name


@dataclass(frozen=True)
class Rejected:
    """A checkpoint that was passed over, and why."""

    checkpoint: Checkpoint
    problems: tuple[Message, ...]


@dataclass(frozen=True)
class Address:
    """`RUN@STEP` as a person writes it: a reference to a run (see Workspace.resolve), and a step unless it
    was left out.
    """

    run: str
    step: int | None


def parse_address(text: str) -> Address:
    """Reads `RUN` or `RUN@STEP` (`140000`, `140,000` or `140_000`). Raises UsageError for anything else."""
    run, separator, step = text.strip().rpartition("@")
    if not separator:
        run, step = step, ""
    digits = step.replace(",", "").replace("_", "")
    if not run or (separator and not (digits.isascii() and digits.isdigit())):
        raise UsageError(
            N_("{address} is no address of a checkpoint; write RUN@STEP, as in last@400"), address=repr(text)
        )
    return Address(run, int(digits) if separator else None)


def list_checkpoints(run: RunDirectory) -> list[Checkpoint]:
    """Everything under `checkpoints/`, by step, oldest first. Reads COMPLETE.json of each, and no data."""
    try:
        names = os.listdir(run.checkpoints)  # noqa: PTH208 (names only)
    except OSError:
        return []
    protected = protected_steps(run)
    found = [
        checkpoint for name in names if (checkpoint := _look(run.checkpoints / name, protected)) is not None
    ]
    return sorted(found, key=lambda checkpoint: (checkpoint.step, checkpoint.name))


def _look(path: Path, protected: frozenset[int]) -> Checkpoint | None:
    """What `path` is, None for what has nothing to do with checkpoints or is just disappearing."""
    set_aside = _INVALID.fullmatch(path.name)
    step = int(set_aside[1]) if set_aside else step_of(path.name.removesuffix(TEMPORARY))
    if step is None:
        return None
    try:
        modified = path.stat().st_mtime
        complete = read_complete(path)
    except ForeignSchema as error:
        return Checkpoint(
            step, path, None, _size(path), modified, "foreign", step in protected, None, error.message
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        return Checkpoint(
            step,
            path,
            None,
            0,
            0.0,
            "invalid",
            step in protected,
            None,
            Message("{problem}", {"problem": str(error)}),
        )
    if set_aside:
        known = complete if isinstance(complete, Complete) else None
        return Checkpoint(step, path, known, _size(path), modified, "invalid", False, None, _why(path))
    if path.name.endswith(TEMPORARY):
        return Checkpoint(step, path, None, _size(path), modified, "partial")
    if isinstance(complete, Message):
        return Checkpoint(
            step, path, None, _size(path), modified, "invalid", step in protected, None, complete
        )
    return Checkpoint(
        step=step,
        path=path,
        complete=complete,
        bytes=complete.bytes,
        time=complete.time,
        state="complete",
        protected=step in protected,
        verified=verified_at(path, complete),
    )


def _size(path: Path) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += Path(folder, name).lstat().st_size
            except OSError:
                continue
    return total


def _why(path: Path) -> Message | None:
    try:
        value = read_json(path / WHY) or {}
    except ForeignSchema:
        return None
    problems = value.get("problems")
    texts = [text for text in problems if isinstance(text, str)] if isinstance(problems, list) else []
    return Message("{problems}", {"problems": "; ".join(texts)}) if texts else None


def find_checkpoint(run: RunDirectory, step: int) -> Checkpoint:
    """The checkpoint of exactly `step`. Raises UsageError, with the steps there are, where none is
    complete.
    """
    checkpoints = list_checkpoints(run)
    for checkpoint in checkpoints:
        if checkpoint.step == step and checkpoint.path == run.checkpoint(step):
            return checkpoint
    steps = [str(checkpoint.step) for checkpoint in checkpoints if checkpoint.state == "complete"]
    if not steps:
        raise UsageError(N_("{run} has no complete checkpoint"), run=run.run_id)
    raise UsageError(
        N_("{run} has no checkpoint of step {step}; it has {steps}"),
        run=run.run_id,
        step=step,
        steps=", ".join(steps[-8:]),
    )


def verify(checkpoint: Checkpoint, progress: Progress | None = None) -> Verification:
    """Checks every byte of a checkpoint; see `verification.verify_directory`."""
    return verify_directory(checkpoint.path, progress)


def newest_valid(
    run: RunDirectory,
    before: int | None = None,
    progress: Callable[[Checkpoint, int, int], None] | None = None,
) -> tuple[Checkpoint | None, list[Rejected]]:
    """The newest checkpoint (of a step below `before`) that verifies byte by byte, and those passed over on
    the way to it.

    Saves that were cut short are never considered. Changes nothing: `invalidate` what was rejected when the
    run's epoch is held.
    """
    rejected: list[Rejected] = []
    for checkpoint in reversed(list_checkpoints(run)):
        if checkpoint.state == "partial" or _INVALID.fullmatch(checkpoint.name):
            continue
        if before is not None and checkpoint.step >= before:
            continue
        result = verify(checkpoint, _bound(progress, checkpoint))
        if result.ok:
            return checkpoint, rejected
        rejected.append(Rejected(checkpoint, result.problems))
    return None, rejected


def _bound(
    progress: Callable[[Checkpoint, int, int], None] | None, checkpoint: Checkpoint
) -> Progress | None:
    if progress is None:
        return None
    return lambda done, total: progress(checkpoint, done, total)


def invalidate(checkpoint: Checkpoint, problems: tuple[Message, ...] = ()) -> Path:
    """Renames a checkpoint that failed verification to `invalid-<name>` (numbered where that is taken);
    returns the new path.

    The reasons are kept in INVALID.json inside. The caller holds the run's epoch. Raises HeadnodeError for
    one of a newer version, OSError as the disk does.
    """
    if checkpoint.state == "foreign":
        raise HeadnodeError(
            N_("{checkpoint} was written by a newer version of Headnode; it stays as it is"),
            checkpoint=checkpoint.name,
        )
    problems = problems or ((checkpoint.problem,) if checkpoint.problem is not None else ())
    reasons = {
        "was": checkpoint.name,
        "problems": [str(problem) for problem in problems],
        "time": time.time(),
    }
    write_json_atomic(checkpoint.path / WHY, reasons)
    target = checkpoint.path.with_name(f"invalid-{checkpoint.name}")
    count = 1
    while target.exists():
        count += 1
        target = checkpoint.path.with_name(f"invalid-{checkpoint.name}-{count}")
    checkpoint.path.rename(target)
    fsync_directory(target.parent)
    return target


def delete_checkpoint(checkpoint: Checkpoint) -> None:
    """Deletes a checkpoint. It loses its name first, so that one cut short in the middle is never taken for a
    whole one.

    The caller holds the run's epoch, or is the run's rank 0. Raises HeadnodeError for a protected one,
    OSError as the disk does.
    """
    run = RunDirectory(checkpoint.path.parent.parent)
    protected = checkpoint.protected or checkpoint.step in protected_steps(
        run
    )  # it may be so since it was listed
    if protected and not _INVALID.fullmatch(checkpoint.name):
        raise HeadnodeError(
            N_("checkpoint {step} is protected; lift that first"),
            step=checkpoint.step,
            checkpoint=checkpoint.name,
        )
    doomed = checkpoint.path
    if not doomed.name.endswith(TEMPORARY):
        doomed = checkpoint.path.with_name(f"{checkpoint.name}{TEMPORARY}")
        if doomed.exists():
            shutil.rmtree(doomed)
        checkpoint.path.rename(doomed)
        fsync_directory(doomed.parent)
    shutil.rmtree(doomed)


def remove_partial(run: RunDirectory) -> list[int]:
    """Removes what saves and deletions left that were cut short; returns their steps. No save may be under
    way.
    """
    partial = [checkpoint for checkpoint in list_checkpoints(run) if checkpoint.state == "partial"]
    for checkpoint in partial:
        shutil.rmtree(checkpoint.path)
    return [checkpoint.step for checkpoint in partial]
