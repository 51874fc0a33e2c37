"""A web server on this machine that takes notifications, as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hook(ThreadingHTTPServer):
    """`behaviour`: ok, slow (never answers), drip (a byte now and then), 500, 302, refused (a chat's own
    no)."""

    daemon_threads = True

    def __init__(self, behaviour: str = "ok") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = behaviour
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/SECRET-PART"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.bodies.append(json.loads(self.rfile.read(length)))
        self.server.requests.append(self.path)
        match self.server.behaviour:
            case "slow":
                self.server.ended.wait(60)
            case "drip":
                self.send_response(200)
                self.end_headers()
                for _ in range(600):
                    if self.server.ended.wait(0.1):
                        return
                    self.wfile.write(b" ")
                    self.wfile.flush()
            case "500":
                self._answer(500, b"no")
            case "302":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
            case "refused":
                self._answer(200, b'{"code": 19024, "errcode": 310000, "msg": "Key Words Not Found"}')
            case _:
                self._answer(200, b'{"code": 0, "errcode": 0}')

    do_GET = do_POST

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        return


@contextmanager
def hook(behaviour: str = "ok") -> Iterator[Hook]:
    server = Hook(behaviour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def until(condition: Any, what: str = "") -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)
