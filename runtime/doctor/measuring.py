"""Measurements that take a while and so are made on request only: disk and collective communication."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime.doctor.check import Check, Progress, Surroundings
from runtime.doctor.disk_speed import measure_disk
from runtime.doctor.reduce_speed import measure_all_reduce
from runtime.messages import N_, Message


@dataclass(frozen=True)
class Measurement:
    """`run(surroundings, progress)` takes up to about `seconds`, and leaves nothing behind."""

    name: str
    title: Message
    about: Message
    seconds: int
    run: Callable[[Surroundings, Progress], Check]


MEASUREMENTS = (
    Measurement(
        "disk_speed",
        Message(N_("disk speed")),
        Message(N_("writes up to 1 GiB into logs/, waits until it is on the disk, and deletes it")),
        15,
        measure_disk,
    ),
    Measurement(
        "all_reduce",
        Message(N_("all-reduce")),
        Message(N_("how fast processes exchange gradients: NCCL between GPUs, else gloo on the CPU")),
        60,
        measure_all_reduce,
    ),
)
