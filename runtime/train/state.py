"""Model and optimizer as one flat dict of tensors, and back.

`torch.distributed.checkpoint` with safetensors takes tensors only: any other leaf would be saved without an
error and be unreadable, and two names for one storage (tied embeddings) fail to save. So both are settled
here, before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

State = dict[str, torch.Tensor]


def training_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """Every tensor that a resume needs, by name: `model.<name>` and `optim.<name>.<key>`.

    The tensors are the live ones, not copies. Of tied parameters the first name is kept. TypeError on a leaf
    that is no tensor.
    """
    return {**model_state(model), **_optimizer_state(model, optimizer)}


def model_state(model: nn.Module) -> State:
    """Every tensor of the model, by name: `model.<name>`; see `training_state`."""
    state: State = {}
    seen: set[int] = set()
    for name, value in model.state_dict(keep_vars=True).items():
        _require_tensor(f"model.{name}", value)
        if id(value) in seen:
            continue
        seen.add(id(value))
        state[f"model.{name}"] = value.detach()
    return state


def _optimizer_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    state: State = {}
    for parameter, entries in optimizer.state.items():
        name = names[id(parameter)]
        for key, value in entries.items():
            _require_tensor(f"optim.{name}.{key}", value)
            state[f"optim.{name}.{key}"] = value
    return state


def _require_tensor(name: str, value: object) -> None:
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{name} is {type(value).__name__}, not a tensor: a checkpoint holds tensors only, "
            "and what isn't one must follow from the profile and the step"
        )


def non_finite_names(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of the floating point tensors that hold a NaN or an infinity.

    By minimum and maximum, which carry both, in one pass and without a temporary of the tensor's size.
    """
    names = []
    for name, tensor in state.items():
        if tensor.is_floating_point() and tensor.numel():
            low, high = torch.aminmax(tensor)
            if not (torch.isfinite(low) and torch.isfinite(high)):
                names.append(name)
    return names
