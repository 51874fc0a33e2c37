"""Asking torch through a one-shot child process: JSON out, nothing of it in here."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from runtime.telemetry.sampler import sampler_environment

REPORT = "runtime.jobs.torch_report"
_SECONDS = 300.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class ChildFailed(Exception):
    """The child gave no answer; the text says what it said last."""


def die_with_parent() -> None:
    """For a child, before it becomes another program: the panel that asks may be closed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def ask(module: str, arguments: Sequence[str] = (), seconds: float = _SECONDS) -> dict[str, Any]:
    """The JSON object that `python -m module` prints last. Raises ChildFailed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env=sampler_environment(),
            timeout=seconds,
            preexec_fn=die_with_parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChildFailed(f"no answer within {seconds:.0f} s") from None
    except OSError as error:
        raise ChildFailed(error.strerror or str(error)) from error
    for line in reversed(done.stdout.splitlines()):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            return answer
    raise ChildFailed(_last_words(done))


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    end = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    return f"{lines[-1].strip()} ({end})" if lines else end
