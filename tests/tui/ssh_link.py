"""A real openssh server on loopback, reached over a link with a delay: the server with keys and configuration
of its own
and no rights, and a proxy that holds every byte for half of the round trip, in either direction.

The proxy stands in for `tc netem`, which needs a kernel module and root. What it delays is the bytes of the
TCP
connection, not its packets: there is no loss, no reordering and no limit of the rate.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.tui.terminal import Terminal

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
_CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


class SlowLink:
    """`with SlowLink(directory, round_trip=0.2) as link: link.open(command, environment)`: seconds."""

    def __init__(self, directory: Path, round_trip: float) -> None:
        self._directory = directory
        self._delay = round_trip / 2
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.sent = self.received = 0
        """Bytes that went to the server and came from it, encrypted."""

    def open(
        self, command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (80, 24)
    ) -> Terminal:
        """The command in a terminal on the other side; only TERM is handed on, as ssh does."""
        remote = shlex.join(["env", *(f"{name}={value}" for name, value in environment.items()), *command])
        return Terminal(
            ["ssh", "-tt", "-F", "none", "-i", str(self._directory / "user_key"), "-p", str(self._port),
             "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
             "-o", "SendEnv=none", f"{getpass.getuser()}@127.0.0.1", remote],
            {"PATH": os.environ["PATH"], "HOME": str(self._directory), "TERM": "xterm-256color"},
            size,
        )  # fmt: skip

    def __enter__(self) -> SlowLink:
        assert SSHD is not None
        for name in ("host_key", "user_key"):
            key = str(self._directory / name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        target = _free_port()
        configuration = self._directory / "sshd_config"
        configuration.write_text(_CONFIGURATION.format(port=target, directory=self._directory))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(
                mode=0o755, exist_ok=True
            )  # where the server of root wants to lock itself up
        self._server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(configuration)], stderr=(self._directory / "sshd.log").open("w")
        )
        _wait_for(target, self._server)
        self._thread.start()
        self._port = asyncio.run_coroutine_threadsafe(self._listen(target), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._server.terminate()
        self._server.wait(10)

    async def _hang_up(self) -> None:
        self._proxy.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self, target: int) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
            with suppress(asyncio.CancelledError):  # the test is over; asyncio would report it
                await asyncio.gather(
                    self._carry(reader, far_writer, outward=True),
                    self._carry(far_reader, writer, outward=False),
                )

        self._proxy = await asyncio.start_server(connected, "127.0.0.1", 0)
        port: int = self._proxy.sockets[0].getsockname()[1]
        return port

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, outward: bool
    ) -> None:
        """Every piece as it comes, each as late as the link is long; those behind don't wait for it."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await on_the_way.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        delivery = asyncio.ensure_future(deliver())
        data = b"-"
        while data:
            try:
                data = await reader.read(1 << 16)
            except OSError:
                data = b""
            if outward:
                self.sent += len(data)
            else:
                self.received += len(data)
            on_the_way.put_nowait((time.monotonic() + self._delay, data))
        try:
            await delivery
        except OSError:
            delivery.cancel()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)
