"""Writing metrics: `metrics.jsonl`, one line a logged step, and `log` for any training script.

    from runtime.run import log
    log(step, {"train/loss": loss})

Outside a run `log` does nothing, so that the same script also runs by hand. It is cheap to import and to
call.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

from runtime.run.journal import JsonlAppender, PatientAppender

if TYPE_CHECKING:
    from runtime.run.heartbeat import HeartbeatWriter

RESERVED = frozenset({"schema", "step", "time", "attempt"})


class MetricsWriter:
    """Appends to a metrics file for one attempt. One process writes it at a time: rank 0.

    `appender` stands for the plain one, which raises where the disk is full.
    """

    def __init__(
        self, path: Path, attempt: int, appender: JsonlAppender | PatientAppender | None = None
    ) -> None:
        self._appender = appender if appender is not None else JsonlAppender(path)
        self._attempt = attempt

    def write(self, step: int, values: Mapping[str, SupportsFloat], time_now: float | None = None) -> None:
        """Logs `values` (numbers, or tensors and arrays of one element) at `step`; `time_now` in Unix
        seconds.

        Raises TypeError or ValueError for what is no number and for a reserved name, OSError as the disk
        does.
        """
        row: dict[str, Any] = {
            "step": int(step),
            "time": time.time() if time_now is None else time_now,
            "attempt": self._attempt,
        }
        for name, value in values.items():
            if name in RESERVED:
                raise ValueError(
                    f"a metric can't be called {name!r}; give it a section, as in 'train/{name}'"
                )
            row[name] = float(value)
        self._appender.append(row)

    def close(self) -> None:
        """Closes the file."""
        self._appender.close()


class _Logger:
    """What `log` keeps between calls: the open files of the run that the environment names."""

    def __init__(self, directory: Path, attempt: int, rank: int) -> None:
        self.key = (directory, attempt, rank, os.getpid())
        self._writer = MetricsWriter(directory / "metrics.jsonl", attempt) if rank == 0 else None
        self._beats = _is_command(directory)
        self._heart_path = directory / "attempts" / str(attempt) / f"heartbeat-{rank}"
        self._heart: HeartbeatWriter | None = None
        self._complained = False
        if self._beats:
            _answer_for_stacks()

    def log(self, step: int, values: Mapping[str, SupportsFloat]) -> None:
        """Writes and beats; a disk that refuses is told once, as a curve with a hole is no reason to end a
        training.
        """
        try:
            if self._writer is not None:
                self._writer.write(step, values)
            if self._beats:
                self._beat(step)
        except OSError as error:
            if not self._complained:
                print(f"headnode: metrics are not being logged: {error}", file=sys.stderr, flush=True)
            self._complained = True

    def _beat(self, step: int) -> None:
        if self._heart is None:
            from runtime.run.heartbeat import HeartbeatWriter
            from runtime.run.identity import Identity

            self._heart = HeartbeatWriter(self._heart_path, Identity.current())
        self._heart.beat("step", int(step))


def _answer_for_stacks() -> None:
    """A program that logs is watched, and where it hangs its stack is asked for by SIGUSR1 (`launch.stacks`).
    One
    that has other plans with that signal keeps them."""
    import faulthandler
    import signal

    if signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL:
        with suppress(AttributeError, ValueError, OSError, RuntimeError):  # no file descriptor on its stderr
            faulthandler.register(signal.SIGUSR1, all_threads=True)


def _is_command(directory: Path) -> bool:
    """Jobs of ours beat by themselves; for a `command` job each `log` is the sign of life."""
    from runtime.run.files import ForeignSchema, read_json

    try:
        record = read_json(directory / "run.json")
    except (ForeignSchema, OSError):
        return False
    return record is not None and record.get("job") == "command"


_logger: _Logger | None = None
_lock = threading.Lock()


def log(step: int, values: Mapping[str, SupportsFloat], attempt: int | None = None) -> None:
    """Logs metrics of `step` to the run that this process belongs to; outside a run it does nothing.

    Only rank 0 writes the values, so every rank may call it. In a `command` job each call is also the rank's
    heartbeat. Names have a section, as in `train/loss`: charts group by it. The run, the attempt and the rank
    come from the environment (HEADNODE_RUN_DIR, HEADNODE_ATTEMPT, RANK). Raises TypeError or ValueError for
    values that are no numbers; a full disk is told once on standard error and doesn't end the training.
    """
    global _logger
    run_directory = os.environ.get("HEADNODE_RUN_DIR")
    if not run_directory:
        return
    if attempt is None:
        attempt = int(os.environ.get("HEADNODE_ATTEMPT") or 1)
    key = (Path(run_directory), attempt, int(os.environ.get("RANK") or 0), os.getpid())
    with _lock:
        if _logger is None or _logger.key != key:
            _logger = _Logger(*key[:3])
        _logger.log(step, values)
