"""Random states survive JSON exactly."""

from __future__ import annotations

import json
import random

import numpy
import torch

from runtime.train import random_states

CPU = torch.device("cpu")


def draw() -> tuple[object, ...]:
    return (
        random.random(),
        random.gauss(0, 1),
        numpy.random.standard_normal(3).tolist(),
        torch.rand(3).tolist(),
        torch.nn.functional.dropout(torch.ones(8)).tolist(),
    )


def test_every_generator_goes_on_where_it_was() -> None:
    random_states.seed_everything(random_states.derived_seed(0, 1))
    draw()  # leaves half a pair of Gaussians in Python's and numpy's generators
    saved = json.dumps(random_states.capture(CPU))
    expected = [draw(), draw()]
    random_states.seed_everything(5)
    random_states.restore(json.loads(saved), CPU)
    assert [draw(), draw()] == expected


def test_derived_seeds_differ_by_every_part() -> None:
    seeds = {random_states.derived_seed(a, b, c) for a in range(4) for b in range(4) for c in range(4)}
    assert len(seeds) == 64
    assert all(0 <= seed < 2**63 for seed in seeds)
