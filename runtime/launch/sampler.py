"""The telemetry of a run: `python -m runtime.telemetry` as a child whose lines go to
telemetry-<node>.jsonl. It may fail in any way without touching the run, so it is a process of its own (a
driver's crash stays there) and no process of the run."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping

from runtime.launch.chronicle import say
from runtime.launch.rank_environment import python
from runtime.run.files import JsonlAppender
from runtime.run.layout import RunDirectory

INTERVAL = 5
_PR_SET_PDEATHSIG = 1
_LIVES = 5
_LONGEST = 1 << 20

_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class TelemetryChild:
    """The child and its lines. `poll` never waits and never raises."""

    def __init__(self, run: RunDirectory, node: str, environment: Mapping[str, str]) -> None:
        self._run = run
        self._node = node
        self._environment = environment
        self._appender = JsonlAppender(run.telemetry(node))
        self._child: subprocess.Popen[bytes] | None = None
        self._half = b""
        self._lives = _LIVES
        self._next_start = 0.0

    @property
    def pids(self) -> set[int]:
        """The child's pid, where it runs."""
        return {self._child.pid} if self._child is not None else set()

    def poll(self) -> None:
        """Starts the child where it isn't running (five times at most), and appends the lines that it has
        written."""
        try:
            if self._child is None:
                self._start()
            if self._child is not None:
                self._copy()
        except OSError as error:
            say(f"telemetry: {error}")
            self.stop()

    def _start(self) -> None:
        if self._lives == 0 or time.monotonic() < self._next_start:
            return
        self._lives -= 1
        self._next_start = time.monotonic() + 30.0
        arguments = ["--interval", str(INTERVAL), "--node", self._node, "--directory", str(self._run.path)]
        self._child = subprocess.Popen(
            [python(), "-m", "runtime.telemetry", *arguments],
            cwd="/",
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None,  # supervisor.log
            preexec_fn=_die_with_parent,
        )
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)

    def _copy(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        ended = self._child.poll() is not None
        while True:
            try:
                data = os.read(self._child.stdout.fileno(), 1 << 16)
            except BlockingIOError:
                break
            if not data:
                ended = True
                break
            *lines, self._half = (self._half + data).split(b"\n")
            self._half = self._half[-_LONGEST:]
            for line in lines:
                self._append(line)
        if ended:
            self.stop()

    def _append(self, line: bytes) -> None:
        try:
            if isinstance(json.loads(line), dict):
                self._appender.append_line(line)
        except ValueError:
            return

    def stop(self) -> None:
        """Ends the child."""
        child, self._child, self._half = self._child, None, b""
        if child is None:
            return
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
