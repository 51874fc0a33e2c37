"""What follows from torch's report, the driver and the devices on the bus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.doctor import torch_child
from runtime.doctor.drivers import driver_version, minimum_driver, numbers
from runtime.doctor.software import torch_checks

from .surroundings import file, named

H100 = {"name": "NVIDIA H100", "capability": [9, 0]}


def report(**changes: Any) -> dict[str, Any]:
    whole = {
        "version": "2.13.0+cu130",
        "cuda": "13.0",
        "hip": None,
        "available": True,
        "nccl": [2, 28, 9],
        "architectures": ["sm_80", "sm_90", "compute_120"],
        "devices": [H100],
    }
    return {**whole, **changes}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n",
            "535.104.05",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (x)\n",
            "580.65.06",
        ),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  570.86.15  Release Build\n", "570.86.15"),
        ("something else\n", None),
    ],
)
def test_the_drivers_version_is_read_from_the_kernel(tmp_path: Path, text: str, version: str | None) -> None:
    file(tmp_path, "proc/driver/nvidia/version", text)
    assert driver_version(tmp_path) == version


def test_each_major_version_of_cuda_has_its_oldest_driver() -> None:
    assert minimum_driver("12.8") == "525.60.13"
    assert minimum_driver("13.0") == "580.65.06"
    assert minimum_driver("99.1") is None
    assert numbers("580.65.06") > numbers("535.104.05")


def test_a_good_machine_has_no_complaint() -> None:
    found = named(torch_checks(report(), "580.82.07", 8))
    assert {check.status for check in found.values()} == {"ok"}
    assert set(found) == {"torch", "driver", "nccl"}
    assert "2.28.9" in str(found["nccl"].message)


def test_a_driver_that_is_too_old_for_the_build_is_named_with_what_it_needs() -> None:
    driver = named(torch_checks(report(available=False), "535.104.05", 8))["driver"]
    assert driver.status == "fail"
    assert "580.65.06" in str(driver.message)


def test_a_build_for_the_cpu_is_fine_without_a_device_and_wrong_beside_one() -> None:
    cpu = report(cuda=None, available=False, nccl=None, devices=[])
    assert named(torch_checks(cpu, None, 0))["torch"].status == "ok"
    assert named(torch_checks(cpu, "580.82.07", 8))["torch"].status == "fail"


def test_a_loaded_driver_that_torch_cant_use_says_why() -> None:
    broken = report(available=False, unavailable="CUDA unknown error")
    driver = named(torch_checks(broken, "580.82.07", 1))["driver"]
    assert driver.status == "fail"
    assert "CUDA unknown error" in str(driver.message)


def test_a_missing_driver_matters_only_where_there_is_a_device() -> None:
    assert named(torch_checks(report(available=False), None, 0))["driver"].status == "ok"
    assert named(torch_checks(report(available=False), None, 2))["driver"].status == "fail"


@pytest.mark.parametrize(
    ("capability", "supported"),
    [([9, 0], True), ([8, 9], True), ([12, 1], True), ([7, 0], False), ([10, 0], False)],
    ids=["exact", "same major", "by PTX", "older", "PTX is of a later one"],
)
def test_devices_without_code_in_this_build_are_found_before_a_run_fails(
    capability: list[int], supported: bool
) -> None:
    device = {"name": "NVIDIA X", "capability": capability}
    found = named(torch_checks(report(devices=[device]), "580.82.07", 1))
    assert ("kernels" not in found) == supported


def test_a_torch_that_cant_be_imported_is_told_with_its_error() -> None:
    (check,) = torch_checks({"error": "ImportError: libcudart.so.13"}, None, 0)
    assert check.status == "fail"
    assert "libcudart" in str(check.message)


def test_a_child_that_says_nothing_fails_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_report.py").write_text("print('noise')\nraise SystemError('no luck')\n")
    (tmp_path / "good_report.py").write_text("print('noise')\nprint('{\"version\": 1}')\nprint('more')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert torch_child.ask("good_report") == {"version": 1}
    with pytest.raises(torch_child.ChildFailed, match="no luck"):
        torch_child.ask("broken_report")


def test_a_child_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_report.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(torch_child.ChildFailed, match="no answer"):
        torch_child.ask("slow_report", seconds=0.2)


def test_torch_itself_answers() -> None:
    answer = torch_child.ask(torch_child.REPORT, seconds=300.0)
    assert answer["version"]
    assert answer["gloo"] is True
