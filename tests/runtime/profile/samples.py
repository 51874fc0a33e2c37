"""Profiles for tests to bend."""

from __future__ import annotations

import pytest

from runtime.profile import ProfileError, loads

PRETRAIN = """\
job: pretrain
model:
  architecture: olmo2
  layers: 2
  width: 64
  heads: 4
  mlp_width: 128
  context_length: 128
  vocabulary_size: 512
data:
  sources:
    - builtin: python-stdlib
  tokenizer:
    train:
      vocabulary_size: 512
  sequence_length: 64
train:
  steps: 100
  batch: 8
  optimizer:
    learning_rate: 1.0e-3
  schedule:
    warmup_steps: 10
checkpoint:
  every_steps: 50
evaluate:
  every_steps: 50
launch:
  processes: 2
"""

PREPARE = """\
job: prepare
data:
  sources:
    - path: texts
  tokenizer:
    train: {vocabulary_size: 512}
"""

COMMAND = """\
job: command
command:
  argv: [python3, train.py]
"""


def problems(text: str, *overrides: str) -> list[str]:
    """What is wrong with the profile in `text`, each problem as its line."""
    with pytest.raises(ProfileError) as caught:
        loads(text, overrides)
    return [str(problem) for problem in caught.value.problems]
