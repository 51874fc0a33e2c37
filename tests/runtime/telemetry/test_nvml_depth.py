"""What goes beyond one call a value: counters, MIG instances, retired pages, devices that vanish."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.telemetry import usable
from runtime.telemetry.nvml import NvmlSource

from .fake_nvml import GIB, FakeNvml, lost, not_supported
from .waiting import wait_for


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def source(fake: Any, clock: Clock, **options: Any) -> NvmlSource:
    return NvmlSource(fake, same_pid_namespace=False, clock=clock, **options)


def counters(*values: int | None) -> list[SimpleNamespace]:
    """Field values as nvmlDeviceGetFieldValues gives them: 64-bit numbers, None for one without support."""
    return [
        SimpleNamespace(nvmlReturn=3 if v is None else 0, valueType=3, value=SimpleNamespace(ullVal=v or 0))
        for v in values
    ]


def test_links_and_pcie_are_rates_between_two_looks() -> None:
    fake, clock = FakeNvml(1), Clock()
    answers = [counters(100, 200, 0, 5_000), counters(300, 200, 4_000, 9_000)]
    fake.nvmlDeviceGetFieldValues = lambda handle, fields: answers.pop(0)  # type: ignore[attr-defined]
    nvml = source(fake, clock)
    first = nvml.sample()[0]
    assert (first.nvlink_sent, first.nvlink_received, first.pcie_sent, first.pcie_received) == (None,) * 4
    clock.now = 2.0
    second = nvml.sample()[0]
    assert (second.nvlink_sent, second.nvlink_received) == (200 * 1024 // 2, 0)
    assert (second.pcie_sent, second.pcie_received) == (2_000, 2_000)


def test_a_counter_that_began_anew_is_no_rate() -> None:
    fake, clock = FakeNvml(1), Clock()
    answers = [counters(500, 500, None, None), counters(10, 600, None, None)]
    fake.nvmlDeviceGetFieldValues = lambda handle, fields: answers.pop(0)  # type: ignore[attr-defined]
    nvml = source(fake, clock)
    nvml.sample()
    clock.now = 1.0
    device = nvml.sample()[0]
    assert (device.nvlink_sent, device.nvlink_received) == (None, 100 * 1024)
    assert (device.pcie_sent, device.pcie_received) == (None, None)


def test_pcie_without_counters_is_measured_in_a_thread_of_its_own() -> None:
    fake, clock = FakeNvml(1), Clock()
    threads: set[str] = set()

    def measured(handle: int, direction: int) -> int:
        threads.add(threading.current_thread().name)
        return 1000 + direction

    fake.nvmlDeviceGetPcieThroughput = measured  # type: ignore[attr-defined]
    nvml = source(fake, clock, pcie=True)
    try:
        device = wait_for(lambda: next((d for d in nvml.sample() if d.pcie_received is not None), None))
    finally:
        nvml.close()
    assert (device.pcie_sent, device.pcie_received) == (1000 * 1024, 1001 * 1024)
    assert threads == {"pcie"}


def test_retired_pages_stand_for_remapped_rows_on_older_boards() -> None:
    fake = FakeNvml(1)
    fake.overrides[0] = {"nvmlDeviceGetRemappedRows": not_supported}
    fake.nvmlDeviceGetRetiredPages = lambda handle, cause: [1] * (cause + 1)  # type: ignore[attr-defined]
    device = source(fake, Clock()).sample()[0]
    assert (device.remapped_rows, device.remap_failed) == (3, None)


def _with_mig(fake: FakeNvml) -> None:
    """Device 0 has instances in places 0 and 2, whose handles are 100 and 102."""

    def instance(handle: int, place: int) -> int:
        if place not in (0, 2):
            raise FakeNvml.NVMLError(6)
        return 100 + place

    fake.overrides[0] = {"nvmlDeviceGetMigMode": lambda *_: [1, 1]}
    fake.nvmlDeviceGetMaxMigDeviceCount = lambda handle: 7  # type: ignore[attr-defined]
    fake.nvmlDeviceGetMigDeviceHandleByIndex = instance  # type: ignore[attr-defined]
    for handle in (100, 102):
        fake.overrides[handle] = {
            "nvmlDeviceGetUUID": lambda handle: f"MIG-{handle}",
            "nvmlDeviceGetMemoryInfo": lambda *_: SimpleNamespace(total=10 * GIB, used=GIB, reserved=0),
        }


def test_mig_instances_follow_their_device_with_uuids_and_memory_of_their_own() -> None:
    fake = FakeNvml(2)
    _with_mig(fake)
    devices = source(fake, Clock()).sample()
    assert [(d.index, d.instance, d.uuid) for d in devices] == [
        (0, None, "GPU-00000000"),
        (0, 0, "MIG-100"),
        (0, 2, "MIG-102"),
        (1, None, "GPU-00000001"),
    ]
    assert devices[1].parent == "GPU-00000000"
    assert (devices[1].memory_used, devices[1].memory_total) == (GIB, 10 * GIB)
    assert [p.pid for p in devices[1].processes or ()] == [4242 + 100]
    assert devices[0].processes == []  # the driver repeats those of the instances here


def test_a_process_can_be_put_on_instances_and_not_on_their_device_nor_on_a_lost_one() -> None:
    fake = FakeNvml(3)
    _with_mig(fake)
    fake.overrides[2] = {"nvmlDeviceGetPowerUsage": lost}
    devices = source(fake, Clock()).sample()
    assert [d.uuid for d in usable(devices)] == ["MIG-100", "MIG-102", "GPU-00000001"]


def test_a_device_that_the_driver_no_longer_counts_stays_listed_as_lost() -> None:
    fake = FakeNvml(2)
    nvml = source(fake, Clock())
    nvml.sample()
    fake.devices = 1
    fake.overrides[1] = {"nvmlDeviceGetHandleByIndex": lost}
    assert [(d.uuid, d.state) for d in nvml.sample()] == [("GPU-00000000", "ok"), ("GPU-00000001", "lost")]


def test_a_driver_without_devices_says_so() -> None:
    nvml = source(FakeNvml(0), Clock())
    assert nvml.sample() == []
    assert nvml.problem is not None
    assert "--gpus all" in str(nvml.problem)


@pytest.mark.parametrize(
    ("code", "fix"),
    [(4, "/dev/nvidia"), (15, "reboot"), (18, "reload"), (999, "says: code 999")],
    ids=["no permission", "all lost", "version mismatch", "unknown"],
)
def test_why_there_are_no_devices_comes_with_the_fix(code: int, fix: str) -> None:
    fake = FakeNvml(1)
    fake.init_error = code
    nvml = source(fake, Clock())
    assert nvml.sample() == []
    assert fix in str(nvml.problem)


def test_what_hardly_changes_is_not_asked_for_at_every_look() -> None:
    fake, clock = FakeNvml(1), Clock()
    asked: list[float] = []

    def limit(*_: object) -> int:
        asked.append(clock.now)
        return 700_000

    fake.overrides[0] = {"nvmlDeviceGetEnforcedPowerLimit": limit}
    nvml = source(fake, clock)
    for second in range(0, 120, 2):
        clock.now = float(second)
        assert nvml.sample()[0].power_limit == 700.0
    assert asked == [0.0, 60.0]
