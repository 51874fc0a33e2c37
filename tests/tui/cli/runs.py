"""Run directories made by hand, as a run that is over leaves them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from runtime.run.complete import CheckpointInfo, finalize, write_complete
from runtime.run.layout import RunDirectory, create_run_directory
from runtime.run.workspace import Workspace


def make_run(workspace: Path, name: str, **changes: Any) -> Path:
    """`name`: profile and four hex digits, as in `demo-1f00`. `changes` replace entries of run.json."""
    profile = name.rpartition("-")[0]
    started = float(changes.pop("stamp", 1_795_000_000.0))
    run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(started))}-{name}"
    summary = {
        "step": 400,
        "total_steps": 400,
        "progress": 1.0,
        "metrics": {"train/loss": 3.927, "optim/learning_rate": 4e-5},
        "tokens_per_second": 5812.0,
        **changes.pop("summary", {}),
    }
    record = {
        "run_id": run_id,
        "path": str(workspace / "logs" / run_id),
        "name": profile,
        "job": "pretrain",
        "state": "completed",
        "reason": "finished",
        "attempt": 1,
        "created": started,
        "started": started,
        "ended": started + 160.0,
        "world_size": 1,
        "strategy": "single",
        **changes,
        "summary": summary,
    }
    create_run_directory(
        Workspace(workspace), run_id, {"run.json": record, "profile.yaml": f"name: {profile}\n"}
    )
    return workspace / "logs" / run_id


def add_log(run: Path, content: bytes, *, attempt: int = 1, rank: int = 0) -> None:
    path = RunDirectory(run).attempt(attempt).log(rank)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def add_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def add_checkpoint(run: Path, step: int, content: bytes = b"weights" * 100) -> Path:
    """A complete checkpoint of one file."""
    directory = RunDirectory(run)
    temporary = directory.checkpoints / f"step-{step:08d}.tmp"
    temporary.mkdir(parents=True)
    (temporary / "model.safetensors").write_bytes(content)
    info = CheckpointInfo(
        step=step,
        tokens=step * 2048,
        loss=4.2,
        world_size=1,
        strategy="single",
        data_fingerprint="f00",
        versions={"python": "3.11"},
        time=1_795_000_100.0,
        attempt=1,
        run_id=run.name,
    )
    write_complete(
        temporary, info, [("model.safetensors", len(content), hashlib.sha256(content).hexdigest())]
    )
    finalize(temporary)
    return directory.checkpoint(step)
