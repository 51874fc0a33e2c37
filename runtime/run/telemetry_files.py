"""`telemetry-<node>.jsonl`: GPU and host samples of a node, one line each. What couldn't be measured is None,
never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.run.files import SCHEMA, JsonlAppender, number
from runtime.run.tail import JsonlTail, read_last_records


@dataclass(frozen=True)
class GpuSample:
    """One GPU: utilization in percent, memory in bytes, power in watts, temperature in °C; `other` holds
    further fields.
    """

    index: int | None
    uuid: str | None
    name: str | None
    utilization: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    power: float | None = None
    temperature: float | None = None
    other: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TelemetrySample:
    """One sample: Unix seconds, percent, bytes."""

    time: float
    node: str
    cpu_percent: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    disk_free: int | None = None
    gpus: tuple[GpuSample, ...] = ()


_GPU_FIELDS = frozenset(GpuSample.__dataclass_fields__) - {"other"}


def sample_from_json(value: Mapping[str, Any]) -> TelemetrySample | None:
    """The sample that a line holds, None where it has no time."""
    moment = number(value.get("time"))
    if moment is None:
        return None
    gpus = value.get("gpus")
    return TelemetrySample(
        time=moment,
        node=_text(value.get("node")) or "",
        cpu_percent=number(value.get("cpu_percent")),
        memory_used=_whole(value.get("memory_used")),
        memory_total=_whole(value.get("memory_total")),
        disk_free=_whole(value.get("disk_free")),
        gpus=tuple(_gpu(gpu) for gpu in gpus if isinstance(gpu, dict)) if isinstance(gpus, list) else (),
    )


def _gpu(value: Mapping[str, Any]) -> GpuSample:
    return GpuSample(
        index=_whole(value.get("index")),
        uuid=_text(value.get("uuid")),
        name=_text(value.get("name")),
        utilization=number(value.get("utilization")),
        memory_used=_whole(value.get("memory_used")),
        memory_total=_whole(value.get("memory_total")),
        power=number(value.get("power")),
        temperature=number(value.get("temperature")),
        other={key: item for key, item in value.items() if key not in _GPU_FIELDS},
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class TelemetryWriter:
    """Appends samples as the sampler gives them (a mapping with the fields of `TelemetrySample`)."""

    def __init__(self, path: Path) -> None:
        self._appender = JsonlAppender(path)

    def write(self, sample: Mapping[str, Any]) -> None:
        """Appends one sample. Raises OSError as the disk does."""
        self._appender.append({"schema": SCHEMA, **sample})

    def close(self) -> None:
        """Closes the file."""
        self._appender.close()


class TelemetryTail:
    """The samples of a node as they come. `resets` changes where the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._tail = JsonlTail(path)

    @property
    def resets(self) -> int:
        return self._tail.resets

    def poll(self) -> list[TelemetrySample]:
        """The samples since the last poll."""
        return _samples(self._tail.poll())


def read_last_samples(path: Path, at_most: int = 256) -> list[TelemetrySample]:
    """The last samples of a file, oldest first, without reading all of it."""
    return _samples(read_last_records(path, at_most, window=max(64 << 10, at_most * 4096)))


def _samples(records: list[dict[str, Any]]) -> list[TelemetrySample]:
    return [sample for record in records if (sample := sample_from_json(record)) is not None]
