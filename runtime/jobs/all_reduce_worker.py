"""One process of the doctor's all-reduce measurement.

    python -m runtime.jobs.all_reduce_worker RANK PROCESSES BACKEND RENDEZVOUS BYTES…

Rank 0 prints a JSON object for each size: bytes, and the seconds of one all-reduce (the median of several).
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import torch
import torch.distributed as dist

_WARM_UP, _TIMED = 3, 7
_LEAST_SECONDS = 0.2
"""Each size is repeated for at least this long."""


def main() -> None:
    rank, processes, backend, rendezvous = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    torch.set_num_threads(1)
    device = torch.device("cuda", rank) if backend == "nccl" else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(backend, init_method=f"file://{rendezvous}", rank=rank, world_size=processes)
    try:
        for size in map(int, sys.argv[5:]):
            seconds = measure(torch.ones(size // 4, device=device))
            if rank == 0:
                print(json.dumps({"bytes": size, "seconds": seconds}), flush=True)
    finally:
        dist.destroy_process_group()


def measure(tensor: torch.Tensor) -> float:
    """Median seconds of one all-reduce of `tensor` [elements]."""
    for _ in range(_WARM_UP):
        once(tensor)
    times: list[float] = []
    while len(times) < _TIMED or not enough(sum(times)):
        times.append(once(tensor))
    return statistics.median(times)


def enough(spent: float) -> bool:
    """Whether all ranks have spent long enough; they must agree, or one would wait for ever."""
    answer = torch.tensor([1.0 if spent >= _LEAST_SECONDS else 0.0])
    if dist.get_backend() == "nccl":
        answer = answer.cuda()
    dist.all_reduce(answer, op=dist.ReduceOp.MIN)
    return bool(answer.item())


def once(tensor: torch.Tensor) -> float:
    dist.barrier()
    began = time.perf_counter()
    dist.all_reduce(tensor)
    if tensor.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
