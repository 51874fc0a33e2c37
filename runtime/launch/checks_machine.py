"""Checks of the machine: disk, memory, cores, GPUs, packages, and whether it lets runs outlive a login."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.launch.attempts import cores
from runtime.launch.check import Check
from runtime.launch.checks_devices import device_checks
from runtime.launch.checks_disk import disk_check
from runtime.launch.command import threads
from runtime.launch.devices import gpu_count
from runtime.launch.leftovers import Leftover, find
from runtime.launch.session import session_rules
from runtime.messages import N_, Message, UsageError
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile
    from runtime.profile.estimates import Estimate

GIB = 1 << 30
_NEEDED = ("torch", "transformers", "tokenizers")
_PROCESS_BYTES = 600 << 20  # an interpreter with torch and transformers loaded
_HOPELESS = 4
"""A need of more than this many times the machine's whole memory is refused: no estimate is so far off."""


def machine_checks(profile: Profile, workspace: Workspace, resume: RunDirectory | None) -> Iterator[Check]:
    """What the machine has to have for this profile."""
    estimate = _estimate(profile)
    yield from _packages(profile)
    yield _logs(workspace)
    yield disk_check(profile, workspace, estimate, resume)
    yield from device_checks(profile)
    yield from _memory(profile, estimate)
    yield _cores(profile)
    yield _session()
    yield from _leftovers(workspace, resume)


def _estimate(profile: Profile) -> Estimate | None:
    from runtime.profile.estimates import estimate

    if profile.job != "pretrain":
        return None
    try:
        return estimate(profile)
    except UsageError:
        return None  # the vocabulary comes with the data


def _packages(profile: Profile) -> Iterator[Check]:
    if profile.job == "command":
        return
    missing = []
    for package in _NEEDED:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        names = ", ".join(missing)
        fix = Message(
            N_("pip install {names}, in the environment that headnode runs in"), {"names": " ".join(missing)}
        )
        yield Check("packages", "fail", Message(N_("{names} not installed"), {"names": names}), fix)


def _logs(workspace: Workspace) -> Check:
    where = workspace.logs if workspace.logs.exists() else workspace.root
    if os.access(where, os.W_OK | os.X_OK):
        return Check("logs", "ok", Message(N_("{path} can be written"), {"path": str(workspace.logs)}))
    return Check(
        "logs",
        "fail",
        Message(N_("{path} can't be written"), {"path": str(workspace.logs)}),
        Message(N_("change its owner or mode, or use another workspace (headnode init DIR)")),
    )


def _memory(profile: Profile, estimate: Estimate | None) -> Iterator[Check]:
    if estimate is None or (profile.launch.device != "cpu" and gpu_count() > 0):
        return
    available = _available_memory()
    if available is None:
        return
    needed = (estimate.memory_total + _PROCESS_BYTES) * profile.launch.processes
    values = {"needed": f"{needed / GIB:.1f}", "available": f"{available / GIB:.1f}"}
    if needed <= available:
        yield Check(
            "memory", "ok", Message(N_("about {needed} GiB needed, {available} GiB available"), values)
        )
    else:
        fix = Message(N_("lower train.micro_batch or data.sequence_length, or end other programs"))
        hopeless = needed > _HOPELESS * (_memory_bytes("MemTotal", "SwapTotal") or available)
        yield Check(
            "memory",
            "fail" if hopeless else "warn",
            Message(N_("about {needed} GiB needed, but {available} GiB available"), values),
            fix,
        )


def _available_memory() -> int | None:
    return _memory_bytes("MemAvailable")


def _memory_bytes(*names: str) -> int | None:
    """The sum of these entries of /proc/meminfo, None where there is none of them."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.partition(":")[0] in names]
    return sum(found) if found else None


def _cores(profile: Profile) -> Check:
    here, wanted = cores(), profile.launch.processes
    each = threads(profile) if profile.job != "command" else 1
    values = {"processes": wanted, "threads": each, "cores": here}
    if wanted * each > here and profile.job != "command":
        fix = Message(N_("lower train.threads or launch.processes; more threads than cores are slower"))
        return Check(
            "threads", "warn", Message(N_("{processes} × {threads} threads on {cores} cores"), values), fix
        )
    return Check("threads", "ok", Message(N_("{processes} × {threads} threads on {cores} cores"), values))


def _session() -> Check:
    rules = session_rules()
    if not rules.kills:
        return Check("session", "ok", Message(N_("runs outlive the login session here")))
    if rules.safe:
        return Check(
            "session",
            "ok",
            Message(N_("runs outlive the login session here, in a systemd scope of their own")),
        )
    fix = (
        Message(N_("loginctl enable-linger, once"))
        if not rules.lingers
        else Message(N_("log in so that systemd --user runs (XDG_RUNTIME_DIR is set)"))
    )
    return Check(
        "session", "warn", Message(N_("this machine kills what you leave running when you log out")), fix
    )


def _leftovers(workspace: Workspace, resume: RunDirectory | None) -> Iterator[Check]:
    """Processes of runs that are over take memory, and a GPU's too, from the next. What lies in another
    workspace matters here where it holds GPU memory."""
    by_run: dict[str, list[Leftover]] = {}
    for leftover in find():
        ours = Path(leftover.path).parent == workspace.logs
        if (ours or leftover.memory) and (resume is None or leftover.path != str(resume.path)):
            by_run.setdefault(leftover.run_id, []).append(leftover)
    for run_id, found in by_run.items():
        pids = ", ".join(str(leftover.identity.pid) for leftover in found)
        memory = sum(leftover.memory for leftover in found)
        values = {"run": run_id, "pids": pids, "memory": f"{memory / GIB:.1f}"}
        fix = Message(N_("headnode leftovers --clean ends them"))
        if memory:
            message = Message(
                N_("processes of {run}, which is over, hold {memory} GiB of GPU memory: {pids}"), values
            )
        else:
            message = Message(N_("processes of {run}, which is over, are still there: {pids}"), values)
        yield Check("leftovers", "warn", message, fix)
