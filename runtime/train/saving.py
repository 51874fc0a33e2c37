"""When checkpoints are saved in a training, and what is told of it. `CheckpointSaver` knows how."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from runtime.train.checkpointing import CheckpointSaver, Facts, SaveOutcome
from runtime.train.disk import DiskWatch
from runtime.train.state import State
from runtime.train.strategies import Strategy

Snapshot = Callable[[], tuple[State, Facts]]


@dataclass(frozen=True)
class Unsaved:
    """Why a save that the run's end depends on failed: a reason code, and one line."""

    reason: str
    error: str


class Saving:
    """The saves of one training. Collective, but for what says otherwise; every rank decides the same.

    `disk` None: room is not looked after, a save on a full disk simply fails. A failed save is no end of the
    run, since the checkpoints before it are still there; it is reported, and tried again when the next is
    due or there is room again.
    """

    def __init__(
        self,
        saver: CheckpointSaver,
        strategy: Strategy,
        disk: DiskWatch | None,
        *,
        report: Callable[..., None],
        heartbeat: Callable[[str, int], None],
        pause: Callable[[float], None],
        saved_step: int | None,
    ) -> None:
        """`pause` is told of seconds that the loop waited; `saved_step` is the step that has a checkpoint."""
        self._saver, self._strategy, self._disk = saver, strategy, disk
        self._report, self._heartbeat, self._pause = report, heartbeat, pause
        self.saved_step = saved_step
        self.unsaveable: str | None = None
        """Set when a copy of the state turned out to hold a NaN or an infinity."""

    def poll(self) -> None:
        """Tell how the save in flight ended, if it has. Not collective."""
        self._tell(self._saver.poll())

    def save(self, step: int, snapshot: Snapshot, *, asked: bool) -> None:
        """Start a save of the present state, unless this step has one or there is no room for it. The save
        before must end first. `asked`: somebody waits for it, and is told if there is none."""
        if self.saved_step == step:
            return
        self.settle(step)
        if not self._room():
            assert self._disk is not None
            self._disk.pause(step)
            if asked:
                self._tell(SaveOutcome(step, 0.0, 0, "disk_full", self._no_room()))
            return
        if self._disk is not None:
            self._disk.resume(step)
        self._saver.start(*snapshot())
        self.saved_step = step

    def settle(self, step: int) -> None:
        """Wait for the save in flight and tell how it ended."""
        if not self._saver.busy:
            return
        began = time.perf_counter()
        self._heartbeat("checkpoint", step)
        self._tell(self._saver.wait())
        self._pause(time.perf_counter() - began)

    def last(self, step: int, snapshot: Snapshot) -> Unsaved | None:
        """Save at the end of the run, using up the margin if need be; why it failed, or None."""
        self.settle(step)
        if self.saved_step == step:
            return None
        if not self._room(final=True):
            self._tell(SaveOutcome(step, 0.0, 0, "disk_full", self._no_room()))
            return Unsaved("disk_full", self._no_room())
        self._saver.start(*snapshot())
        self.saved_step = step
        outcome = self._saver.wait()
        assert outcome is not None
        self._tell(outcome)
        return None if outcome.reason is None else Unsaved(outcome.reason, outcome.error or "")

    def close(self) -> None:
        """End the saver's thread, after the save in flight. Not collective."""
        self._saver.close()

    def rewound(self, step: int) -> None:
        """The state is that of step `step` again, which has a checkpoint (0: the beginning)."""
        self.saved_step = step or None
        self.unsaveable = None

    def _room(self, *, final: bool = False) -> bool:
        if self._disk is None:
            return True
        lacking = not self._disk.room(final=final)
        return not self._strategy.begin_maximum([int(lacking)]).wait()[0]

    def _no_room(self) -> str:
        assert self._disk is not None
        needed, free = (amount / (1 << 20) for amount in (self._disk.needed, self._disk.free))
        return f"not saved: {needed:,.1f} MiB are needed and {free:,.1f} MiB are free"

    def _tell(self, outcome: SaveOutcome | None) -> None:
        if outcome is None:
            return
        if outcome.reason is not None and self.saved_step == outcome.step:
            self.saved_step = None
        if outcome.reason == "non_finite":
            self.unsaveable = outcome.error
        if self._disk is not None and outcome.reason is None:
            self._disk.needed = outcome.bytes
        elif self._disk is not None and outcome.reason == "disk_full" and not self._disk.room():
            self._disk.pause(outcome.step)  # else a quota, say, refuses what the disk would take: no hurry
        if self._strategy.rank != 0:
            return
        if outcome.reason is None:
            self._report("checkpoint_saved", step=outcome.step, seconds=outcome.seconds, bytes=outcome.bytes)
            print(f"step {outcome.step} checkpoint saved in {outcome.seconds:.1f} s", flush=True)
        else:
            self._report("checkpoint_failed", step=outcome.step, reason=outcome.reason, error=outcome.error)
            print(f"step {outcome.step} checkpoint not saved: {outcome.error}", flush=True)
