"""A program on a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path


class Terminal:
    """Starts `command` as the leader of a session on a new pty of `columns` × `rows`, and collects what
    it writes.
    """

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        env: dict[str, str],
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_as_a_shell_starts_it,
        )
        os.close(slave)
        self.output = ""

    def read(self, seconds: float = 0.1) -> str:
        """What came within that time, added to `output`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._master], [], [], left)[0]:
                break
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            self.output += data.decode("utf-8", "replace")
        return self.output

    def until(self, condition: str | Callable[[str], bool], seconds: float = 30.0) -> str:
        """Waits until the output contains the text, or the condition holds of it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read(0.1)
            if condition in self.output if isinstance(condition, str) else condition(self.output):
                return self.output
        raise AssertionError(f"it didn't come; the terminal shows:\n{self.output}")

    def keys(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self, seconds: float = 30.0) -> int:
        """The exit code, with all output read."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.1)
        self.read(0.3)
        return self.process.wait(0.1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._master)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _as_a_shell_starts_it() -> None:
    """With the terminal as its own, and with ctrl+c: whoever runs the tests in the background ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def plain(text: str) -> str:
    """Without colours and line clearing."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
