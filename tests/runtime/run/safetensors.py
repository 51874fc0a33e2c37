"""The bytes of a safetensors file whose numbers are all zero."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping


def write_safetensors(
    shapes: Mapping[str, tuple[int | None, ...]], offsets: Mapping[str, list[int]] | None = None
) -> bytes:
    """Float32 tensors of these shapes; `offsets`: where in the whole tensor the part of this file begins."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    if offsets is not None:
        sharding = {name: {"saved_offsets": begin} for name, begin in offsets.items()}
        header["__metadata__"] = {"format": "pt", "DCP_SHARDING_INFO": json.dumps(sharding)}
    at = 0
    for name, shape in shapes.items():
        size = 4 * math.prod(length or 0 for length in shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(at)
