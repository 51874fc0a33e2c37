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


RUST_MEMORY = """\
13:36:19 tokenizer: 0.0 of 10.4 MiB
memory allocation of 2 bytes failed
memory allocation of 1 bytes failed
skipping backtrace printing to avoid potential recursion
Fatal Python error: Aborted

Thread 0x00007f3f1a0146c0 (most recent call first):
  File "/home/ann/headnode/runtime/data/tokenizer.py", line 84 in train_tokenizer
"""

CPP_MEMORY = """\
terminate called after throwing an instance of 'std::bad_alloc'
  what():  std::bad_alloc
Fatal Python error: Aborted

Current thread 0x00007f3f1a0146c0 (most recent call first):
  File "/home/ann/train.py", line 84 in main
"""
