"""The copy that lets training go on while a checkpoint is written."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from runtime.train.state import State


class Stager:
    """Copies a state into host buffers that are allocated once and used again by every later save.

    The loop waits for this copy only. Buffers of CUDA tensors are pinned, so that all copies run at the speed
    of the bus; they hold as many bytes as the state. The owner must not stage again before the last staged
    state has been written.
    """

    def __init__(self) -> None:
        self._buffers: State = {}

    def stage(self, state: Mapping[str, torch.Tensor]) -> State:
        """A copy of `state` on the host that later updates don't reach."""
        staged: State = {}
        on_cuda = False
        for name, tensor in state.items():
            buffer = self._buffer(name, tensor)
            buffer.copy_(tensor, non_blocking=tensor.is_cuda)
            on_cuda = on_cuda or tensor.is_cuda
            staged[name] = buffer
        if on_cuda:
            torch.cuda.synchronize()
        return staged

    def _buffer(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != tensor.shape or buffer.dtype != tensor.dtype:
            buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
            self._buffers[name] = buffer
        return buffer
