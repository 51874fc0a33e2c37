"""How fast processes exchange gradients: an all-reduce of 1 to 64 MiB between real processes.

Bus bandwidth is what NCCL's tests call it: the bytes of the tensor / time × 2(n − 1)/n, which can be compared
with the speed of the links whatever the number of processes n (nccl-tests, doc/PERFORMANCE.md).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from runtime.doctor.check import Check, Progress, Surroundings
from runtime.doctor.torch_child import REPORT, ChildFailed, ask, die_with_parent
from runtime.messages import N_, Message
from runtime.telemetry.sampler import sampler_environment

SIZES = tuple(mebibytes << 20 for mebibytes in (1, 4, 16, 64))
WORKER = "runtime.jobs.all_reduce_worker"
_SECONDS = 120.0
_LOOK_SECONDS = 0.1


def measure_all_reduce(surroundings: Surroundings, progress: Progress) -> Check:
    """Between all GPUs by NCCL where there are several, else between two processes by gloo. What `progress`
    raises ends it; no process outlives it."""
    progress(0.0, Message(N_("asking torch")))
    try:
        report = ask(REPORT)
    except ChildFailed as failure:
        report = {"error": str(failure)}
    if report.get("error"):
        return failed(str(report["error"]))
    gpus = len(report.get("devices") or ())
    if gpus > 1 and report.get("nccl"):
        return _run("nccl", gpus, progress)
    if not report.get("gloo"):
        return failed("this build of torch has no gloo")
    return _run("gloo", 2, progress)


def failed(reason: str) -> Check:
    """It couldn't be measured."""
    message = Message(N_("couldn't be measured: {reason}"), {"reason": reason})
    fix = Message(N_("see what the checks of torch and the devices say"))
    return Check("all_reduce", Message(N_("all-reduce")), "fail", message, fix)


def _run(backend: str, processes: int, progress: Progress) -> Check:
    with tempfile.TemporaryDirectory(prefix="headnode-doctor-") as name:
        directory = Path(name)
        with (directory / "out").open("w+b") as out, (directory / "err").open("w+b") as err:
            children = [_start(rank, processes, backend, directory, out, err) for rank in range(processes)]
            try:
                _wait(children, directory / "out", progress)
            finally:
                for child in children:
                    child.kill()
                    child.wait()
            codes = [child.returncode for child in children]
        lines = _lines(directory / "out")
        if len(lines) < len(SIZES):
            words = (directory / "err").read_text("utf-8", "replace").strip().splitlines()
            return failed(words[-1].strip() if words else f"exit codes {codes}")
    return reduce_check(backend, processes, lines)


def _start(
    rank: int, processes: int, backend: str, directory: Path, out: IO[bytes], err: IO[bytes]
) -> subprocess.Popen[bytes]:
    environment = {**sampler_environment(), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    arguments = [str(rank), str(processes), backend, str(directory / "rendezvous"), *map(str, SIZES)]
    return subprocess.Popen(
        [sys.executable, "-m", WORKER, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=out if rank == 0 else subprocess.DEVNULL,
        stderr=err,
        cwd="/",
        env=environment,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def _wait(children: list[subprocess.Popen[bytes]], out: Path, progress: Progress) -> None:
    """Until all have ended, one has failed, or it takes too long."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        codes = [child.poll() for child in children]
        done = len(_lines(out))
        progress(0.1 + 0.9 * done / len(SIZES), Message(N_("exchanging between processes")))
        if all(code is not None for code in codes) or any(code for code in codes):
            return
        time.sleep(_LOOK_SECONDS)


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for text in path.read_bytes().splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # half written, or a library's own words
            continue
        if isinstance(line, dict) and "bytes" in line:
            found.append(line)
    return found


def bus_bandwidth(size: int, seconds: float, processes: int) -> float:
    """Bytes a second."""
    return size / seconds * 2 * (processes - 1) / processes


def reduce_check(backend: str, processes: int, lines: list[dict[str, Any]]) -> Check:
    """The result: `lines` hold bytes and seconds, one a size."""
    sizes = [
        {
            "bytes": int(line["bytes"]),
            "seconds": float(line["seconds"]),
            "bus_bandwidth": round(bus_bandwidth(int(line["bytes"]), float(line["seconds"]), processes)),
        }
        for line in lines
    ]
    listed = ", ".join(f"{s['bytes'] / 2**20:.0f} MiB {s['bus_bandwidth'] / 1e9:.2f}" for s in sizes)
    values = {"backend": backend, "processes": processes, "listed": listed}
    message = Message(N_("{backend}, {processes} processes, bus bandwidth in GB/s: {listed}"), values)
    data = {"backend": backend, "processes": processes, "sizes": sizes}
    return Check("all_reduce", Message(N_("all-reduce")), "ok", message, data=data)
