"""`python -m runtime.telemetry`: one JSON line a sample on standard output.

It ends by itself with the process that started it, so that nothing is left behind when a panel is killed:
when its parent changes, when its standard input (if a pipe) closes, and when nobody reads its output any
more.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import platform
import select
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runtime.telemetry.host import HostSource
from runtime.telemetry.problems import Problem
from runtime.telemetry.sample import DeviceSource, HostSample, ScriptedSource, sample_line
from runtime.telemetry.simulation import is_simulated, simulated_source

_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_SECONDS = 2.0
_FIRST_PERIOD_SECONDS = 0.1  # so that the first sample has a processor load already


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    parent = os.getppid()
    orphaned = _watch_parent(parent)
    devices = _devices(options)
    try:
        if options.record is not None:
            with options.record.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
                _sample(options, devices, orphaned)
        elif options.devices:
            _print_devices(options.node, devices)
        else:
            _sample(options, devices, orphaned)
    except BrokenPipeError:
        # The flush at exit would complain about the same pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        pass
    finally:
        devices.close()
    return 0


def _devices(options: argparse.Namespace) -> DeviceSource:
    if not options.gpus:
        return ScriptedSource([], Problem("crashed") if options.gave_up else None)
    script = simulated_source()
    if script is not None:
        return script
    from runtime.telemetry.nvml import NvmlSource

    return NvmlSource(pcie=options.pcie)


def _print_devices(node: str, devices: DeviceSource) -> None:
    found = devices.sample()
    _write(sample_line(time.time(), node, HostSample(), found, devices.problem))


def _write(line: dict[str, object]) -> None:
    if is_simulated():  # also where the script has no devices
        line["simulated"] = True
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runtime.telemetry",
        description="Samples accelerators and host; one JSON line a sample. Ends with the process that "
        "started it, or when its standard input, if a pipe, closes.",
    )
    parser.add_argument("--interval", type=_seconds, default=1.0, metavar="S", help="seconds between samples")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="tell its file system's free space")
    parser.add_argument("--count", type=int, metavar="N", help="end after N samples")
    parser.add_argument("--node", default=platform.node(), help="the name that this machine goes by")
    parser.add_argument(
        "--pcie", action="store_true", help="measure PCIe traffic where the driver doesn't count it"
    )
    parser.add_argument("--devices", action="store_true", help="accelerators only, one line, at once")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="append the samples to a file, which HEADNODE_SIMULATE_GPUS=FILE plays back",
    )
    parser.add_argument("--no-gpus", dest="gpus", action="store_false", help="host only; NVML isn't loaded")
    parser.add_argument("--gave-up", action="store_true", help="say that reading NVML was given up")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.05 <= value <= 86400:
        raise argparse.ArgumentTypeError("an interval is between 0.05 and 86400 seconds")
    return value


def _sample(options: argparse.Namespace, devices: DeviceSource, orphaned: Callable[[], bool]) -> None:
    host = HostSource(options.directory)
    due = time.monotonic() + _FIRST_PERIOD_SECONDS
    samples = 0
    if not _wait(due, orphaned):
        return
    while not orphaned():
        found = devices.sample()  # before `problem`, which it changes
        _write(sample_line(time.time(), options.node, host.sample(), found, devices.problem))
        samples += 1
        if options.count is not None and samples >= options.count:
            return
        now = time.monotonic()
        # After a pause (a suspended laptop) no burst makes up for it, and no load is of a moment only.
        due = max(due + options.interval, now + options.interval / 2)
        if not _wait(due, orphaned):
            return


def _wait(until: float, orphaned: Callable[[], bool]) -> bool:
    """Sleeps; False when whoever started this is gone."""
    watched = [0] if _is_pipe(0) else []
    while (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select(watched, [], [], min(left, _PARENT_CHECK_SECONDS))
        if readable and not os.read(0, 4096):
            return False
        if orphaned():
            return False
    return True


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _watch_parent(parent: int) -> Callable[[], bool]:
    """Asks the kernel for a signal at the parent's death, and returns the question whether it is dead.

    The kernel sends that signal already when the *thread* that started us ends, so it only makes us look.
    It is SIGHUP, which a closing terminal sends as well, and there the same look decides.
    """
    signal.signal(signal.SIGHUP, lambda *_: None)
    with contextlib.suppress(OSError, AttributeError):  # not Linux: the parent is looked at in any case
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGHUP, 0, 0, 0)
    return lambda: os.getppid() != parent


if __name__ == "__main__":
    sys.exit(main())
