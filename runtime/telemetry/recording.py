"""Devices as telemetry lines hold them, read back: recordings, and what the sampler's child prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from runtime.telemetry.problems import Problem, problem_from_json
from runtime.telemetry.sample import DeviceProcess, DeviceSample

_DEVICE = {field.name for field in fields(DeviceSample)} - {"index", "processes"}
_PROCESS = {field.name for field in fields(DeviceProcess)} - {"pid"}

Recorded = tuple[list[DeviceSample], Problem | None]


def device_from_json(value: Mapping[str, Any], position: int = 0) -> DeviceSample:
    """A device of a line's `gpus`; unknown keys are ignored, missing values are None."""
    known = {key: item for key, item in value.items() if key in _DEVICE and item is not None}
    index = value.get("index")
    processes = value.get("processes")
    return DeviceSample(
        index=index if isinstance(index, int) else position,
        processes=None
        if not isinstance(processes, list)
        else [_process(item) for item in processes if _is_process(item)],
        **known,
    )


def devices_from_line(line: Mapping[str, Any]) -> list[DeviceSample]:
    """The devices of a telemetry line."""
    gpus = line.get("gpus")
    entries = gpus if isinstance(gpus, list) else []
    return [
        device_from_json(entry, position) for position, entry in enumerate(entries) if isinstance(entry, dict)
    ]


def read_recording(path: Path) -> list[Recorded]:
    """The samples of a file of telemetry lines, each device marked as simulated.

    A line that is none is left out. Raises OSError.
    """
    samples: list[Recorded] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("gpus"), list):
                devices = [replace(device, simulated=True) for device in devices_from_line(line)]
                samples.append((devices, problem_from_json(line)))
    return samples


def _is_process(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("pid"), int)


def _process(value: Mapping[str, Any]) -> DeviceProcess:
    known = {key: item for key, item in value.items() if key in _PROCESS and item is not None}
    return DeviceProcess(pid=value["pid"], **known)
