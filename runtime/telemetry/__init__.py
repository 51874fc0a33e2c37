"""What the machine does: accelerators (NVML) and the host (psutil).

Reading NVML can crash or hang the process that does it, so neither the panel nor a supervisor reads it
itself: they start `python -m runtime.telemetry` through `SamplerProcess` and read one JSON line a sample.
"""

from runtime.telemetry.problems import Problem
from runtime.telemetry.reading import DeviceReading, read_devices, usable
from runtime.telemetry.sample import DeviceProcess, DeviceSample, DeviceSource, HostSample, ScriptedSource
from runtime.telemetry.sampler import SamplerProcess

__all__ = [
    "DeviceProcess",
    "DeviceReading",
    "DeviceSample",
    "DeviceSource",
    "HostSample",
    "Problem",
    "SamplerProcess",
    "ScriptedSource",
    "read_devices",
    "usable",
]
