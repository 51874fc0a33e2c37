"""The finer causes of an end in a few words, and doubts of a reader about what a record says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.format import duration
from tui.i18n import N_, _

CAUSE_WORDS = {
    "device_memory": N_("out of device memory"),
    "kernel_oom": N_("out of host memory: the kernel killed it"),
    "cgroup_oom": N_("out of memory in its container or control group"),
    "memory_limit": N_("out of host memory: an allocation was refused"),
    "communication_timeout": N_("a collective timed out"),
    "connection_lost": N_("the connection to another rank was lost"),
    "exited_early": N_("a rank left while others still worked"),
    "rendezvous_timeout": N_("the processes did not find each other"),
    "port_in_use": N_("its port is in use"),
    "stopped_by_signal": N_("it hung: stopped by a signal"),
    "stuck_in_kernel": N_("it hung: stuck in the kernel"),
    "waiting_for_peers": N_("it hung in a collective"),
    "data_starvation": N_("it hung waiting for data"),
    "non_finite": N_("the loss was not finite"),
    "loss_spike": N_("a step stood out of all before it"),
    "disk_full": N_("the disk is full"),
    "shared_memory": N_("out of shared memory"),
    "too_many_files": N_("too many open files"),
    "missing_module": N_("a module is missing"),
    "import_error": N_("an import failed"),
    "missing_program": N_("its program was not found"),
    "syntax_error": N_("its program has a syntax error"),
    "bad_arguments": N_("its program refused its arguments"),
    "bad_profile": N_("it can't run as its profile says"),
    "cuda_mismatch": N_("torch and the NVIDIA driver don't fit"),
    "no_device": N_("no GPU is visible to it"),
    "cuda_error": N_("a CUDA call failed"),
    "device_assert": N_("an assertion failed on the device"),
    "device_busy": N_("the GPU is taken"),
    "device_lost": N_("the GPU failed"),
    "sigterm": N_("stopped by SIGTERM from outside"),
    "killed": N_("killed by SIGKILL from outside"),
    "worker_killed": N_("a data worker was killed"),
    "segfault": N_("a library crashed (SIGSEGV)"),
    "bus_error": N_("bus error (SIGBUS)"),
    "aborted": N_("a library aborted it (SIGABRT)"),
    "illegal_instruction": N_("illegal instruction (SIGILL)"),
    "slurm_preempted": N_("preempted by Slurm"),
    "slurm_time_limit": N_("Slurm's time limit was reached"),
    "no_exit_record": N_("it left without having finished"),
}
"""Of `runtime.launch.diagnosis.causes`; `exception` says nothing that the reason doesn't."""


def cause_words(evidence: Mapping[str, Any]) -> str:
    """The finer cause in a few words, "" where there is none to name."""
    cause = evidence.get("cause")
    return _(CAUSE_WORDS[cause]) if isinstance(cause, str) and cause in CAUSE_WORDS else ""


def doubt_words(doubt: Mapping[str, Any], now: float | None) -> str:
    """ "supervisor gone 3m": what a reader sees that the record doesn't say."""
    since = doubt.get("since")
    age = (
        duration(max(0.0, now - since), parts=1) if isinstance(since, int | float) and now is not None else ""
    )
    gone = _("processes gone") if doubt.get("kind") == "processes_gone" else _("supervisor gone")
    return _("{what} {age}").format(what=gone, age=age) if age else gone
