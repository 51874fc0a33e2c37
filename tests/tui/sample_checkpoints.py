"""Checkpoints for the runs of tests, as a trainer saves them but a few kilobytes large."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from runtime.messages import Message
from runtime.profile import dump, loads
from runtime.run.annotations import protect
from runtime.run.checkpoints import CheckpointInfo, finalize, invalidate, list_checkpoints, write_complete
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace
from tests.tui.sample_profiles import SMALL
from tests.tui.sample_workspace import HOUR, NOW


def save_checkpoint(
    run: RunDirectory, step: int, *, age: float = HOUR, loss: float = 2.5, held_out: float = 2.6
) -> Path:
    """A complete checkpoint that was saved `age` seconds before the sample's present."""
    temporary = run.checkpoints / f"step-{step:08d}.tmp"
    temporary.mkdir(parents=True)
    files = {"model.safetensors": b"m" * 300_000, "optim.safetensors": b"o" * 600_000, "random-0.json": b"{}"}
    listed = []
    for name, content in files.items():
        (temporary / name).write_bytes(content)
        listed.append((name, len(content), hashlib.sha256(content).hexdigest()))
    info = CheckpointInfo(
        step=step, tokens=step * 4_194_304, loss=loss, world_size=4, strategy="ddp",
        data_fingerprint="43366b4262871bf3f912c4f349aea0a0", versions={"python": "3.11.9", "torch": "2.13.0"},
        time=NOW - age, attempt=1, run_id=run.run_id,
        metrics={"train/loss": loss, "eval/holdout/loss": held_out, "optim/grad_norm": 0.31},
    )  # fmt: skip
    write_complete(temporary, info, listed)
    return finalize(temporary)


def damage(checkpoint: Path) -> None:
    """Changes one byte of a checkpoint without changing any size."""
    path = checkpoint / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def run_of(workspace: Workspace, suffix: str) -> RunDirectory:
    """The run whose id ends so."""
    return next(run for run in workspace.runs() if run.run_id.endswith(suffix))


def fill(workspace: Workspace) -> None:
    """The sample's failed run 3f2a with a checkpoint of each kind; three more runs with one or two."""
    failed = run_of(workspace, "3f2a")
    failed.profile.write_text(dump(loads(SMALL)), encoding="utf-8")
    for step, age, held_out in ((120_000, 17, 2.51), (130_000, 12, 2.57), (140_000, 7, 2.55)):
        save_checkpoint(failed, step, age=age * HOUR, loss=2.6 + age / 1000, held_out=held_out)
    protect(failed, 130_000, by="test")
    save_checkpoint(failed, 139_500, age=7.1 * HOUR)
    broken = next(item for item in list_checkpoints(failed) if item.step == 139_500)
    short = Message("model.safetensors has 297952 bytes instead of 300000")
    os.utime(invalidate(broken, (short,)), (NOW, NOW))
    (failed.checkpoints / "step-00140500.tmp").mkdir()
    (failed.checkpoints / "step-00140500.tmp" / "model.safetensors").write_bytes(b"m" * 40_000)
    save_checkpoint(run_of(workspace, "9c1e"), 450_000, age=240, loss=2.413)
    save_checkpoint(run_of(workspace, "1f00"), 400, age=180, loss=3.927)
    save_checkpoint(run_of(workspace, "08be"), 12_000, age=25 * HOUR, loss=2.155)


def complete_json(checkpoint: Path) -> dict[str, object]:
    """COMPLETE.json of a checkpoint."""
    value: dict[str, object] = json.loads((checkpoint / "COMPLETE.json").read_text())
    return value
