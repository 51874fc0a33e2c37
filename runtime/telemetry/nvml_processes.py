"""The processes on an NVIDIA device.

The C structure of the answer grew twice. A library and a module that disagree about it give scrambled
pids rather than an error, so the versions are tried from the newest, and an answer that can't be true
counts as a disagreement.
"""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Any

from runtime.process_environment import environment_bytes
from runtime.telemetry.nvml_calls import MISSING, UNREADABLE, NvmlCalls, count
from runtime.telemetry.sample import DeviceProcess

_VERSIONS = (
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetComputeRunningProcesses_v2",
    "nvmlDeviceGetComputeRunningProcesses",
)
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of the kernel
_LARGEST_PID = 1 << 22  # PID_MAX_LIMIT of 64-bit kernels


class ProcessReader:
    """Reads the compute processes of a device, with the version of the call that fits this driver."""

    def __init__(self, calls: NvmlCalls, *, same_namespace: bool | None = None) -> None:
        """`same_namespace`: whether NVML's pids are this process's pids; found out when None."""
        self._calls = calls
        self._versions = [name for name in _VERSIONS if calls.has(name)]
        self._same_namespace = _in_initial_namespace() if same_namespace is None else same_namespace
        self._names: dict[int, tuple[str | None, str | None, str | None]] = {}
        self._users: dict[int, str] = {}

    def read(self, handle: Any) -> list[DeviceProcess] | None:
        """None when the driver doesn't tell. Raises DeviceLost."""
        while self._versions:
            answer, code = self._calls.ask(self._versions[0], handle)
            if code in (MISSING, UNREADABLE) or (code == 0 and not _plausible(answer)):
                del self._versions[0]
                continue
            if code != 0:
                return None
            return [self._process(entry) for entry in answer]
        return None

    def forget(self, alive: set[int]) -> None:
        """Drops what is remembered of processes that are on no device any more."""
        self._names = {pid: names for pid, names in self._names.items() if pid in alive}

    def _process(self, entry: Any) -> DeviceProcess:
        pid = int(entry.pid)
        memory = count(getattr(entry, "usedGpuMemory", None))
        if not self._same_namespace:
            return DeviceProcess(pid, memory)
        if pid not in self._names:
            self._names[pid] = (_name(pid), _run(pid), self._user(pid))
        return DeviceProcess(pid, memory, *self._names[pid])

    def _user(self, pid: int) -> str | None:
        """Whose process it is; the number where the machine has no name for it."""
        try:
            uid = Path(f"/proc/{pid}").stat().st_uid
        except OSError:
            return None
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]


def _plausible(answer: Any) -> bool:
    if not isinstance(answer, (list, tuple)):
        return False
    pids = [getattr(entry, "pid", None) for entry in answer]
    return all(isinstance(pid, int) and 0 < pid <= _LARGEST_PID for pid in pids)


def _in_initial_namespace() -> bool:
    try:
        return str(Path("/proc/self/ns/pid").readlink()) == _INITIAL_PID_NAMESPACE
    except OSError:
        return False


def _name(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").rstrip("\n") or None
    except OSError:
        return None


def _run(pid: int) -> str | None:
    """The run that a process belongs to; other people's environments can't be read."""
    for entry in environment_bytes(pid).split(b"\0"):
        if entry.startswith(b"HEADNODE_RUN="):
            return entry.partition(b"=")[2].decode("utf-8", "replace") or None
    return None
