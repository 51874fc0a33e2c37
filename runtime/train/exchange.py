"""Small JSON values from every rank to every rank, over a gloo group."""

from __future__ import annotations

import json
from typing import Any

import torch
import torch.distributed as dist


def share_json(value: Any, group: dist.ProcessGroup | None) -> list[Any]:
    """Every rank's value, in rank order. Without a group there is one rank.

    As bytes of JSON: torch's own object collectives pickle.
    """
    if group is None:
        return [value]
    data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
    world_size = dist.get_world_size(group)
    sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(world_size)]
    dist.all_gather(sizes, torch.tensor([data.numel()]), group=group)
    longest = max(int(size) for size in sizes)
    padded = torch.zeros(longest, dtype=torch.uint8)
    padded[: data.numel()] = data
    received = [torch.empty(longest, dtype=torch.uint8) for _ in range(world_size)]
    dist.all_gather(received, padded, group=group)
    return [
        json.loads(part[: int(size)].numpy().tobytes()) for part, size in zip(received, sizes, strict=True)
    ]
