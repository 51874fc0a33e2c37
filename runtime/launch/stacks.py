"""The stacks of ranks that hang: asked for by SIGUSR1, which a worker answers through faulthandler into
its log."""

from __future__ import annotations

import signal as signals
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.launch.processes import catches, send, stat_of
from runtime.run.identity import Identity
from runtime.run.layout import AttemptDirectory

PATIENCE = 2.0
"""Seconds for all ranks together to write their stacks."""

_LARGEST = 64 << 10
_QUIET = 0.2


def dump_stacks(files: AttemptDirectory, ranks: Mapping[int, Identity]) -> dict[str, dict[str, Any]]:
    """The stack of every rank as text, or why there is none: {rank: {"stack"} or {"none"}}. Takes some 2 s
    at most."""
    found: dict[str, dict[str, Any]] = {}
    asked: dict[int, int] = {}
    for rank, identity in ranks.items():
        before = _size(files.log(rank))
        reason = _ask(identity)
        if reason is None:
            asked[rank] = before
        else:
            found[str(rank)] = {"none": reason}
    if asked:
        _await({files.log(rank): size for rank, size in asked.items()})
    for rank, offset in asked.items():
        stack = _read(files.log(rank), offset)
        found[str(rank)] = {"stack": stack} if stack else {"none": "it wrote nothing within 2 s"}
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def _ask(identity: Identity) -> str | None:
    """Asks one process for its stack; returns why that is impossible."""
    stat = stat_of(identity.pid)
    if stat is None or stat.zombie:
        return "the process is gone"
    if stat.state in ("T", "t"):
        return f"the process is stopped (state {stat.state}), so that it can't run a signal handler"
    if not catches(identity.pid, signals.SIGUSR1):
        return "the program has no handler for SIGUSR1 (faulthandler.register)"
    try:
        return None if send(identity, signals.SIGUSR1) else "the process is gone"
    except PermissionError as error:
        return str(error)


def _await(sizes: Mapping[Path, int]) -> None:
    """Waits until all logs have grown beyond these sizes and are quiet again, or patience ends."""
    end = time.monotonic() + PATIENCE
    before: dict[Path, int] = {}
    while time.monotonic() < end:
        time.sleep(_QUIET)
        now = {log: _size(log) for log in sizes}
        if now == before and all(now[log] > size for log, size in sizes.items()):
            return
        before = now


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read(path: Path, offset: int) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(_LARGEST).decode(errors="replace").strip()
    except OSError:
        return ""
