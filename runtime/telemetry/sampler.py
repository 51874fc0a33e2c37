"""The sampler as a child process: what a panel or a supervisor holds."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RESTART_SECONDS = 10.0
_CRASHES_UNTIL_HOST_ONLY = 2
_SILENT_SECONDS = 30.0
"""And ten intervals: a sampler that says nothing for longer hangs inside the driver."""
_READ_BYTES = 1 << 16
_LINE_LIMIT = 1 << 22  # bytes; a line longer than this is garbage


class SamplerProcess:
    """`python -m runtime.telemetry`, started, read without blocking, and restarted should NVML take it down.

    After two deaths by a signal (ours too, where it has hung) it goes on without accelerators, since a
    driver that crashes its caller once does it again.

        sampler = SamplerProcess(interval=1.0, directory=workspace)
        sampler.start()
        for line in sampler.poll(): ...        # dicts, see sample.sample_line; [] when there is nothing new
        sampler.stop()
    """

    def __init__(
        self,
        *,
        interval: float = 1.0,
        directory: Path | None = None,
        node: str | None = None,
        gpus: bool = True,
        pcie: bool = False,
        command: list[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`pcie`: measure PCIe traffic where the driver doesn't count it. `command` replaces the interpreter
        and module, for tests."""
        self._command = command or [sys.executable, "-m", "runtime.telemetry"]
        self._arguments = ["--interval", str(interval)]
        self._patience = max(_SILENT_SECONDS, 10 * interval)
        self._heard = 0.0
        self._gave_up = False
        if directory is not None:
            self._arguments += ["--directory", str(directory.absolute())]
        if pcie:
            self._arguments.append("--pcie")
        if node is not None:
            self._arguments += ["--node", node]
        self._gpus = gpus
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._crashes = 0
        self._restart_at = float("inf")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def host_only(self) -> bool:
        """True when accelerators aren't read: not wanted, or given up after crashes."""
        return not self._gpus

    def start(self) -> None:
        """Starts the process unless it runs. Raises OSError when no process can be made."""
        if self._process is not None:
            return
        arguments = [*self._arguments, *([] if self._gpus else ["--no-gpus"])]
        arguments += ["--gave-up"] if self._gave_up else []
        self._process = subprocess.Popen(
            [*self._command, *arguments],
            stdin=subprocess.PIPE,  # closes with us, however we end
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=sampler_environment(),
            start_new_session=True,  # ctrl+c in the terminal isn't for it
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._rest = b""
        self._heard = self._clock()
        self._restart_at = float("inf")

    def poll(self) -> list[dict[str, Any]]:
        """The samples since the last call, oldest first.

        Never blocks; restarts a dead sampler after a while.
        """
        if self._process is None:
            if self._clock() >= self._restart_at:
                self._restart_at = self._clock() + _RESTART_SECONDS
                with contextlib.suppress(OSError):  # no process to be had now: tried again
                    self.start()
            return []
        data, ended = self._read()
        lines = self._parse(data)
        if lines:
            self._heard = self._clock()
        if self._clock() - self._heard > self._patience:
            self._process.kill()
            ended = True
        if ended:
            self._reap()
        return lines

    def stop(self) -> None:
        process, self._process = self._process, None
        self._restart_at = float("inf")
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.terminate()
        if _wait(process) is None:
            process.kill()
            _wait(process)
        process.stdout.close()

    def fileno(self) -> int | None:
        """The descriptor to wait on for new samples; None while the sampler is down."""
        process = self._process
        return process.stdout.fileno() if process is not None and process.stdout is not None else None

    def _read(self) -> tuple[bytes, bool]:
        assert self._process is not None
        assert self._process.stdout is not None
        chunks: list[bytes] = []
        while True:
            try:
                chunk = os.read(self._process.stdout.fileno(), _READ_BYTES)
            except BlockingIOError:
                return b"".join(chunks), False
            if not chunk:
                return b"".join(chunks), True
            chunks.append(chunk)

    def _parse(self, data: bytes) -> list[dict[str, Any]]:
        *complete, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_LIMIT:
            self._rest = b""
        lines = []
        for line in complete:
            try:
                value = json.loads(line)
            except ValueError:  # a library printed something of its own
                continue
            if isinstance(value, dict):
                lines.append(value)
        return lines

    def _reap(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        if _wait(process) is None:  # closed its output, or dies inside a driver call
            process.kill()
            _wait(process)
        if process.returncode is None or process.returncode < 0:
            self._crashes += 1
            self._gave_up |= self._gpus and self._crashes >= _CRASHES_UNTIL_HOST_ONLY
            self._gpus = self._gpus and not self._gave_up
        self._restart_at = self._clock() + _RESTART_SECONDS


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code, or None when it takes over a second: inside the kernel not even SIGKILL is heard."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(1.0)
    return None


def sampler_environment() -> dict[str, str]:
    """Ours, less what would make the sampler look like a part of a run, and with this package importable."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADNODE_RUN")}
    root = str(Path(__file__).resolve().parents[2])
    path = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = root if not path else f"{root}{os.pathsep}{path}"
    return environment
