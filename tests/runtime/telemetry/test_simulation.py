"""Scripted and recorded machines in NVML's place, and one look at the devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.telemetry import read_devices
from runtime.telemetry.problems import Problem, problem_from_json
from runtime.telemetry.recording import read_recording
from runtime.telemetry.scenes import LOST_AFTER, RUNS, scene
from runtime.telemetry.simulation import simulated_source

COMMAND = [sys.executable, "-m", "runtime.telemetry"]


def sample(environment: dict[str, str], *options: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [*COMMAND, *options], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_eight_busy_devices_have_runs_a_foreign_process_and_one_too_hot() -> None:
    script = simulated_source({"HEADNODE_SIMULATE_GPUS": "8"})
    assert script is not None
    devices = script.sample()
    assert len({device.uuid for device in devices}) == 8
    assert all(device.simulated for device in devices)
    processes = [process for device in devices for process in device.processes or ()]
    assert {process.run for process in processes} == {*RUNS, None}
    assert [process.user for process in processes if process.run is None] == ["mlin"]
    assert [device.index for device in devices if device.throttle] == [3]
    assert devices[7].processes == []


def test_the_runs_of_a_scene_can_be_named() -> None:
    script = simulated_source({"HEADNODE_SIMULATE_GPUS": "4", "HEADNODE_SIMULATE_RUNS": "mine"})
    assert script is not None
    assert {p.run for d in script.sample() for p in d.processes or ()} == {"mine", None}


def test_nothing_is_simulated_unless_asked_for() -> None:
    assert simulated_source({}) is None
    assert simulated_source({"HEADNODE_SIMULATE_GPUS": ""}) is None


def test_a_device_falls_off_the_bus_after_some_samples_and_stays_listed() -> None:
    script = simulated_source({"HEADNODE_SIMULATE_GPUS": "lost"})
    assert script is not None
    states = [[device.state for device in script.sample()] for _ in range(LOST_AFTER + 2)]
    assert states[0] == ["ok"] * 8
    assert states[-1] == ["ok", "ok", "lost", "ok", "ok", "ok", "ok", "ok"]


def test_mig_instances_are_listed_below_their_device() -> None:
    script = simulated_source({"HEADNODE_SIMULATE_GPUS": "mig"})
    assert script is not None
    devices = script.sample()
    assert [device.instance for device in devices] == [None, 0, 1, 2, 3, None]
    assert all(device.parent == devices[0].uuid for device in devices[1:5])


def test_unsupported_devices_have_a_name_and_nothing_else() -> None:
    script = simulated_source({"HEADNODE_SIMULATE_GPUS": "unsupported"})
    assert script is not None
    for device in script.sample():
        known = {key for key, value in device.to_json().items() if value is not None and value is not False}
        assert known == {"index", "uuid", "name", "state", "simulated"}


def test_one_look_sees_what_a_scene_comes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "lost")
    reading = read_devices()
    assert reading.simulated
    assert [device.state for device in reading.devices].count("lost") == 1


def test_a_missing_driver_is_a_sentence_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", "none")
    reading = read_devices()
    assert reading.devices == []
    assert "install the NVIDIA driver" in str(reading.problem)


def test_a_script_that_isnt_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEADNODE_SIMULATE_GPUS", str(tmp_path / "no-such-file"))
    reading = read_devices()
    assert reading.devices == []
    assert "no-such-file" in str(reading.problem)
    assert "mig" in str(reading.problem)


def test_without_simulation_a_child_looks_and_says_why_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HEADNODE_SIMULATE_GPUS", raising=False)
    reading = read_devices(timeout=120.0)
    assert not reading.simulated
    assert bool(reading.devices) != (reading.problem is not None)
    assert reading.why is None or reading.why.code != "crashed"


def test_a_driver_that_never_answers_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADNODE_SIMULATE_GPUS", raising=False)
    reading = read_devices(timeout=0.001)
    assert reading.why == Problem("no_answer")


def test_the_sampler_marks_every_line_of_a_script_as_simulated() -> None:
    busy = sample({"HEADNODE_SIMULATE_GPUS": "8"}, "--count", "2", "--interval", "0.05")
    assert [line["simulated"] for line in busy] == [True, True]
    assert [len(line["gpus"]) for line in busy] == [8, 8]  # type: ignore[arg-type]
    (none,) = sample({"HEADNODE_SIMULATE_GPUS": "none"}, "--count", "1")
    assert none["simulated"] is True
    assert problem_from_json(none) == Problem("no_driver", "NVML Shared Library Not Found")


def test_a_recording_is_played_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "machine.jsonl"
    options = ("--record", str(path), "--count", "3", "--interval", "0.05")
    assert sample({"HEADNODE_SIMULATE_GPUS": "mig"}, *options) == []
    with path.open("a") as file:
        file.write('{"time": 1, "gpus": [{"index"')  # cut off in the middle
    made = scene("mig")
    assert made is not None
    assert [devices for devices, _problem in read_recording(path)] == [made(n, RUNS)[0] for n in range(3)]
    script = simulated_source({"HEADNODE_SIMULATE_GPUS": str(path)})
    assert script is not None
    assert script.sample() == made(0, RUNS)[0]
    assert script.sample() == made(1, RUNS)[0]


def test_a_recording_of_a_real_machine_is_marked_too(tmp_path: Path) -> None:
    path = tmp_path / "machine.jsonl"
    path.write_text('{"time": 1, "gpus": [{"index": 0, "name": "H100", "from_the_future": 7}]}\n')
    ((devices, problem),) = read_recording(path)
    assert problem is None
    assert devices[0].name == "H100"
    assert devices[0].simulated
