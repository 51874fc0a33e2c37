"""Verifying checkpoints one after the other in a thread, with progress, and to be cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.dom import DOMNode
from textual.worker import Worker, get_current_worker

if TYPE_CHECKING:
    from runtime.run.checkpoints import Checkpoint, Verification

_SHOWN_EVERY = 0.25  # seconds


class Cancelled(Exception):
    """The person doesn't want to wait any longer."""


def watched(show: Callable[[float], None]) -> Callable[[int, int], None]:
    """A progress callback for `verify`: tells the panel's thread of the share done, and ends the reading when
    the worker that it runs in is cancelled."""
    worker = get_current_worker()
    shown = [0.0]

    def progress(done: int, total: int) -> None:
        if worker.is_cancelled:
            raise Cancelled
        now = time.monotonic()
        if now - shown[0] >= _SHOWN_EVERY:
            shown[0] = now
            show(done / total if total else 1.0)

    return progress


class VerifyQueue:
    """`changed` is called on the panel's thread at each news, `done` with each result."""

    def __init__(
        self,
        owner: DOMNode,
        changed: Callable[[], None],
        done: Callable[[Checkpoint, Verification], None],
    ) -> None:
        self._owner, self._changed, self._done = owner, changed, done
        self._waiting: dict[Path, Checkpoint] = {}
        self._worker: Worker[None] | None = None
        self.shares: dict[Path, float | None] = {}
        """The share verified of each checkpoint that is asked for; None while it waits."""

    @property
    def busy(self) -> bool:
        """Whether anything is being verified."""
        return bool(self.shares)

    def add(self, checkpoint: Checkpoint) -> None:
        """Asks for a checkpoint, after those asked for before."""
        if checkpoint.path not in self.shares:
            self._waiting[checkpoint.path] = checkpoint
            self.shares[checkpoint.path] = None
            if self._worker is None:
                self._next()
            self._changed()

    def cancel(self) -> None:
        """Drops everything that isn't done yet."""
        self._waiting.clear()
        self.shares.clear()
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self._changed()

    def _next(self) -> None:
        if not self._waiting:
            self._worker = None
            return
        checkpoint = self._waiting.pop(next(iter(self._waiting)))
        self.shares[checkpoint.path] = 0.0
        app = self._owner.app

        def work() -> None:
            from runtime.run.checkpoints import verify

            try:
                result = verify(
                    checkpoint, watched(lambda share: app.call_from_thread(self._share, checkpoint, share))
                )
            except Cancelled:
                return
            if not get_current_worker().is_cancelled:
                app.call_from_thread(self._finished, checkpoint, result)

        self._worker = self._owner.run_worker(work, thread=True, group="verify")

    def _share(self, checkpoint: Checkpoint, share: float) -> None:
        if checkpoint.path in self.shares:
            self.shares[checkpoint.path] = share
            self._changed()

    def _finished(self, checkpoint: Checkpoint, result: Verification) -> None:
        self.shares.pop(checkpoint.path, None)
        self._done(checkpoint, result)
        self._next()
        self._changed()
