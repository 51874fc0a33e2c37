"""Machines that aren't there: scripted devices for tests, for looking at the panel, and for the demo.

Each scene is a function of the sample's number, so that two looks at the same number are the same.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from runtime.telemetry.problems import Problem
from runtime.telemetry.sample import DeviceProcess, DeviceSample

GIB = 1 << 30
LOST_AFTER = 5
"""Samples after which the scene `lost` loses its device."""
RUNS = ("20261124-073012-olmo-1b-9c1e", "20261124-101544-adgen-lora-77aa")
"""The runs of a busy scene, unless others are named."""
_H100 = "NVIDIA H100 80GB HBM3"
_MIG_PROFILES = (("3g.40gb", 40), ("2g.20gb", 20), ("1g.10gb", 10), ("1g.10gb", 10))

Scene = Callable[[int, Sequence[str]], tuple[list[DeviceSample], Problem | None]]


def uuid(index: int) -> str:
    """The UUID of a simulated device; no real one looks like it."""
    return f"GPU-51111a7e-d000-4000-8000-{index:012d}"


def busy(count: int, number: int, runs: Sequence[str] = RUNS) -> list[DeviceSample]:
    """`count` H100: the first half trains one run, most of the others a second one; of the last two, one has
    a foreign process and one is idle. The fourth is too hot."""
    return [_busy_device(index, count, number, runs) for index in range(count)]


def idle(count: int) -> list[DeviceSample]:
    """`count` H100 that nobody uses."""
    return [_idle_device(index) for index in range(count)]


def _busy_device(index: int, count: int, number: int, runs: Sequence[str]) -> DeviceSample:
    first, second = runs[0], runs[-1]
    if index < (count + 1) // 2:
        return _training(index, number, first, hot=index == 3)
    if index < count - 2:
        return _training(index, number, second, hot=False)
    if index == count - 2:
        return _foreign(index, number)
    return _idle_device(index)


def _idle_device(index: int) -> DeviceSample:
    return DeviceSample(
        index=index,
        uuid=uuid(index),
        name=_H100,
        utilization=0.0,
        memory_utilization=0.0,
        memory_used=0,
        memory_total=80 * GIB,
        memory_reserved=593 << 20,
        power=71.0 + index % 3,
        power_limit=700.0,
        temperature=29.0 + index % 4,
        slowdown_temperature=87.0,
        sm_clock=345.0,
        memory_clock=2619.0,
        max_sm_clock=1980.0,
        max_memory_clock=2619.0,
        throttle=[],
        ecc_errors=0,
        ecc_errors_ever=0,
        remapped_rows=0,
        remap_failed=False,
        mig=False,
        persistence=True,
        pcie_generation=5,
        pcie_width=16,
        max_pcie_generation=5,
        max_pcie_width=16,
        pcie_received=0,
        pcie_sent=0,
        nvlinks=18,
        nvlink_received=0,
        nvlink_sent=0,
        processes=[],
        simulated=True,
    )


def _training(index: int, number: int, run: str, *, hot: bool) -> DeviceSample:
    wave = math.sin(number / 7 + index) + 0.4 * math.sin(number / 2.3 + 2 * index)
    dip = 45.0 if number % 40 == 39 else 0.0  # while it saves a checkpoint
    memory = int((71.2 - index / 10) * GIB)
    clock = 1305.0 + 15 * round(3 * wave) if hot else 1980.0
    return replace(
        _idle_device(index),
        utilization=round(min(100.0, max(0.0, 95.5 + 2 * wave - dip))),
        memory_utilization=round(46 + 5 * wave),
        memory_used=memory,
        power=round((540 if hot else 612) + 9 * wave - 3 * dip, 3),
        temperature=float(round((86 if hot else 63) + 1.5 * wave)),
        sm_clock=clock,
        throttle=["hw_thermal"] if hot else [],
        pcie_received=int(2.1e9 + 3e8 * wave),
        pcie_sent=int(9e8 + 1e8 * wave),
        nvlink_received=int(1.9e11 + 2e10 * wave),
        nvlink_sent=int(1.9e11 + 2e10 * wave),
        remapped_rows=1 if index == 1 else 0,
        processes=[DeviceProcess(410_200 + index, memory - (400 << 20), "python", run, _user())],
    )


def _foreign(index: int, number: int) -> DeviceSample:
    wave = math.sin(number / 5)
    return replace(
        _idle_device(index),
        utilization=round(34 + 20 * wave),
        memory_utilization=round(12 + 6 * wave),
        memory_used=int(21.5 * GIB),
        power=round(290 + 60 * wave, 3),
        temperature=float(round(48 + 3 * wave)),
        sm_clock=1980.0,
        pcie_received=int(4e7),
        pcie_sent=int(2e7),
        processes=[DeviceProcess(398_113, int(21.1 * GIB), "jupyter-lab", None, "mlin")],
    )


def _user() -> str:
    return os.environ.get("USER") or "you"


def _mig(number: int, runs: Sequence[str]) -> list[DeviceSample]:
    """Two H100: the first is cut into four instances, the second is whole."""
    parent = replace(
        _training(0, number, runs[0], hot=False),
        mig=True,
        utilization=None,  # the driver doesn't tell under MIG
        memory_utilization=None,
        pcie_received=None,
        pcie_sent=None,
        nvlinks=None,
        nvlink_received=None,
        nvlink_sent=None,
        memory_used=int(39.1 * GIB),
        processes=[],
    )
    return [
        parent,
        *(_instance(parent, slot, runs) for slot in range(4)),
        _training(1, number, runs[-1], hot=False),
    ]


def _instance(parent: DeviceSample, slot: int, runs: Sequence[str]) -> DeviceSample:
    profile, size = _MIG_PROFILES[slot]
    used = (int(36.4 * GIB), int(2.6 * GIB), 0, 0)[slot]
    processes = [
        [DeviceProcess(410_200, used - (200 << 20), "python", runs[0], _user())],
        [DeviceProcess(398_113, used - (200 << 20), "jupyter-lab", None, "mlin")],
    ]
    return DeviceSample(
        index=0,
        uuid=f"MIG-51111a7e-d000-4000-8000-{slot:012d}",
        name=f"{_H100} MIG {profile}",
        parent=parent.uuid,
        instance=slot,
        memory_used=used,
        memory_total=size * GIB,
        processes=processes[slot] if slot < 2 else [],
        simulated=True,
    )


def _lost(number: int, runs: Sequence[str]) -> list[DeviceSample]:
    """Eight H100, of which number 2 falls off the bus after LOST_AFTER samples."""
    devices = busy(8, number, runs)
    if number >= LOST_AFTER:
        devices[2] = DeviceSample(2, uuid(2), _H100, state="lost", simulated=True)
    return devices


def _unsupported(index: int) -> DeviceSample:
    """A board whose driver tells its name, and nothing else."""
    return DeviceSample(index, uuid(index), "NVIDIA GeForce GT 710", simulated=True)


def scene(name: str) -> Scene | None:
    """The scene of this name: a number of busy devices, `idle` or `idle-N`, `mig`, `lost`, `none`,
    `unsupported`; None for another name."""
    if name.isdecimal() and 0 < int(name) <= 64:
        count = int(name)
        return lambda number, runs: (busy(count, number, runs), None)
    if name == "idle" or (name.startswith("idle-") and name[5:].isdecimal() and 0 < int(name[5:]) <= 64):
        free = int(name[5:] or 8)
        return lambda number, runs: (idle(free), None)
    return _NAMED.get(name)


_NAMED: dict[str, Scene] = {
    "mig": lambda number, runs: (_mig(number, runs), None),
    "lost": lambda number, runs: (_lost(number, runs), None),
    "none": lambda number, runs: ([], Problem("no_driver", "NVML Shared Library Not Found")),
    "unsupported": lambda number, runs: ([_unsupported(index) for index in range(2)], None),
}
NAMES = ("8", "idle", *_NAMED)
"""What the help lists."""
