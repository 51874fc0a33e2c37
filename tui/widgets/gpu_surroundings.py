"""What the sampler doesn't tell of a machine's devices: who has leased them, how many CPU slots there are,
and what runs recorded before the panel was opened. Reads files: not for the panel's thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.store.telemetry import read_sample

if TYPE_CHECKING:
    from runtime.launch.leases import Lease
    from runtime.run.layout import RunDirectory
    from tui.store.device_history import DeviceHistory

_RUNS, _SAMPLES = 4, 720  # an hour at one every five seconds


@dataclass(frozen=True)
class Surroundings:
    """`leases` by device; `slots` for runs without a GPU, None while unknown; `seeded`: the history has grown
    at its beginning."""

    leases: Mapping[str, Lease] = field(default_factory=dict)
    slots: int | None = None
    seeded: bool = False


def surroundings(runs: Sequence[RunDirectory], history: DeviceHistory) -> Surroundings:
    """Leases and slots now; what `runs` recorded of this machine goes into the history."""
    from runtime.launch.devices import slot_count
    from runtime.launch.leases import held

    seeded = False
    for run in list(runs)[:_RUNS]:
        seeded |= _seed(run, history)
    return Surroundings(held(), slot_count(), seeded)


def _seed(run: RunDirectory, history: DeviceHistory) -> bool:
    import platform

    from runtime.run.tail import read_last_records

    lines = read_last_records(run.telemetry(platform.node()), _SAMPLES, window=4 << 20)
    samples = [sample for line in lines if (sample := read_sample(line)) is not None]
    history.add_earlier(samples)
    return bool(samples)
