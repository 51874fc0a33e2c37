"""Sends one notification: `python -m runtime.launch.notify_send`, JSON {receiver, document} on standard
input,
JSON {error} on standard output ("" where it has arrived).

The web address is read here, from the environment or a file, and is in nothing that this says. Only http and
https are spoken, redirects are not followed, and every try ends after its time whatever the other side does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from runtime.launch.agent import become_subreaper
from runtime.launch.notify_child import PAUSES, TRIES
from runtime.launch.notify_messages import payload, refusal
from runtime.launch.processes import all_pids, descendants, stat_of

_LONGEST_ANSWER = 1 << 16


class Failed(Exception):
    """It didn't arrive; the words name no address. `again`: another try may help."""

    def __init__(self, words: str, *, again: bool = False) -> None:
        super().__init__(words)
        self.again = again


class _Late(Exception):
    pass


def send(receiver: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Sends with all tries; "" or what went wrong. Uses the process's alarm clock: for the main thread
    only."""
    try:
        if receiver["kind"] == "command":
            _run(receiver, document)
            return ""
        address = _address(receiver)
        body = json.dumps(payload(receiver["kind"], document), ensure_ascii=False).encode()
        for pause in (*PAUSES[: TRIES - 1], None):
            try:
                _post(receiver, address, body)
                return ""
            except Failed as problem:
                if pause is None or not problem.again:
                    raise
                time.sleep(pause)
    except Failed as problem:
        return str(problem)
    return ""


def _address(receiver: Mapping[str, Any]) -> str:
    from urllib.parse import urlsplit

    name, file = receiver.get("url_env"), receiver.get("url_file")
    if name:
        text = os.environ.get(name, "")
        if not text.strip():
            raise Failed(f"{name} isn't set in the environment that the run was started from")
    else:
        try:
            text = Path(str(file)).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise Failed(f"{file} can't be read: {getattr(problem, 'strerror', None) or 'no text'}") from None
    text = text.strip()
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known = False
    if not known or any(character <= " " for character in text):
        raise Failed(f"what {name or file} holds is no http or https address")
    return text


def _post(receiver: Mapping[str, Any], address: str, body: bytes) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    request = Request(address, data=body, method="POST")
    request.add_header("Content-Type", "application/json; charset=utf-8")
    request.add_header("User-Agent", "headnode")
    try:
        seconds = float(receiver["timeout"])
        with _at_most(seconds), _opener().open(request, timeout=seconds) as answer:
            said = answer.read(_LONGEST_ANSWER)
    except HTTPError as problem:
        problem.close()
        if 300 <= problem.code < 400:
            raise Failed(f"HTTP {problem.code}: it redirects, which is not followed") from None
        raise Failed(f"HTTP {problem.code}", again=problem.code >= 500 or problem.code == 429) from None
    except (_Late, TimeoutError):
        raise Failed("timed out", again=True) from None
    except URLError as problem:
        raise Failed(_words(problem.reason), again=True) from None
    except (OSError, HTTPException) as problem:
        raise Failed(_words(problem), again=True) from None
    except ValueError:
        raise Failed("the address can't be used") from None
    _require_taken(receiver["kind"], said)


def _require_taken(kind: str, said: bytes) -> None:
    if kind not in ("feishu", "dingtalk"):
        return
    try:
        answer = json.loads(said)
    except ValueError:
        raise Failed("the answer is no JSON") from None
    why = refusal(kind, answer if isinstance(answer, dict) else {})
    if why is not None:
        raise Failed(why)


def _opener() -> Any:
    """Speaks http and https through the environment's proxy, and nothing else: no file, ftp or data address,
    no
    redirect."""
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _words(reason: object) -> str:
    """An error without the address."""
    if isinstance(reason, TimeoutError):
        return "timed out"
    if isinstance(reason, socket.gaierror):
        return "the host's name isn't known"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return f"no connection ({type(reason).__name__})"


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Ends what is inside with _Late, also where the other side sends one byte a second."""

    def late(number: int, frame: FrameType | None) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _run(receiver: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Runs the program with the document on its standard input; nothing of it stays."""
    argv = [str(word) for word in receiver["argv"]]
    body = json.dumps(document, ensure_ascii=False).encode() + b"\n"
    try:
        child = subprocess.Popen(
            argv,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as problem:
        raise Failed(f"{argv[0]}: {getattr(problem, 'strerror', None) or 'cannot be run'}") from None
    try:
        with suppress(BrokenPipeError):
            child.communicate(body, timeout=float(receiver["timeout"]))
        code = child.wait(timeout=float(receiver["timeout"]))
    except subprocess.TimeoutExpired:
        raise Failed(f"{argv[0]} took longer than {receiver['timeout']:g} s") from None
    finally:
        _end_children()
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise Failed(f"{argv[0]} {how}")


def _end_children() -> None:
    """What the program left behind would otherwise become the supervisor's."""
    stats = {stat.pid: stat for stat in map(stat_of, all_pids()) if stat is not None}
    for pid in descendants([os.getpid()], stats):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def main() -> int:
    """See the module."""
    become_subreaper()
    asked = json.loads(sys.stdin.buffer.read())
    error = send(asked["receiver"], asked["document"])
    sys.stdout.write(json.dumps({"error": error}))
    sys.stdout.flush()
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())
