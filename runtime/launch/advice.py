"""What to do next about a run that came to grief: one or two sentences, from its record alone.

Each names a setting, a command or a place to look, with numbers where the evidence has them. What can't be
known
isn't advised.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from runtime.launch.advice_memory import device_memory, host_memory
from runtime.messages import N_, Message
from runtime.run.record import RunRecord

_BY_CAUSE: Mapping[str, str] = {
    "communication_timeout": N_("Look at the rank that was behind, not at those that waited for it."),
    "connection_lost": N_(
        "A process that this one talked to went away; its own log says why, if anything does."
    ),
    "rendezvous_timeout": N_(
        "Not all processes came; see that launch.processes is what the program expects."
    ),
    "stopped_by_signal": N_(
        "Somebody or something sent it SIGSTOP (ctrl+z, a debugger); kill -CONT lets it go on."
    ),
    "stuck_in_kernel": N_("It waits for a disk, a file server or a driver; look at dmesg and at the mounts."),
    "waiting_for_peers": N_(
        "All ranks wait for each other: one of them may have taken another path through the program."
    ),
    "data_starvation": N_(
        "It waited for data: more loader workers or a faster disk, or look at the source itself."
    ),
    "too_many_files": N_("Raise the limit of open files (ulimit -n) and launch again."),
    "import_error": N_("Packages that don't fit together: reinstall the one that is named, for this torch."),
    "syntax_error": N_("The program's text is wrong at the line that the log names."),
    "bad_arguments": N_("The program refuses its arguments: change command.argv in the profile."),
    "cuda_mismatch": N_(
        "torch and the NVIDIA driver don't fit: install the torch build for this driver, or a newer driver."
    ),
    "no_device": N_("No GPU is visible to it: see nvidia-smi, and launch.gpus in the profile."),
    "cuda_error": N_(
        'Run it once with CUDA_LAUNCH_BLOCKING: "1" under launch.env to see the call that failed.'
    ),
    "device_assert": N_(
        "An index is out of range on the device, a token id beyond the vocabulary most often; "
        'CUDA_LAUNCH_BLOCKING: "1" under launch.env shows where.'
    ),
    "device_busy": N_("Another process has the GPU to itself; nvidia-smi names it."),
    "device_lost": N_(
        "The GPU is faulty or was reset: leave it out of launch.gpus, and tell who runs the machine."
    ),
    "killed": N_("Somebody or something sent it SIGKILL; the kernel's memory killer did not."),
    "worker_killed": N_(
        "A process that loads data was killed, most often for want of host memory: fewer loader workers."
    ),
    "segfault": N_("A library crashed; its stack is in the log, and a newer or older version of it may not."),
    "bus_error": N_(
        "Most often shared memory ran out: fewer loader workers, or a larger /dev/shm (--shm-size)."
    ),
    "shared_memory": N_("Shared memory ran out: fewer loader workers, or a larger /dev/shm (--shm-size)."),
    "aborted": N_("A library ended it; the lines above in the log say why."),
    "illegal_instruction": N_(
        "A package was built for another processor: install one that was built for this."
    ),
    "slurm_preempted": N_("Slurm gave its place to another job."),
    "slurm_time_limit": N_("Slurm's time limit was reached: ask for more time."),
    "exited_early": N_(
        "The others wait for a rank that has left; see why its part of the work ended before theirs."
    ),
    "exception": N_("The traceback in the log leads to the place."),
    "no_exit_record": N_(
        "Something in it ends the process by itself (os._exit, sys.exit); the log's end shows where."
    ),
    "loss_spike": N_(
        "guard.spike.action can skip such steps or roll back instead; a lower learning rate or train.clip"
        " may spare them."
    ),
    "non_finite": N_(
        "Unchanged it comes to the same step again: guard.non_finite=skip (or rollback) leaves that out;"
        " a lower learning rate, more warm-up or train.clip may help."
    ),
}

_BY_REASON: Mapping[str, str] = {
    "non_finite": _BY_CAUSE["non_finite"],
    "bad_profile": N_("Change what is named in the profile and start a new run."),
    "preempted": N_(
        "Somebody or something sent SIGTERM to one of its processes: kill, a shutdown, a scheduler that"
        " needed the place."
    ),
    "supervisor_lost": N_(
        "Its supervisor ended with it: the end of a session (see “after logout” in headnode doctor) or of a"
        " container, most often, or somebody killed both."
    ),
    "unknown": N_("Nothing that can be read here says why; the machine's own log (dmesg) may."),
}


def advice(record: RunRecord) -> list[Message]:
    """The sentences, the most useful first; none for a run that is well."""
    evidence = record.evidence
    cause = evidence.get("cause")
    found = _special(
        record.reason, cause if isinstance(cause, str) else None, evidence, record.job == "command"
    )
    if not found and isinstance(cause, str) and cause in _BY_CAUSE:
        found = [Message(_BY_CAUSE[cause])]
    if not found and (record.reason or "") in _BY_REASON:
        found = [Message(_BY_REASON[record.reason or ""])]
    return [*found, *_no_restart(evidence)]


def _special(
    reason: str | None, cause: str | None, evidence: Mapping[str, Any], command: bool
) -> list[Message]:
    if reason == "oom_device" or cause == "device_memory":
        return device_memory(evidence)
    if reason == "oom_host":
        return host_memory(evidence)
    if reason == "disk_full" or cause == "disk_full":
        return [_disk(evidence)]
    if cause == "non_finite" and command:
        return [Message(N_("A lower learning rate, more warm-up or clipping of gradients may help."))]
    if cause is None and evidence.get("process") == "agent" and evidence.get("signal") == signal.SIGKILL:
        return [
            Message(N_("Somebody or something killed the process that starts the ranks and watches them."))
        ]
    if cause == "missing_module" and isinstance(evidence.get("module"), str):
        return [_module(str(evidence["module"]))]
    if cause == "missing_program":
        return [Message(N_("Install the program, or name it with its whole path in command.argv."))]
    if cause == "port_in_use" and isinstance(evidence.get("port"), int):
        text = N_("Something else listens on port {port}: ss -ltnp names it. Leave MASTER_PORT to Headnode.")
        return [Message(text, {"port": evidence["port"]})]
    if reason == "supervisor_lost" and evidence.get("rebooted"):
        return [Message(N_("Nothing of it is at fault: it went down with the machine."))]
    if reason == "hang" and cause is None:
        return [_hang(evidence)]
    return []


def _disk(evidence: Mapping[str, Any]) -> Message:
    free = evidence.get("disk_free")
    if isinstance(free, int | float):
        text = N_(
            "Make room where it was writing ({free} are free now on the disk of the run itself); old"
            " checkpoints are the first place to look."
        )
        return Message(
            text, {"free": f"{free / 2**30:.1f} GiB" if free >= 2**30 else f"{free / 2**20:.0f} MiB"}
        )
    return Message(N_("Make room first; old checkpoints are the first place to look."))


_PACKAGES = {
    "cv2": "opencv-python",
    "yaml": "PyYAML",
    "PIL": "Pillow",
    "sklearn": "scikit-learn",
    "flash_attn": "flash-attn",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "google.protobuf": "protobuf",
    "Crypto": "pycryptodome",
    "skimage": "scikit-image",
    "apex": "apex",
    "transformer_engine": "transformer-engine",
}
"""Packages that are named otherwise than the module that they install."""


def _module(module: str) -> Message:
    package = _PACKAGES.get(module) or _PACKAGES.get(module.partition(".")[0]) or module.partition(".")[0]
    text = N_("Install it into the environment that runs the job (pip install {package}), then launch again.")
    return Message(text, {"package": package})


def _hang(evidence: Mapping[str, Any]) -> Message:
    stacks, rank = evidence.get("stacks"), evidence.get("rank")
    own = stacks.get(str(rank)) if isinstance(stacks, Mapping) else None
    at = own.get("at") if isinstance(own, Mapping) else None
    if isinstance(at, str):
        text = N_("Look at {place}, where rank {rank} stood; the log has the stack of every rank.")
        return Message(text, {"place": at, "rank": rank})
    none = own.get("none") if isinstance(own, Mapping) else None
    if isinstance(none, str):
        return Message(N_("There is no stack of rank {rank}: {why}."), {"rank": rank, "why": none})
    return Message(N_("If the phase needs longer than that, raise its limit under launch.hang."))


def _no_restart(evidence: Mapping[str, Any]) -> list[Message]:
    """Why there was no further attempt, where some were allowed."""
    why = evidence.get("no_restart")
    texts = {
        "recurs": N_("It wasn't tried again, since it would end the same way."),
        "repeats": N_("It wasn't tried again, since the same step failed in the same way twice."),
        "max_restarts": N_("All restarts that launch.max_restarts allows are used up."),
        "missing_environment": N_("It wasn't tried again, since its environment is no longer known."),
    }
    return [Message(texts[why])] if isinstance(why, str) and why in texts else []
