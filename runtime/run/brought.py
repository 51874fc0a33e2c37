"""What a new run from weights brought along: `artifacts/weights/step-…`, a checkpoint of another run."""

from __future__ import annotations

from pathlib import Path

from runtime.run.complete import COMPLETE
from runtime.run.layout import RunDirectory


def weights_folder(run: RunDirectory) -> Path:
    """Where the weights lie that a run begins with; not under `checkpoints/`: they are none of its own."""
    return run.artifacts / "weights"


def brought_weights(run: RunDirectory) -> Path | None:
    """The directory of the weights that a run brought along, None where it has none."""
    found = [path for path in weights_folder(run).glob("step-*") if (path / COMPLETE).is_file()]
    return found[0] if found else None
