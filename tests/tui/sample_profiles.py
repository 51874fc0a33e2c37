"""Profiles for a workspace of tests: one that trains, one that runs a program, one that is wrong."""

from __future__ import annotations

from pathlib import Path

from runtime.run.workspace import Workspace

SMALL = """\
# A model that is small enough to be looked at.
description: A small GPT-2 on a text of one's own
job: pretrain

model:
  architecture: gpt2
  layers: 2                # few
  width: 64
  heads: 2
  mlp_width: 256
  context_length: 32
  vocabulary_size: 512     # all that the tokenizer below may learn, and no more than that

data:
  sources:
    - path: text.txt       # in the workspace
  tokenizer:
    train: {vocabulary_size: 300}

train:
  steps: 100
  batch: 4
  threads: 1

checkpoint:
  keep_best: eval/holdout/loss

evaluate:
  every_steps: 50

launch:
  device: cpu

plan:
  device: h100
  price_per_device_hour: 2.5
"""

PROGRAM = """\
description: 一个自己的程序
job: command
command:
  argv: [sh, -c, "echo hello; sleep 0.1"]
"""

WRONG = """\
# Two mistakes, on the lines 5 and 8.
job: command
command:
  argv: ["true"]
  stepz: 3

launch:
  processes: -1
"""

SHIPPED = """\
# Comes with Headnode.
description: The shipped one
job: command
command:
  argv: ["true"]
"""


def write_profiles(workspace: Workspace, shipped: Path) -> None:
    """`small`, `program` and `wrong` into the workspace, `given` into the directory of shipped profiles."""
    _write(workspace.profiles / "pretrain" / "small.yaml", SMALL)
    _write(workspace.profiles / "command" / "program.yaml", PROGRAM)
    _write(workspace.profiles / "command" / "wrong.yaml", WRONG)
    _write(shipped / "command" / "given.yaml", SHIPPED)
    (workspace.root / "text.txt").write_text("text\n" * 100)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
