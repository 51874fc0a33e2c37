"""The sampler process: what it prints, and that it never outlives who started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from runtime.telemetry import SamplerProcess, ScriptedSource
from runtime.telemetry.host import HostSource
from runtime.telemetry.sample import DeviceSample, HostSample, sample_line

COMMAND = [sys.executable, "-m", "runtime.telemetry"]


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it didn't happen in time")


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_prints_one_line_a_sample_in_the_format_of_the_run_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--count", "2", "--interval", "0.1", "--node", "n1", "--directory", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert line["node"] == "n1"
        assert 0 <= line["cpu_percent"] <= 100
        assert len(line["cpu_cores"]) == psutil.cpu_count()
        assert 0 < line["memory_used"] < line["memory_total"]
        assert 0 < line["disk_free"] <= line["disk_total"]
        assert isinstance(line["gpus"], list)
    assert lines[1]["time"] > lines[0]["time"]
    assert lines[1]["network_received"] is not None
    assert done.stderr == ""


def test_a_line_has_every_value_of_a_device() -> None:
    device = DeviceSample(index=0, uuid="GPU-1", name="H100", utilization=97.0, power=612.0)
    line = json.loads(json.dumps(sample_line(1.0, "n1", HostSample(), [device])))
    assert line["gpus"][0]["utilization"] == 97.0
    assert line["gpus"][0]["temperature"] is None
    assert "gpu_problem" not in line


def test_a_scripted_source_replays_and_stays_at_the_last() -> None:
    source = ScriptedSource([[DeviceSample(0, power=1.0)], [DeviceSample(0, power=2.0)]])
    assert [source.sample()[0].power for _ in range(3)] == [1.0, 2.0, 2.0]


def test_a_missing_directory_has_no_free_space_rather_than_none_at_all(tmp_path: Path) -> None:
    host = HostSource(tmp_path / "gone").sample()
    assert (host.disk_free, host.disk_total) == (None, None)
    assert host.memory_total


def test_a_period_too_short_to_measure_is_unknown_not_idle() -> None:
    assert HostSource().sample().cpu_percent is None


def test_it_ends_when_its_input_closes() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--interval", "3600"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()


def test_it_ends_quietly_when_nobody_reads() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--interval", "0.05"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize("stdin", ["devnull", "pipe"])
def test_it_dies_with_its_parent(tmp_path: Path, stdin: str) -> None:
    """Also when the parent is killed outright and the input stays open in another process."""
    pid_file = tmp_path / "pid"
    script = f"""
import subprocess, sys, time
from pathlib import Path
stdin = subprocess.DEVNULL if {stdin == "devnull"} else subprocess.PIPE
child = subprocess.Popen({COMMAND!r} + ["--interval", "3600"], stdin=stdin, stdout=subprocess.PIPE)
child.stdout.readline()
Path({str(pid_file)!r}).write_text(str(child.pid))
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    pid = int(wait_for(lambda: pid_file.exists() and pid_file.read_text()))
    parent.kill()
    parent.wait()
    wait_for(lambda: gone(pid))


def test_it_survives_the_end_of_the_thread_that_started_it(tmp_path: Path) -> None:
    script = f"""
import subprocess, threading, time
children = []
def start():
    children.append(subprocess.Popen({COMMAND!r} + ["--interval", "0.1"], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE))
    children[0].stdout.readline()
thread = threading.Thread(target=start); thread.start(); thread.join()
time.sleep(0.3)
for _ in range(5):
    assert children[0].stdout.readline()
children[0].kill()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_process_is_read_without_blocking_and_stopped(tmp_path: Path) -> None:
    sampler = SamplerProcess(interval=0.05, directory=tmp_path, node="n1")
    sampler.start()
    try:
        assert sampler.poll() == []  # nothing can be there yet
        lines = wait_for(sampler.poll)
        assert lines[0]["node"] == "n1"
        assert lines[0]["disk_free"]
        pid = sampler.pid
        assert pid is not None
    finally:
        sampler.stop()
    assert gone(pid)
    assert sampler.poll() == []
    sampler.stop()


def test_it_carries_no_run_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It isn't a process of the run whose supervisor starts it, or the run would never count as gone."""
    monkeypatch.setenv("HEADNODE_RUN", "20261124-073012-demo-1f00")
    monkeypatch.setenv("HEADNODE_RUN_DIR", "/tmp/x")
    sampler = SamplerProcess(interval=0.05)
    sampler.start()
    try:
        wait_for(sampler.poll)
        assert not [name for name in psutil.Process(sampler.pid).environ() if name.startswith("HEADNODE_RUN")]
    finally:
        sampler.stop()


def test_after_two_crashes_it_goes_on_without_accelerators() -> None:
    now = [0.0]
    sampler = SamplerProcess(interval=0.05, gpus=True, clock=lambda: now[0])
    sampler.start()
    try:
        for crash in range(2):
            wait_for(sampler.poll)
            assert not sampler.host_only
            assert sampler.pid is not None
            os.kill(sampler.pid, signal.SIGSEGV)
            wait_for(lambda: sampler.poll() is not None and sampler.pid is None)
            assert sampler.poll() == []  # it waits before it starts again
            assert sampler.pid is None
            now[0] += 100.0 * (crash + 1)
            sampler.poll()
        lines = wait_for(sampler.poll)
        assert sampler.host_only
        assert lines[0]["gpus"] == []
        assert lines[0]["gpu_problem_code"] == "crashed"
    finally:
        sampler.stop()


def test_noise_on_its_output_is_skipped() -> None:
    noise = """print('NVML says hello\\n{"time": 1, "node": "n1"}\\n[1]\\n{half', end='')"""
    sampler = SamplerProcess(command=[sys.executable, "-c", noise])
    sampler.start()
    try:
        assert wait_for(sampler.poll) == [{"time": 1, "node": "n1"}]
    finally:
        sampler.stop()


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "never"])
def test_a_senseless_interval_is_refused(interval: str) -> None:
    done = subprocess.run(
        [*COMMAND, f"--interval={interval}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_sampler_that_hangs_is_replaced_and_then_goes_on_without_the_devices(tmp_path: Path) -> None:
    now = [0.0]
    script = tmp_path / "sampler.py"
    script.write_text(
        "import json, sys, time\n"
        "if '--gave-up' in sys.argv and '--no-gpus' in sys.argv:\n"
        "    print(json.dumps({'time': 1.0}), flush=True)\n"
        "time.sleep(600)\n"
    )
    sampler = SamplerProcess(interval=1.0, command=[sys.executable, str(script)], clock=lambda: now[0])
    sampler.start()
    try:
        for _hang in range(2):
            first = sampler.pid
            assert sampler.poll() == []
            now[0] += 31.0
            assert sampler.poll() == []
            assert sampler.pid is None
            assert first is not None
            assert gone(first)
            now[0] += 11.0
            sampler.poll()
            assert sampler.pid not in (None, first)
        assert sampler.host_only
        assert wait_for(sampler.poll) == [{"time": 1.0}]
    finally:
        sampler.stop()


def test_devices_that_were_given_up_are_told_with_what_to_do() -> None:
    done = subprocess.run(
        [*COMMAND, "--count", "1", "--interval", "0.1", "--no-gpus", "--gave-up"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nvidia-smi" in json.loads(done.stdout)["gpu_problem"]
