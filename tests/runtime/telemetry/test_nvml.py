"""NVML's values and failures, by a scripted pynvml."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from runtime.telemetry.nvml import NvmlSource
from runtime.telemetry.sample import DeviceProcess, DeviceSample

from .fake_nvml import GIB, NAMES, FakeNvml, lost, not_supported, undecodable


def _user() -> str:
    return psutil.Process().username()


def source(fake: Any, **options: Any) -> NvmlSource:
    options.setdefault("same_pid_namespace", False)
    return NvmlSource(fake, **options)


def test_eight_devices_are_read_with_their_units() -> None:
    devices = source(FakeNvml(8)).sample()
    assert [device.index for device in devices] == list(range(8))
    assert devices[3] == DeviceSample(
        index=3,
        uuid="GPU-00000003",
        name="NVIDIA H100 80GB HBM3",
        utilization=93.0,
        memory_utilization=40.0,
        memory_used=9 * GIB,
        memory_total=80 * GIB,
        memory_reserved=GIB,
        power=612.345,
        power_limit=700.0,
        temperature=64.0,
        slowdown_temperature=87.0,
        sm_clock=1980.0,
        memory_clock=2619.0,
        max_sm_clock=1980.0,
        max_memory_clock=2619.0,
        fan=30.0,
        throttle=["sw_power_cap"],
        ecc_errors=0,
        ecc_errors_ever=4,
        remapped_rows=2,
        remap_failed=False,
        mig=False,
        persistence=True,
        pcie_generation=4,
        pcie_width=16,
        max_pcie_generation=5,
        max_pcie_width=16,
        nvlinks=18,
        processes=[DeviceProcess(4245, 8 * GIB)],
    )


@pytest.mark.parametrize("fault", [not_supported, undecodable], ids=["not supported", "undecodable"])
@pytest.mark.parametrize("name", sorted(NAMES.values()))
def test_one_failing_call_costs_its_own_value_only(name: str, fault: Any) -> None:
    fake = FakeNvml(1)
    whole = source(fake).sample()[0]
    fake.overrides[0] = {name: fault}
    device = source(fake).sample()[0]
    changed = {
        field.name for field in fields(device) if getattr(device, field.name) != getattr(whole, field.name)
    }
    assert changed
    assert all(getattr(device, field) is None for field in changed)
    assert len(changed) <= 2  # one call gives at most two values


def test_a_device_that_supports_nothing_has_no_values_and_no_zeros() -> None:
    fake = FakeNvml(1)
    fake.overrides[0] = dict.fromkeys(NAMES.values(), not_supported)
    device = source(fake).sample()[0]
    values = {field.name: getattr(device, field.name) for field in fields(device)}
    known = {name: value for name, value in values.items() if value is not None}
    memory = {"memory_used", "memory_total", "memory_reserved", "unified"}  # a call that isn't in NAMES
    assert set(known) == {"index", "state", "simulated"} | memory


def test_a_lost_device_keeps_its_name_and_the_others_stay() -> None:
    fake = FakeNvml(3)
    nvml = source(fake)
    nvml.sample()
    fake.overrides[1] = {"nvmlDeviceGetPowerUsage": lost}
    devices = nvml.sample()
    assert devices[1] == DeviceSample(
        index=1, uuid="GPU-00000001", name="NVIDIA H100 80GB HBM3", state="lost"
    )
    assert [device.state for device in devices] == ["ok", "lost", "ok"]
    fake.overrides[1] = {"nvmlDeviceGetHandleByIndex": lost}
    assert nvml.sample()[1].state == "lost"
    fake.overrides.clear()
    assert nvml.sample()[1].state == "ok"


def test_a_handle_that_cant_be_had_is_unreadable() -> None:
    fake = FakeNvml(2)
    fake.overrides[0] = {"nvmlDeviceGetHandleByIndex": not_supported}
    assert [device.state for device in source(fake).sample()] == ["unreadable", "ok"]


@pytest.mark.parametrize(
    "code", [9, 12, 18], ids=["driver not loaded", "library not found", "version mismatch"]
)
def test_without_a_driver_there_are_no_devices_and_a_reason(code: int) -> None:
    fake = FakeNvml()
    fake.init_error = code
    nvml = source(fake)
    assert nvml.sample() == []
    assert nvml.problem is not None
    assert nvml.problem.detail == f"code {code}"


def test_a_driver_that_comes_back_is_opened_again_after_a_while() -> None:
    now = [0.0]
    fake = FakeNvml(1)
    nvml = source(fake, clock=lambda: now[0])
    assert len(nvml.sample()) == 1
    fake.init_error = 9
    fake.nvmlDeviceGetCount = lambda: not_supported()  # type: ignore[method-assign]
    assert nvml.sample() == []
    assert fake.opened == 0
    fake.init_error = None
    del fake.nvmlDeviceGetCount
    assert nvml.sample() == []
    now[0] = 60.0
    assert len(nvml.sample()) == 1
    assert nvml.problem is None
    nvml.close()
    assert fake.opened == 0


def test_another_module_called_pynvml_is_refused_with_the_fix() -> None:
    nvml = source(SimpleNamespace(nvmlInit=lambda: None))
    assert nvml.sample() == []
    assert nvml.problem is not None
    assert "nvidia-ml-py" in str(nvml.problem)
    assert "pip" in str(nvml.problem)


def test_the_real_module_gives_devices_or_a_reason_on_any_machine() -> None:
    nvml = NvmlSource()
    devices = nvml.sample()
    if not devices:
        assert nvml.problem or Path("/proc/driver/nvidia/version").exists()
    assert all(device.uuid or device.state != "ok" for device in devices)
    nvml.close()


@pytest.mark.parametrize("total", [None, 0], ids=["not supported", "total of 0"])
def test_unified_memory_is_the_hosts(total: int | None) -> None:
    fake = FakeNvml(1)
    answer = not_supported if total is None else lambda *_: SimpleNamespace(total=0, used=0)
    fake.overrides[0] = {"nvmlDeviceGetMemoryInfo": answer}
    device = source(fake).sample()[0]
    assert device.unified
    assert device.memory_total == psutil.virtual_memory().total
    assert device.memory_used


def test_memory_falls_back_to_the_first_version_of_the_call() -> None:
    fake = FakeNvml(1)

    def old(_: int, version: int | None) -> Any:
        if version is not None:
            raise FakeNvml.NVMLError(13)
        return SimpleNamespace(total=80 * GIB, used=10 * GIB)

    fake.overrides[0] = {"nvmlDeviceGetMemoryInfo": old}
    device = source(fake).sample()[0]
    assert (device.memory_used, device.unified) == (10 * GIB, False)


def test_memory_that_may_not_be_read_is_unknown_not_the_hosts() -> None:
    fake = FakeNvml(1)

    def denied(*_: object) -> Any:
        raise FakeNvml.NVMLError(4)

    fake.overrides[0] = {"nvmlDeviceGetMemoryInfo": denied}
    device = source(fake).sample()[0]
    assert (device.memory_used, device.memory_total, device.unified) == (None, None, False)


@pytest.mark.parametrize("scrambled", [[0], [1 << 40]], ids=["pid 0", "pid beyond the kernel's"])
def test_scrambled_processes_make_it_try_the_older_structure(scrambled: list[int]) -> None:
    fake = FakeNvml(1)
    fake.overrides[0] = {
        "nvmlDeviceGetComputeRunningProcesses_v3": lambda *_: [
            SimpleNamespace(pid=pid, usedGpuMemory=1) for pid in scrambled
        ]
    }
    fake.nvmlDeviceGetComputeRunningProcesses_v2 = lambda _: [  # type: ignore[attr-defined]
        SimpleNamespace(pid=77, usedGpuMemory=(1 << 64) - 1)
    ]
    assert source(fake).sample()[0].processes == [DeviceProcess(77, None)]


def test_processes_are_named_only_where_the_pids_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvml(1)
    fake.overrides[0] = {
        "nvmlDeviceGetComputeRunningProcesses_v3": lambda *_: [
            SimpleNamespace(pid=os.getpid(), usedGpuMemory=GIB)
        ]
    }
    inside = source(fake, same_pid_namespace=True).sample()[0].processes
    assert inside is not None
    assert inside[0].name == psutil.Process().name()[:15]
    outside = source(fake, same_pid_namespace=False).sample()[0].processes
    assert outside == [DeviceProcess(os.getpid(), GIB)]


def test_the_run_of_a_process_is_read_from_its_environment() -> None:
    fake = FakeNvml(1)
    child = psutil.Popen(
        ["sleep", "60"], env={"HEADNODE_RUN": "20261124-073012-demo-1f00", "PATH": os.environ["PATH"]}
    )
    try:
        fake.overrides[0] = {
            "nvmlDeviceGetComputeRunningProcesses_v3": lambda *_: [
                SimpleNamespace(pid=child.pid, usedGpuMemory=GIB)
            ]
        }
        processes = source(fake, same_pid_namespace=True).sample()[0].processes
    finally:
        child.kill()
        child.wait()
    assert processes == [DeviceProcess(child.pid, GIB, "sleep", "20261124-073012-demo-1f00", _user())]


def test_an_old_module_with_the_deprecated_name_still_tells_throttling() -> None:
    fake = FakeNvml(1)
    del fake.nvmlDeviceGetCurrentClocksEventReasons  # type: ignore[attr-defined]
    fake.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 0x48  # type: ignore[attr-defined]
    assert source(fake).sample()[0].throttle == ["hw_slowdown", "hw_thermal"]
