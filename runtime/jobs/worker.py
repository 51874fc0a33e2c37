"""What every worker process has: its place in the run, its heartbeat, the orders it gets, and how it says
that it ends.

A worker is started by the agent (or by hand with the same environment) as `python -m runtime.jobs`. This
module is free of torch, so that the first heartbeat and a clear error come before any heavy import.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from runtime.run.exits import exit_code, write_exit
from runtime.run.files import read_json
from runtime.run.heartbeat import HeartbeatWriter
from runtime.run.identity import Identity
from runtime.run.journal import FULL, PatientAppender, patiently
from runtime.run.layout import RunDirectory
from runtime.train.faults import fault_point

if TYPE_CHECKING:
    from runtime.profile import Profile

ORDER_INTERVAL = 0.2  # seconds between two looks at order.json

REQUIRED = ("HEADNODE_RUN", "HEADNODE_RUN_DIR", "HEADNODE_ATTEMPT", "RANK", "WORLD_SIZE")


@dataclass(frozen=True)
class Order:
    """The supervisor's latest orders, all of them at once: stop, save before stopping, and how many saves so
    far.
    """

    seq: int = 0
    stop: bool = False
    save: bool = False
    checkpoint: int = 0
    requests: tuple[str, ...] = ()


class WorkerContext:
    """One rank's view of its run. `terminate` becomes true at SIGTERM; `orders` is only set on rank 0."""

    def __init__(
        self,
        run_dir: RunDirectory,
        attempt: int,
        rank: int = 0,
        world_size: int = 1,
        local_rank: int = 0,
        local_world_size: int = 1,
    ) -> None:
        self.run_dir = run_dir
        self.attempt = attempt
        self.rank = rank
        self.world_size = world_size
        self.local_rank = local_rank
        self.local_world_size = local_world_size
        self.files = run_dir.attempt(attempt)
        self.step = 0
        self.phase = "import"
        self.finished = False
        self.terminate = False
        self._orders = Order()
        self._heart = HeartbeatWriter(self.files.heartbeat(rank), Identity.current(), rank)
        self._reports = PatientAppender(
            self.files.report(rank), before=lambda line: fault_point("report", int(line.get("step") or 0))
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> WorkerContext:
        """The context that the agent describes in the environment.

        Raises:
            UsageError: the process was not started as a worker.
        """
        missing = [name for name in REQUIRED if not environment.get(name)]
        if missing:
            raise UsageError(
                N_(
                    "This is a worker of a run and is started by Headnode ({names} is not set). "
                    "To run a profile: headnode launch PROFILE"
                ),
                names=missing[0],
            )
        try:
            return cls(
                RunDirectory(Path(environment["HEADNODE_RUN_DIR"])),
                int(environment["HEADNODE_ATTEMPT"]),
                int(environment["RANK"]),
                int(environment["WORLD_SIZE"]),
                int(environment.get("LOCAL_RANK", environment["RANK"])),
                int(environment.get("LOCAL_WORLD_SIZE", environment["WORLD_SIZE"])),
            )
        except (ValueError, FileNotFoundError, NotADirectoryError) as error:
            raise UsageError(
                N_("The worker's environment makes no sense: {error}"), error=str(error)
            ) from error

    @cached_property
    def profile(self) -> Profile:
        """The profile as this attempt runs it."""
        from runtime.profile import read_frozen

        return read_frozen(self.files.profile)

    @cached_property
    def command(self) -> dict[str, Any]:
        """attempts/<n>/command.json, {} where there is none."""
        return read_json(self.files.command) or {}

    @property
    def resume(self) -> dict[str, Any] | None:
        """{"step", "checkpoint"} of the checkpoint to go on from, None for a fresh start."""
        resume = self.command.get("resume")
        return resume if isinstance(resume, dict) else None

    @property
    def threads(self) -> int | None:
        """CPU threads for this process, as the launcher decided; None where it left that open."""
        threads = self.command.get("threads")
        return threads if isinstance(threads, int) and threads > 0 else None

    @property
    def orders(self) -> Order:
        """The latest orders (rank 0; elsewhere always the empty ones: the loop passes them on)."""
        return self._orders

    @property
    def should_stop(self) -> bool:
        """This rank was asked to stop, by signal or (rank 0) by order. For work outside the training loop."""
        return self.terminate or self._orders.stop

    def heartbeat(self, phase: str, step: int | None = None) -> None:
        """The work goes on. `step` is the last one begun (0: none yet); None leaves it as it was."""
        self.phase = phase
        if step is not None:
            self.step = step
        try:
            self._heart.beat(phase, self.step or None)
        except OSError as error:  # copy-on-write file systems need room even to overwrite
            if error.errno not in FULL:
                raise

    def report(self, event: str, **detail: object) -> None:
        """Tells the supervisor of something that happened, one line in report-<rank>.jsonl; on a full disk
        later, when there is room."""
        self._reports.append({"time": time.time(), "event": event, **detail})

    def say(self, text: str) -> None:
        """One line for a person in this rank's log."""
        print(time.strftime("%H:%M:%S"), text, flush=True)

    def finish(
        self, outcome: str, reason: str | None = None, step: int | None = None, error: str | None = None
    ) -> int:
        """Writes the exit record and returns the exit code that goes with it.

        `outcome` is finished, stopped or failed; `reason` a reason code (finished, user, non_finite, crash
        …).
        """
        if reason is None:
            reason = {"finished": "finished", "stopped": "user"}.get(outcome, "crash")
        self._reports.close()
        path, ended_at = self.files.exit(self.rank), self.step if step is None else step
        patiently(lambda: write_exit(path, outcome, reason, ended_at, error))
        self.finished = True
        return exit_code(outcome, reason)

    def listen(self) -> None:
        """Begins to notice signals, and on rank 0 orders. To be called once, in the main thread."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
        if self.rank == 0:
            threading.Thread(target=self._watch_orders, name="orders", daemon=True).start()

    def _on_sigterm(self, number: int, frame: object) -> None:
        self.terminate = True

    def _watch_orders(self) -> None:
        seen: tuple[int, int, int] | None = None
        while True:
            try:
                found = self.files.order.stat()
                stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
                if stamp != seen and (record := read_json(self.files.order)) is not None:
                    self._orders, seen = _order(record), stamp
            except FileNotFoundError:
                pass
            except (
                OSError,
                ValueError,
                TypeError,
            ) as error:  # a file server that hiccups must not end the listening
                self.say(f"order.json can't be read now: {error}")
            time.sleep(ORDER_INTERVAL)


def _order(record: Mapping[str, Any]) -> Order:
    return Order(
        seq=int(record.get("seq", 0)),
        stop=bool(record.get("stop", False)),
        save=bool(record.get("save", False)),
        checkpoint=int(record.get("checkpoint", 0)),
        requests=tuple(str(request) for request in record.get("requests") or ()),
    )
