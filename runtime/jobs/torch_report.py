"""What torch says of itself, as one JSON object on standard output: asked by Headnode's doctor, which must
not import it."""

from __future__ import annotations

import json
import warnings
from typing import Any


def report() -> dict[str, Any]:
    """Version, what it was built for, and what it sees; `error` alone where it can't be imported."""
    try:
        import torch
        import torch.distributed
    except Exception as error:  # noqa: BLE001 (a broken installation raises anything; it is what is asked for)
        return {"error": f"{type(error).__name__}: {error}"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    answer: dict[str, Any] = {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "available": available,
        "unavailable": None if available or not caught else str(caught[-1].message),
        "gloo": torch.distributed.is_available() and torch.distributed.is_gloo_available(),
        "nccl": None,
        "threads": torch.get_num_threads(),
        "architectures": torch.cuda.get_arch_list() if available else [],
        "devices": [],
    }
    if torch.distributed.is_available() and torch.distributed.is_nccl_available():
        answer["nccl"] = list(torch.cuda.nccl.version())
    if available:
        answer["devices"] = [
            {"name": torch.cuda.get_device_name(index), "capability": torch.cuda.get_device_capability(index)}
            for index in range(torch.cuda.device_count())
        ]
    return answer


if __name__ == "__main__":
    print(json.dumps(report()))
