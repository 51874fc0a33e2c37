"""Advice where memory ran out, with the numbers of the message and of the estimate that was made at
launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.messages import N_, Message

_GIB = 1 << 30
_ROOM = 0.92
"""Share of a device that an estimate may fill: what it doesn't count (the context, fragments) needs the
rest."""

_FRAGMENTS = 0.1
"""Share of a device, reserved but unallocated, from which on its memory counts as fragmented."""

_FOREIGN = 1 << 30  # bytes that another process holds, from which on it is worth a word


def device_memory(evidence: Mapping[str, Any]) -> list[Message]:
    """Who else holds memory; or which micro-batch would fit; or what else can be made smaller."""
    oom = _mapping(evidence.get("oom"))
    capacity = _whole(oom.get("capacity"))
    found = _others(oom)
    found += _smaller(_mapping(evidence.get("plan")), capacity)
    if not found and capacity and (_whole(oom.get("unallocated")) or 0) > _FRAGMENTS * capacity:
        text = N_(
            "{amount} GiB are reserved but unused: PYTORCH_CUDA_ALLOC_CONF: expandable_segments:True "
            "under launch.env keeps memory from falling into fragments."
        )
        found.append(Message(text, {"amount": gib(oom["unallocated"])}))
    if not found:
        found.append(Message(N_("A smaller micro-batch (or sequence length) needs less memory.")))
    return found


def _others(oom: Mapping[str, Any]) -> list[Message]:
    others = [item for item in oom.get("others") or () if isinstance(item, Mapping)]
    foreign = [item for item in others if (_whole(item.get("bytes")) or 0) >= _FOREIGN]
    if not foreign:
        return []
    largest = max(foreign, key=lambda item: int(item["bytes"]))
    text = N_("Process {pid} holds {amount} GiB of GPU {device}; headnode gpus says whose it is.")
    return [
        Message(
            text, {"pid": largest.get("pid"), "amount": gib(largest["bytes"]), "device": oom.get("device", 0)}
        )
    ]


def _smaller(plan: Mapping[str, Any], capacity: int | None) -> list[Message]:
    """The largest smaller micro-batch that fits, where one is known."""
    options = [item for item in plan.get("options") or () if isinstance(item, Mapping)]
    now, needed = plan.get("micro_batch"), _whole(plan.get("bytes"))
    if needed is None or now is None:
        return []
    fitting = [item for item in options if capacity is None or item["bytes"] <= _ROOM * capacity]
    if fitting:
        best = max(fitting, key=lambda item: int(item["micro_batch"]))
        values = {"before": now, "after": best["micro_batch"], "need": gib(best["bytes"])}
        if capacity is None:
            text = N_("train.micro_batch {before} → {after} would need {need} instead of {now} GiB a device.")
            return [Message(text, {**values, "now": gib(needed)})]
        text = N_("train.micro_batch {before} → {after} would need {need} of {capacity} GiB a device.")
        return [Message(text, {**values, "capacity": gib(capacity)})]
    least = options[-1] if options else {"micro_batch": now, "bytes": needed}
    if capacity is None:
        return []
    if least["bytes"] <= _ROOM * capacity:
        return []  # the estimate says that it fits: it doesn't know what took the memory
    text = N_(
        "Even train.micro_batch {least} needs {need} of {capacity} GiB a device: "
        "a smaller model or sequence length, or a larger device."
    )
    return [
        Message(text, {"least": least["micro_batch"], "need": gib(least["bytes"]), "capacity": gib(capacity)})
    ]


def host_memory(evidence: Mapping[str, Any]) -> list[Message]:
    """By who refused: the kernel, the control group, a limit of the process."""
    cause = evidence.get("cause")
    if cause == "cgroup_oom":
        return [
            Message(
                N_("Its container or Slurm step has too little memory: ask for more, or use fewer processes.")
            )
        ]
    if cause == "memory_limit":
        wanted = _whole(_mapping(evidence.get("oom")).get("wanted"))
        if wanted:
            text = N_("It asked for {amount} GiB at once and was refused; see ulimit -v, and what it loads.")
            return [Message(text, {"amount": gib(wanted)})]
        return [Message(N_("An allocation was refused; see ulimit -v, and what it loads."))]
    return [Message(N_("The machine ran out of memory: fewer processes or loader workers need less of it."))]


def gib(amount: object) -> str:
    """Bytes as GiB, as many digits as tell something."""
    value = float(amount) / _GIB if isinstance(amount, int | float) else 0.0
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
