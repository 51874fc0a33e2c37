"""Reading a checkpoint back into a model and an optimizer, on any world size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load

from runtime.messages import Message
from runtime.run.complete import Complete, read_complete
from runtime.run.tensor_index import MODEL
from runtime.train import random_states
from runtime.train.checkpointing import GUARD, random_name
from runtime.train.optimizer import materialise_state
from runtime.train.state import State, model_state, training_state
from runtime.train.strategies import Strategy


@dataclass(frozen=True)
class Restored:
    """Where training goes on, and the metrics known there. `exact`: random states were put back too, so that
    it goes on bit for bit."""

    step: int
    tokens: int
    data_fingerprint: str | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    exact: bool = True
    loss: float | None = None
    guards: Mapping[str, Any] = field(default_factory=dict)


def restore(
    checkpoint: Path, model: nn.Module, optimizer: torch.optim.Optimizer, strategy: Strategy, seed: int
) -> Restored:
    """Load everything that a checkpoint holds, in place. Collective. Nothing is unpickled.

    On another world size (or another kind of device) random states can't be put back: they are then seeded
    from (seed, step, rank), and the data order, which needs none, is still the same.

    ValueError: it was made by another model or optimizer, or isn't complete. Its bytes are not verified
    again.
    """
    complete = _complete(checkpoint)
    if not optimizer.state:
        materialise_state(optimizer)
    state = training_state(model, optimizer)
    _require_same_tensors(checkpoint, state)
    _load(checkpoint, state, strategy)
    exact = complete.world_size == strategy.world_size and _restore_random(checkpoint, strategy)
    if not exact:
        random_states.seed_everything(random_states.derived_seed(seed, complete.step, strategy.rank))
    return Restored(
        step=complete.step,
        tokens=complete.tokens,
        data_fingerprint=complete.data_fingerprint,
        metrics=complete.metrics,
        exact=exact,
        loss=complete.loss,
        guards=_guards(checkpoint),
    )


def restore_weights(checkpoint: Path, model: nn.Module, strategy: Strategy) -> int:
    """Loads the model's tensors of a checkpoint, in place, and nothing else of it; the step that it was saved
    at. Collective.

    ValueError: it was made by another model, or isn't complete. Its bytes are not verified again.
    """
    complete = _complete(checkpoint)
    state = model_state(model)
    _require_same_tensors(checkpoint, state, only=MODEL)
    _load(checkpoint, state, strategy)
    return complete.step


def _complete(checkpoint: Path) -> Complete:
    complete = read_complete(checkpoint)
    if isinstance(complete, Message):
        raise ValueError(f"{checkpoint.name} can't be loaded: {complete}")
    return complete


def _load(checkpoint: Path, state: State, strategy: Strategy) -> None:
    """Fills the tensors of `state` in place. Collective."""
    group = strategy.checkpoint_group
    load(
        dict(state),
        storage_reader=HuggingFaceStorageReader(str(checkpoint)),
        process_group=group,
        no_dist=group is None,
    )


def _restore_random(checkpoint: Path, strategy: Strategy) -> bool:
    states = json.loads((checkpoint / random_name(strategy.rank)).read_text(encoding="utf-8"))
    if ("cuda" in states) != (strategy.device.type == "cuda"):
        return False
    random_states.restore(states, strategy.device)
    return True


def _guards(checkpoint: Path) -> Mapping[str, Any]:
    """What guard.json holds, {} where there is none (an earlier version saved it)."""
    path = checkpoint / GUARD
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _require_same_tensors(checkpoint: Path, state: State, only: str = "") -> None:
    saved = HuggingFaceStorageReader(str(checkpoint)).read_metadata().state_dict_metadata
    shapes = {n: tuple(entry.size) for n, entry in saved.items() if isinstance(entry, TensorStorageMetadata)}
    shapes = {name: shape for name, shape in shapes.items() if name.startswith(only)}
    wanted = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if shapes == wanted:
        return
    lacking, extra = sorted(wanted.keys() - shapes.keys()), sorted(shapes.keys() - wanted.keys())
    unlike = sorted(name for name in wanted.keys() & shapes.keys() if wanted[name] != shapes[name])
    raise ValueError(
        f"{checkpoint.name} was made by another model or optimizer: "
        + "; ".join(
            f"{len(names)} tensors {what} (first: {names[0]})"
            for names, what in ((lacking, "missing"), (extra, "unknown"), (unlike, "of another shape"))
            if names
        )
    )
