"""The stacks of ranks that hang: asked for by SIGUSR1, which a worker answers through faulthandler into
its log."""

from __future__ import annotations

import signal as signals
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.launch.diagnosis.hangs import frames_of, waits_for, where
from runtime.launch.processes import catches, send, stat_of
from runtime.run.identity import Identity
from runtime.run.layout import AttemptDirectory, RunDirectory

PATIENCE = 2.0
"""Seconds for all ranks together to write their stacks."""

_LARGEST = 64 << 10
_QUIET = 0.2
_TOLD = 4000
"""Characters of each stack that an event holds; its file holds all of it."""


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
            found[str(rank)] = {"none": reason, **_kernel(identity)}
    if asked:
        _await({files.log(rank): size for rank, size in asked.items()})
    for rank, offset in asked.items():
        stack = _read(files.log(rank), offset)
        found[str(rank)] = _answer(stack, ranks[rank])
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def keep_stacks(
    run: RunDirectory, files: AttemptDirectory, stacks: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Writes each stack to a file of its own, and says by rank where it is, where the rank stood (`at`) and
    what
    it waited for; or why there is none. A disk that is full keeps the log's copy only."""
    kept: dict[str, dict[str, Any]] = {}
    for rank, found in stacks.items():
        text = found.get("stack")
        if not isinstance(text, str):
            kept[rank] = dict(found)
            continue
        path = files.stack(int(rank))
        facts = {"at": where(text), "waits_for": waits_for(text), "file": str(path.relative_to(run.path))}
        try:
            path.write_text(text + "\n")
        except OSError:
            facts["file"] = str(files.log(int(rank)).relative_to(run.path))
        kept[rank] = {name: value for name, value in facts.items() if value is not None}
    return kept


def stacks_for_event(
    kept: Mapping[str, Mapping[str, Any]], stacks: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What was kept, with the beginning of each stack's text."""
    return {
        rank: {**facts, **({"stack": text[:_TOLD]} if (text := stacks[rank].get("stack")) else {})}
        for rank, facts in kept.items()
    }


def without_stacks(hang: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of an event `hang` without the stacks' texts."""
    stacks = hang.get("stacks")
    if not isinstance(stacks, Mapping):
        return dict(hang)
    bare = {
        rank: {name: value for name, value in found.items() if name != "stack"}
        for rank, found in stacks.items()
        if isinstance(found, Mapping)
    }
    return {**hang, "stacks": bare}


def _answer(text: str, identity: Identity) -> dict[str, Any]:
    """What a rank wrote when it was asked: a stack, or what a handler of its own had to say."""
    if frames_of(text):
        return {"stack": text}
    if text:
        why = "it answered SIGUSR1 with a handler of its own"
    else:
        why = f"it wrote nothing within {PATIENCE:.0f} s"
    return {"none": why, **_kernel(identity)}


def _kernel(identity: Identity) -> dict[str, str]:
    """Where the kernel says that the process sleeps, as `futex_wait`; for what has no Python stack to
    give."""
    try:
        name = Path(f"/proc/{identity.pid}/wchan").read_text().strip()
    except OSError:
        return {}
    return {"kernel": name} if name not in ("", "0") else {}


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
