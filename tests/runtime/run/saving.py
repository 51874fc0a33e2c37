"""A checkpoint as a trainer saves one, with files of a few bytes."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from runtime.run.checkpoints import (
    Checkpoint,
    CheckpointInfo,
    finalize,
    list_checkpoints,
    verify,
    write_complete,
)
from runtime.run.layout import RunDirectory

FILES = {"model.safetensors": b"m" * 5000, "optim/part-0.safetensors": b"o" * 300, "random-0.json": b"{}"}


def save(run: RunDirectory, step: int, files: dict[str, bytes] = FILES, *, finish: bool = True) -> Path:
    temporary = run.checkpoints / f"step-{step:08d}.tmp"
    listed = []
    for name, content in files.items():
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        listed.append((name, len(content), hashlib.sha256(content).hexdigest()))
    info = CheckpointInfo(
        step=step,
        tokens=step * 2048,
        loss=2.5,
        world_size=2,
        strategy="ddp",
        data_fingerprint="abc",
        versions={"python": "3.11", "torch": "2.13"},
        time=time.time(),
        attempt=1,
        run_id=run.run_id,
        metrics={"eval/holdout/loss": float("nan")},
    )
    write_complete(temporary, info, listed)
    return finalize(temporary) if finish else temporary


def only(run: RunDirectory) -> Checkpoint:
    (checkpoint,) = list_checkpoints(run)
    return checkpoint


def problems(run: RunDirectory) -> str:
    result = verify(only(run))
    assert not result.ok
    return "; ".join(map(str, result.problems))
