"""What programs print at their ends: recorded from real ones (torch 2.13 with gloo, Python 3.11, bash) or,
for CUDA, NCCL
and Slurm, as their sources have it. `recorded_logs.CUDA_OOM` is recorded/cuda_oom.txt."""

from __future__ import annotations

from pathlib import Path

_DIRECTORY = Path(__file__).with_name("recorded")


def __getattr__(name: str) -> str:
    try:
        return (_DIRECTORY / f"{name.lower()}.txt").read_text()
    except FileNotFoundError as error:
        raise AttributeError(name) from error
