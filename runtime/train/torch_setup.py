"""torch's own settings that decide whether two runs are equal bit for bit, and the rank's device."""

from __future__ import annotations

import os
from typing import Literal

import torch


def set_up_torch(
    *, deterministic: bool, threads: int | None, device: Literal["auto", "cpu", "cuda"], local_rank: int
) -> torch.device:
    """Settle algorithms and threads, and choose the device; to be called before the first use of CUDA.

    The number of threads decides in which order sums are taken, so it belongs to what must be equal; None
    leaves torch's own. ValueError: `cuda` was asked for and there is none.
    """
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA is initialised
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # a debugging aid
    if threads is not None:
        torch.set_num_threads(threads)
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("launch.device is cuda, and torch finds no CUDA device here: set it to cpu or auto")
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    chosen = torch.device("cuda", local_rank % torch.cuda.device_count())
    torch.cuda.set_device(chosen)
    return chosen
