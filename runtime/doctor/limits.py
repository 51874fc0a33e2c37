"""What this login allows: limits of the shell, and whether runs outlive it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

from runtime.doctor.check import Check, Surroundings
from runtime.messages import N_, Message
from runtime.telemetry.cards import nvidia_cards

_UNLIMITED = resource.RLIM_INFINITY
_FEW_FILES, _TOO_FEW_FILES = 4096, 512
_FEW_PROCESSES = 4096
_LOCKED_BYTES = 64 << 20


def checks(surroundings: Surroundings) -> Iterator[Check]:
    """Open files, processes, locked memory, core files, and the login session."""
    yield files_check(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield processes_check(*resource.getrlimit(resource.RLIMIT_NPROC))
    fast_network = (surroundings.root / "sys/class/infiniband").is_dir()
    gpus = nvidia_cards(surroundings.root / "sys/bus/pci/devices") > 0
    yield locked_check(*resource.getrlimit(resource.RLIMIT_MEMLOCK), needed=fast_network or gpus)
    yield core_check(resource.getrlimit(resource.RLIMIT_CORE)[0], _core_pattern(surroundings.root))
    yield _session(surroundings.root)


def _shown(limit: int) -> str:
    return "unlimited" if limit == _UNLIMITED else f"{limit:,}"


def files_check(soft: int, hard: int) -> Check:
    """Judges how many files a process may have open."""
    title = Message(N_("open files"))
    values = {"soft": _shown(soft), "hard": _shown(hard)}
    data = {"soft": soft, "hard": hard}
    message = Message(N_("{soft} a process (ulimit -n), at most {hard}"), values)
    if soft == _UNLIMITED or soft >= _FEW_FILES:
        return Check("open_files", title, "ok", message, data=data)
    if hard == _UNLIMITED or hard >= _FEW_FILES:
        fix = Message(
            N_("ulimit -n {wanted}, in ~/.profile"), {"wanted": 65536 if hard < 0 else min(hard, 65536)}
        )
    else:
        fix = Message(N_("raise nofile in /etc/security/limits.conf, then log in again"))
    return Check("open_files", title, "fail" if soft < _TOO_FEW_FILES else "warn", message, fix, data)


def processes_check(soft: int, hard: int) -> Check:
    """Judges how many processes and threads a user may have."""
    title = Message(N_("processes"))
    data = {"soft": soft, "hard": hard}
    message = Message(N_("{soft} processes and threads (ulimit -u)"), {"soft": _shown(soft)})
    if soft == _UNLIMITED or soft >= _FEW_PROCESSES:
        return Check("processes", title, "ok", message, data=data)
    fix = Message(N_("raise nproc in /etc/security/limits.conf, then log in again"))
    return Check("processes", title, "warn", message, fix, data)


def locked_check(soft: int, hard: int, *, needed: bool) -> Check:
    """Judges how much memory may be locked, which transfers to GPUs and InfiniBand need."""
    title = Message(N_("locked memory"))
    data = {"soft": soft, "hard": hard}
    if soft == _UNLIMITED:
        return Check("locked_memory", title, "ok", Message(N_("unlimited (ulimit -l)")), data=data)
    message = Message(N_("{mebibytes:,.0f} MiB (ulimit -l)"), {"mebibytes": soft / 2**20})
    if not needed or soft >= _LOCKED_BYTES:
        return Check("locked_memory", title, "ok", message, data=data)
    fix = Message(
        N_(
            "set memlock to unlimited in /etc/security/limits.conf and log in again (docker run --ulimit "
            "memlock=-1)"
        )
    )
    return Check("locked_memory", title, "warn", message, fix, data)


def _core_pattern(root: Path) -> str:
    try:
        return (root / "proc/sys/kernel/core_pattern").read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def core_check(soft: int, pattern: str) -> Check:
    """Judges core files: of a training process they are as large as its memory."""
    title = Message(N_("core files"))
    data = {"soft": soft, "pattern": pattern}
    if soft == 0:
        return Check("core_files", title, "ok", Message(N_("off (ulimit -c)")), data=data)
    if pattern.startswith("|"):
        return Check("core_files", title, "ok", Message(N_("go to a program of the system")), data=data)
    message = Message(N_("on: a crash can write as much as the process has memory"))
    return Check("core_files", title, "warn", message, Message(N_("ulimit -c 0, in ~/.profile")), data)


def _session(root: Path) -> Check:
    from runtime.launch.session import session_rules

    rules, title = session_rules(root), Message(N_("after logout"))
    data = {"kills": rules.kills, "lingers": rules.lingers, "scopes": rules.scopes}
    if not rules.kills:
        return Check("session", title, "ok", Message(N_("runs go on")), data=data)
    if rules.safe:
        message = Message(N_("runs go on, in a systemd scope of their own (KillUserProcesses is set)"))
        return Check("session", title, "ok", message, data=data)
    message = Message(N_("runs are killed: KillUserProcesses is set in logind.conf"))
    fix = (
        Message(N_("log in so that systemd --user runs (XDG_RUNTIME_DIR is set)"))
        if rules.lingers
        else Message(N_("loginctl enable-linger, once"))
    )
    return Check("session", title, "fail", message, fix, data)
