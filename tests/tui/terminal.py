"""A program in a real terminal of a given size: what it writes, and keys for it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence


class Terminal:
    """`read` collects what comes; `press` sends keys; use it as a context."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (120, 40)
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(environment),
            start_new_session=True,
        )
        os.close(slave)
        self.output = b""

    def read(self, seconds: float) -> bytes:
        """What comes within this time."""
        end, before = time.monotonic() + seconds, len(self.output)
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self.master], [], [], left)
            if not readable:
                break
            try:
                chunk = os.read(self.master, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            self.output += chunk
        return self.output[before:]

    def read_until(self, condition: Callable[[bytes], bool], seconds: float = 30.0) -> float:
        """Reads until the whole output satisfies the condition; the seconds that it took."""
        begin = time.monotonic()
        while not condition(self.output):
            if time.monotonic() - begin > seconds or (
                not self.read(0.02) and self.process.poll() is not None
            ):
                if condition(self.output):
                    break
                raise AssertionError(f"not seen in {seconds} s; the last output was {self.output[-400:]!r}")
        return time.monotonic() - begin

    def press(self, keys: str) -> None:
        """Sends these characters."""
        os.write(self.master, keys.encode())

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.master)
