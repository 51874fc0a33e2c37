"""Ranks as forked children of the test process: real processes and groups without importing torch anew."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from runtime.train.strategies import Strategy, open_strategy

CPU = torch.device("cpu")
PATIENCE = 60.0


def run_ranks(
    world_size: int, directory: Path, body: Callable[[Strategy], None], env: dict[str, str] | None = None
) -> list[int]:
    """Run `body` in `world_size` processes, each with its strategy; the exit codes (negative: the signal).

    When one is killed the others are, as the agent of a node does. An exception in a child: code 1.
    """
    torch.set_num_threads(1)
    rendezvous = directory / f"rendezvous-{time.monotonic_ns()}"
    sys.stdout.flush()
    children = [
        _fork(rank, world_size, f"file://{rendezvous}", body, env or {}) for rank in range(world_size)
    ]
    codes: dict[int, int] = {}
    deadline = time.monotonic() + PATIENCE
    while len(codes) < world_size:
        for rank, child in enumerate(children):
            if rank not in codes:
                pid, status = os.waitpid(child, os.WNOHANG)
                if pid:
                    codes[rank] = os.waitstatus_to_exitcode(status)
        if any(code < 0 for code in codes.values()) or time.monotonic() > deadline:
            for rank, child in enumerate(children):
                if rank not in codes:
                    os.kill(child, signal.SIGKILL)
                    codes[rank] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.002)
    return [codes[rank] for rank in range(world_size)]


def _fork(
    rank: int, world_size: int, rendezvous: str, body: Callable[[Strategy], None], env: dict[str, str]
) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.environ.update({"GLOO_SOCKET_IFNAME": "lo", **env})
        strategy = open_strategy("auto", rank=rank, world_size=world_size, device=CPU, rendezvous=rendezvous)
        body(strategy)
        strategy.close()
        code = 0
    except BaseException:  # noqa: BLE001 - the child must not go on as the test process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
