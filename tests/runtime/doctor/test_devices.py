"""What is said of accelerators, by scripted machines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.doctor.devices import device_checks
from runtime.telemetry import DeviceReading, DeviceSample, Problem
from runtime.telemetry.scenes import RUNS, idle, scene

from .surroundings import named


def reading(name: str) -> DeviceReading:
    made = scene(name)
    assert made is not None
    devices, problem = made(20, RUNS)
    return DeviceReading(devices, simulated=True, why=problem)


def fresh(**changes: object) -> DeviceReading:
    """Two idle devices, the second one changed."""
    first, second = idle(2)
    return DeviceReading([first, replace(second, **changes)])  # type: ignore[arg-type]


def test_idle_devices_are_fine() -> None:
    assert {check.status for check in device_checks(DeviceReading(idle(8)))} == {"ok"}


def test_simulated_devices_are_called_that() -> None:
    assert named(device_checks(reading("8")))["simulated"].status == "warn"


def test_a_busy_machine_names_what_is_hot_and_who_is_foreign() -> None:
    found = named(device_checks(reading("8")))
    assert "GPU 3 is slowed down: too hot" in str(found["throttling"].message)
    assert "jupyter-lab 398113 (mlin) on GPU 6" in str(found["foreign"].message)


def test_a_lost_device_is_a_failure_with_its_number() -> None:
    devices = named(device_checks(reading("lost")))["devices"]
    assert devices.status == "fail"
    assert "GPU 2" in str(devices.message)


def test_a_missing_driver_fails_and_a_machine_without_cards_does_not() -> None:
    assert named(device_checks(reading("none")))["devices"].status == "fail"
    quiet = DeviceReading([], why=Problem("no_card"))
    assert named(device_checks(quiet))["devices"].status == "ok"


def test_devices_that_tell_nothing_are_no_reason_to_worry() -> None:
    found = named(device_checks(reading("unsupported")))
    del found["simulated"]
    assert {check.status for check in found.values()} == {"ok"}


def test_mig_instances_are_counted_and_mig_without_instances_is_a_failure() -> None:
    assert "4 instances" in str(named(device_checks(reading("mig")))["mig"].message)
    assert named(device_checks(fresh(mig=True)))["mig"].status == "fail"


@pytest.mark.parametrize(
    ("changes", "check", "status"),
    [
        ({"remap_failed": True}, "ecc", "fail"),
        ({"ecc_errors": 3}, "ecc", "warn"),
        ({"pcie_width": 4}, "links", "warn"),
        ({"nvlinks": 17}, "links", "warn"),
        ({"persistence": False}, "persistence", "warn"),
        ({"throttle": ["hw_power_brake"]}, "throttling", "warn"),
        ({"throttle": ["sw_power_cap"]}, "throttling", "ok"),
    ],
)
def test_what_is_wrong_with_a_device_is_named(changes: dict[str, object], check: str, status: str) -> None:
    assert named(device_checks(fresh(**changes)))[check].status == status


def test_a_generation_that_an_idle_device_lowers_is_no_fault() -> None:
    assert named(device_checks(fresh(pcie_generation=1)))["links"].status == "ok"


def test_a_device_that_supports_nothing_has_no_links_to_speak_of() -> None:
    assert "links" not in named(device_checks(DeviceReading([DeviceSample(0)])))
