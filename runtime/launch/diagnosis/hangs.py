"""What a hang is made of: the state of the processes, and where their stacks stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.+)$')
_LIBRARY = re.compile(r"(?:^|/)(?:site-packages|dist-packages|lib/python\d)|^<frozen")
_COLLECTIVE = re.compile(r"torch/distributed/|/runtime/train/exchange\.py")
_DATA = re.compile(r"torch/utils/data/|multiprocessing/(?:queues|connection)\.py|/runtime/data/|datasets/")
_NEAR = 8


def frames_of(stack: str) -> list[tuple[str, int, str]]:
    """File, line and function of the thread that matters, the innermost first: the one that took the signal,
    else the last (Python lists the main thread last)."""
    blocks: list[tuple[bool, list[tuple[str, int, str]]]] = []
    for text in stack.splitlines():
        if text.startswith(("Current thread", "Thread 0x")):
            blocks.append((text.startswith("Current"), []))
            continue
        match = _FRAME.match(text)
        if match is not None and blocks:
            blocks[-1][1].append((match[1], int(match[2]), match[3]))
    current = [frames for now, frames in blocks if now]
    return current[0] if current else blocks[-1][1] if blocks else []


def where(stack: str) -> str | None:
    """`train.py:12 in load`: the innermost frame of the program's own code, else the innermost one."""
    frames = frames_of(stack)
    if not frames:
        return None
    own = next((frame for frame in frames if not _LIBRARY.search(frame[0])), frames[0])
    return f"{own[0].rpartition('/')[2]}:{own[1]} in {own[2]}"


def waits_for(stack: str) -> str | None:
    """`waiting_for_peers` in a collective, `data_starvation` where the next batch is awaited; None:
    neither."""
    near = [frame[0] for frame in frames_of(stack)[:_NEAR]]
    if any(_COLLECTIVE.search(file) for file in near):
        return "waiting_for_peers"
    return "data_starvation" if any(_DATA.search(file) for file in near) else None


def cause_of_hang(detail: Mapping[str, Any]) -> str | None:
    """The finer cause of a hang from its detail (see `trouble` and the event `hang`)."""
    state = detail.get("process_state")
    if state in ("T", "t"):
        return "stopped_by_signal"
    if state == "D":
        return "stuck_in_kernel"
    if detail.get("exited"):
        return "exited_early"
    stacks = detail.get("stacks")
    own = stacks.get(str(detail.get("rank"))) if isinstance(stacks, Mapping) else None
    waits = own.get("waits_for") if isinstance(own, Mapping) else None
    return waits if isinstance(waits, str) else None
