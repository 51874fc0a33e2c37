"""Random states of a rank as JSON: Python, numpy, torch on the CPU and on the rank's CUDA device."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any

import numpy
import torch


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's (every device's) global generators."""
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def derived_seed(*parts: int) -> int:
    """A 63-bit seed that is a pure function of the parts, and unlike that of any other parts."""
    digest = hashlib.blake2b(",".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def capture(device: torch.device) -> dict[str, Any]:
    """The states as JSON values; `device` says whether there is a CUDA generator."""
    version, words, gauss = random.getstate()
    algorithm, keys, position, has_gauss, cached = numpy.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "schema": 1,
        "python": {"version": version, "words": list(words), "gauss": gauss},
        "numpy": {
            "algorithm": algorithm,
            "keys": numpy.asarray(keys).tolist(),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached_gaussian": float(cached),
        },
        "torch": _encode(torch.get_rng_state()),
    }
    if device.type == "cuda":
        states["cuda"] = _encode(torch.cuda.get_rng_state(device))
    return states


def restore(states: dict[str, Any], device: torch.device) -> None:
    """Put states made by `capture` back. KeyError if they lack a generator that `device` needs."""
    python, legacy = states["python"], states["numpy"]
    random.setstate((python["version"], tuple(python["words"]), python["gauss"]))
    keys = numpy.array(legacy["keys"], dtype=numpy.uint32)
    numpy.random.set_state(
        (legacy["algorithm"], keys, legacy["position"], legacy["has_gauss"], legacy["cached_gaussian"])
    )
    torch.set_rng_state(_decode(states["torch"]))
    if device.type == "cuda":
        torch.cuda.set_rng_state(_decode(states["cuda"]), device)


def _encode(state: torch.Tensor) -> str:
    return base64.b64encode(state.numpy().tobytes()).decode("ascii")


def _decode(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
