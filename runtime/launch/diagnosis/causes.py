"""The finer causes that `evidence["cause"]` names, beneath the few reason codes; and which of them will
recur.

This is the one list: what is shown, what is advised and what is restarted all go by it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """`reason`: the reason code that it proves; None where it only refines one. `recurs`: another attempt
    would
    end the same way, whatever the machine does meanwhile."""

    reason: str | None = None
    recurs: bool = False


CAUSES: dict[str, Cause] = {
    # memory of a device
    "device_memory": Cause("oom_device"),
    # memory of the host
    "kernel_oom": Cause("oom_host"),  # the kernel's own word: its log, or the counter of the machine
    "cgroup_oom": Cause("oom_host"),  # the counter of the control group (a container, a Slurm step)
    "memory_limit": Cause("oom_host"),  # an allocation was refused: RLIMIT_AS, overcommit, MemoryError
    # communication
    "communication_timeout": Cause(),
    "connection_lost": Cause(),  # a peer went away, and none is found that went by itself
    "exited_early": Cause(),  # a rank left with exit code 0 while the others still worked
    "rendezvous_timeout": Cause(),  # the processes never found each other
    "port_in_use": Cause(),
    # standing still
    "stopped_by_signal": Cause(),  # SIGSTOP, a debugger
    "stuck_in_kernel": Cause(),  # state D: a disk, a file server, a driver
    "waiting_for_peers": Cause(),
    "data_starvation": Cause(),
    # the numbers
    "non_finite": Cause("non_finite"),
    "loss_spike": Cause("non_finite"),  # finite, but so far out that the spike guard ended the run
    # the disk
    "disk_full": Cause("disk_full"),
    "shared_memory": Cause(),  # /dev/shm is too small or full: SIGBUS of a data worker
    "too_many_files": Cause(recurs=True),
    # the environment
    "missing_module": Cause(recurs=True),
    "import_error": Cause(recurs=True),
    "missing_program": Cause(recurs=True),
    "syntax_error": Cause(recurs=True),
    "bad_arguments": Cause(recurs=True),
    "bad_profile": Cause("bad_profile", recurs=True),
    "cuda_mismatch": Cause(recurs=True),
    "no_device": Cause(recurs=True),
    "cuda_error": Cause(),
    "device_assert": Cause(),
    "device_busy": Cause(),
    "device_lost": Cause(),  # fallen off the bus, an uncorrectable ECC error
    # signals
    "killed": Cause(),  # SIGKILL, and no evidence of the kernel's hand in it
    "worker_killed": Cause(),  # a data worker, by a signal, and no evidence of the kernel's hand in it
    "segfault": Cause(),
    "bus_error": Cause(),
    "aborted": Cause(),
    "illegal_instruction": Cause(recurs=True),
    "sigterm": Cause("preempted"),
    "slurm_preempted": Cause("preempted"),
    "slurm_time_limit": Cause("preempted"),
    # a program's own failure
    "exception": Cause(),
    "no_exit_record": Cause(),
}


def recurs(cause: object) -> bool:
    """Whether another attempt would end the same way."""
    return isinstance(cause, str) and cause in CAUSES and CAUSES[cause].recurs
