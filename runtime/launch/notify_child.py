"""One notification on its way: the child process that sends it, from the supervisor's side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from runtime.launch.processes import RUN_VARIABLE, SUPERVISOR_VARIABLE
from runtime.launch.rank_environment import headnode_environment, python
from runtime.settings import Notification

TRIES = 3
PAUSES = (1.0, 4.0)
"""Seconds between the tries to reach a web address; a command is tried once."""
_MARGIN = 10.0
_LONGEST = 1 << 16


def longest(receiver: Notification) -> float:
    """Seconds after which a sender is ended, whatever it does."""
    if receiver.kind == "command":
        return receiver.timeout + _MARGIN
    return TRIES * receiver.timeout + sum(PAUSES) + _MARGIN


class NotifyChild:
    """Starts the sender. Its address is in its environment or a file, never in what it is handed; what it is
    handed goes to its standard input. Raises OSError where it can't be started."""

    def __init__(
        self, receiver: Notification, document: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        self._until = time.monotonic() + longest(receiver)
        own = {RUN_VARIABLE, SUPERVISOR_VARIABLE}
        self._child = subprocess.Popen(
            [python(), "-m", "runtime.launch.notify_send"],
            cwd="/",
            env=headnode_environment({name: text for name, text in environment.items() if name not in own}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what it might say could name the address
            start_new_session=True,
        )
        self._said = b""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)
        os.set_blocking(self._child.stdin.fileno(), False)
        self._rest = json.dumps({"receiver": asdict(receiver), "document": document}, default=str).encode()
        self._hand_over()

    @property
    def pid(self) -> int:
        """Its pid, which leads a session of its own."""
        return self._child.pid

    def poll(self) -> str | None:
        """None while it is on its way; "" when it has arrived, else what went wrong."""
        self._hand_over()
        ended = self._read()
        if not ended and time.monotonic() < self._until:
            return None
        self._end()
        if not ended:
            return "it took too long"
        try:
            result = json.loads(self._said)
            return str(result["error"])
        except (ValueError, KeyError, TypeError):
            return "the sender died"

    def _hand_over(self) -> None:
        stream = self._child.stdin
        if stream is None or stream.closed:
            return
        try:
            while self._rest:
                self._rest = self._rest[os.write(stream.fileno(), self._rest) :]
        except BlockingIOError:
            return
        except OSError:
            self._rest = b""
        with suppress(OSError):
            stream.close()

    def _read(self) -> bool:
        stream = self._child.stdout
        assert stream is not None
        while True:
            try:
                data = os.read(stream.fileno(), _LONGEST)
            except BlockingIOError:
                return False
            if not data:
                return True
            self._said = (self._said + data)[-_LONGEST:]

    def _end(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None and not stream.closed:
                with suppress(OSError):
                    stream.close()
