"""Which tensors a checkpoint holds, and of what shapes, read from the headers of its safetensors files.

The format (https://huggingface.co/docs/safetensors): 8 bytes with the header's length, little-endian, and a
JSON object name → {dtype, shape, data_offsets}. torch.distributed.checkpoint adds `DCP_SHARDING_INFO`, which
says where in the whole tensor each file's part begins.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runtime.messages import N_, UsageError

_LONGEST = 100 << 20  # bytes of a header, as the format's own reader has it
MODEL = "model."
"""What the names of a model's tensors begin with, before those of its `state_dict()`."""


def tensor_shapes(checkpoint: Path) -> dict[str, tuple[int, ...]]:
    """Name → whole shape of every tensor under `checkpoint`. Raises UsageError for a file that isn't
    safetensors, OSError as the disk does."""
    ends: dict[str, tuple[int, ...]] = {}
    for path in sorted(checkpoint.rglob("*.safetensors")):
        for name, end in _parts(path):
            known = ends.get(name)
            ends[name] = end if known is None else tuple(map(max, known, end))
    return ends


def model_shapes(checkpoint: Path) -> dict[str, tuple[int, ...]]:
    """The same of the model's tensors only, by their names in its `state_dict()`."""
    return {
        name.removeprefix(MODEL): shape
        for name, shape in tensor_shapes(checkpoint).items()
        if name.startswith(MODEL)
    }


def _parts(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each tensor of a file with the place where its part ends."""
    header = _header(path)
    metadata = header.pop("__metadata__", None)
    try:
        offsets = json.loads((metadata or {}).get("DCP_SHARDING_INFO") or "{}")
        for name, entry in header.items():
            shape = [int(size) for size in entry["shape"]]
            begin = (offsets.get(name) or {}).get("saved_offsets") or [0] * len(shape)
            yield name, tuple(int(start) + size for start, size in zip(begin, shape, strict=True))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path) from error


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= _LONGEST:
            raise _damaged(path)
        try:
            value = json.loads(stream.read(length))
        except ValueError as error:
            raise _damaged(path) from error
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def _damaged(path: Path) -> UsageError:
    return UsageError(N_("{file} is no safetensors file, or a damaged one"), file=str(path))
