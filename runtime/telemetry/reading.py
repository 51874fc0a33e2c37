"""One look at the accelerators, from a process that NVML must not be able to take down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from runtime.messages import Message
from runtime.telemetry.problems import Problem, problem_from_json
from runtime.telemetry.recording import devices_from_line
from runtime.telemetry.sample import DeviceSample
from runtime.telemetry.sampler import sampler_environment
from runtime.telemetry.simulation import simulated_source


@dataclass(frozen=True)
class DeviceReading:
    """All accelerators at one instant; `why` says why there are none (or not all of what is there)."""

    devices: list[DeviceSample]
    simulated: bool = False
    why: Problem | None = None

    @property
    def problem(self) -> Message | None:
        """`why` as a sentence."""
        return self.why.message if self.why is not None else None


def read_devices(timeout: float = 5.0) -> DeviceReading:
    """All accelerators of this machine now, read by a child process; `timeout` in seconds.

    Never raises: a driver that crashes or hangs its caller is told in `problem`.
    """
    script = simulated_source(settled=True)
    if script is not None:
        devices = script.sample()
        return DeviceReading(devices, simulated=True, why=script.problem)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "runtime.telemetry", "--devices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env=sampler_environment(),
            timeout=timeout,
            check=False,
        )
        line = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return DeviceReading([], why=Problem("no_answer"))
    except (OSError, ValueError, IndexError):
        return DeviceReading([], why=Problem("crashed"))
    if not isinstance(line, dict):
        return DeviceReading([], why=Problem("crashed"))
    return DeviceReading(devices_from_line(line), why=problem_from_json(line))


def usable(devices: Iterable[DeviceSample]) -> list[DeviceSample]:
    """The devices that a process can be put on: MIG instances instead of the device that they are cut from,
    and none that doesn't answer."""
    return [device for device in devices if device.state == "ok" and not device.mig]
