"""The panel's picture of the workspace: a thread gathers, messages carry, and only the panel's own thread
changes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from tui.store.device_history import DeviceHistory
from tui.store.follow import Follower
from tui.store.messages import RunFollowed, RunsChanged, StoreNote, TelemetrySample
from tui.store.runs import RunView, WorkspaceReader
from tui.store.services import Sampler, Services
from tui.store.telemetry import Sample, read_sample
from tui.store.watch import Watcher

if TYPE_CHECKING:
    from runtime.run.workspace import Workspace

POLL_SECONDS = 1.0
QUIET_SECONDS = 2.0
"""Between two looks when the kernel would have reported a change."""
WATCHED = 3
"""With more active runs than this, something has changed at every look anyway, and asking each of them costs
less than the kernel's reports of every file that is written."""
FIRST_PAINT_SECONDS = 0.4
"""After the first look: starting a sampler, a watcher and adoption would only slow down the first screen."""
AHEAD_SECONDS = 0.1
"""What the first screen waits at most for the first look: a slow disk must not keep it empty."""
FIRST_LOOK = 100
"""Runs that the first look reads, the ones written last: more don't fit on a screen, and a thousand would
keep it empty for longer."""
EVERYTHING_SECONDS = 5.0
ADOPT_SECONDS = 5.0
LEAVE_SECONDS = 60.0


class Store:
    """`runs` by id and the newest `telemetry`; read them freely on the panel's thread, `start` and `stop`
    with the panel."""

    def __init__(self, workspace: Workspace, services: Services, post: Callable[[Message], object]) -> None:
        self.workspace = workspace
        self.runs: dict[str, RunView] = {}
        self._active: dict[str, RunView] = {}
        self.telemetry: Sample | None = None
        self.history = DeviceHistory()
        self.note: str | None = None
        self.loaded = self.complete = False  # any run has been told of; all of them have
        self._services, self._post = services, post
        self._reader = WorkspaceReader(workspace)
        self._sampler: Sampler | None = None
        self._news = threading.Condition()
        self._ended = self._urgent = self._reported = False
        self._look_at_everything = False
        self._first = True
        self._complete = False
        self._noted: tuple[str, str] | None = None
        self._had_sample = False
        self._sampled_at = 0.0
        self._follow: str | None = None
        self._follow_anew = False
        self._follower: Follower | None = None
        self._ahead: threading.Thread | None = None
        self._held: list[Message] | None = None
        self._adopting: threading.Thread | None = None
        self._thread: threading.Thread | None = None

    # -- on the panel's thread

    def active(self) -> list[RunView]:
        """The runs that go on."""
        return list(self._active.values())

    def ordered(self) -> list[RunView]:
        """Active runs first, each part newest first (run ids begin with the time)."""
        return sorted(self.runs.values(), key=lambda view: (view.active, view.run_id), reverse=True)

    def apply(self, message: RunsChanged) -> frozenset[str]:
        """Takes the changes over; the ids of what changed."""
        for run_id, view in message.runs.items():
            if view is None:
                self.runs.pop(run_id, None)
            else:
                self.runs[run_id] = view
            if view is not None and view.active:
                self._active[run_id] = view
            else:
                self._active.pop(run_id, None)
        self.loaded = True
        self.complete |= message.complete
        return frozenset(message.runs)

    def follow(self, run_id: str | None) -> None:
        """From now on `RunFollowed` tells of this run: once as it stands, then what is new. None: of no
        run."""
        self._follow = run_id
        self._follow_anew = True
        self._tell(urgent=True)

    def wake(self) -> None:
        """Look at everything now: the person has just done something."""
        self._look_at_everything = True
        self._tell(urgent=True)

    def look_ahead(self) -> None:
        """Begins the first look while the panel is still being built, so that its first screen has the
        runs."""
        if self._services.threaded:
            self._held = []
            self._ahead = threading.Thread(
                target=self._poll_safely, args=(True, FIRST_LOOK), name="store-ahead", daemon=True
            )
            self._ahead.start()

    def start(self) -> None:
        """Starts the gathering thread; without threads only the sampler."""
        if not self._services.threaded:
            self._start_sampler()
            return
        if self._ahead is not None:
            self._ahead.join(AHEAD_SECONDS)
        with self._news:
            held, self._held = self._held, None
        for message in held or ():
            self._post(message)
        self._thread = threading.Thread(target=self._gather, name="store", daemon=True)
        self._thread.start()

    def _say(self, message: Message) -> None:
        """Posts a message, or keeps it while there is nobody yet to take it."""
        with self._news:
            if self._held is not None:
                self._held.append(message)
                return
        self._post(message)

    def stop(self) -> None:
        """Ends the thread and the sampler."""
        self._ended = True
        self._tell(urgent=True)
        if self._thread is not None:
            self._thread.join(2.0)
        elif self._sampler is not None:
            self._sampler.stop()

    # -- on the gathering thread

    def poll_once(self, everything: bool = True, at_most: int | None = None) -> None:
        """Looks once at everything and posts what changed."""
        self._poll_workspace(everything, at_most)
        self._poll_followed()
        self._poll_sampler(time.monotonic())

    def _poll_workspace(self, everything: bool, at_most: int | None) -> None:
        try:
            changes = self._reader.poll(everything, at_most)
        except OSError as error:
            self._complain(error, "workspace")
            return
        self._recovered("workspace")
        if changes or self._first or (at_most is None and not self._complete):
            self._say(RunsChanged(changes, first=self._first, complete=at_most is None))
            self._first = False
            self._complete = at_most is None

    def _poll_followed(self) -> None:
        run_id = self._follow
        if run_id is None:
            self._follower = None
            return
        view = self._reader.view(run_id)
        if view is None:
            return
        if self._follower is None or self._follow_anew or self._follower.run_id != run_id:
            self._follow_anew = False
            self._follower = Follower(view)
        followed = self._follower.poll(view.record.attempt if view.record is not None else 1)
        if followed is not None:
            self._say(RunFollowed(run_id, followed))

    def _gather(self) -> None:
        watcher: Watcher | None = None
        everything_at = adopt_at = leave_at = 0.0
        if self._ahead is not None:
            self._ahead.join()
        self._rest(time.monotonic(), FIRST_PAINT_SECONDS)
        while not self._ended:
            now = time.monotonic()
            everything = self._look_at_everything or now >= everything_at
            self._look_at_everything = False
            if everything:
                everything_at = now + EVERYTHING_SECONDS
            self._poll_safely(everything)
            if self._sampler is None:
                self._start_sampler()
                watcher = self._start_watcher()
            active = [view.directory.path for view in self._reader.active()]
            told = watcher is not None and len(active) <= WATCHED
            if watcher is not None:
                watcher.watch_runs(active if told else ())
            if now >= adopt_at:
                adopt_at = now + ADOPT_SECONDS
                self._adopt()
            if now >= leave_at:
                leave_at = now + LEAVE_SECONDS
                self._services.memory.leave(self.workspace.root, self._services.clock())
            self._rest(now, QUIET_SECONDS if told else POLL_SECONDS)
        if watcher is not None:
            watcher.stop()
        if self._sampler is not None:
            self._sampler.stop()

    def _poll_safely(self, everything: bool, at_most: int | None = None) -> None:
        try:
            self.poll_once(everything, at_most)
            self._recovered("thread")
        except Exception as error:  # noqa: BLE001 (shown; a thread that ends would leave a picture that stands still)
            self._complain(error, "thread")

    def _complain(self, error: Exception, where: str) -> None:
        """Told once: a page that looks again at each note would never rest."""
        noted = (where, f"{type(error).__name__}: {error}")
        if noted != self._noted:
            self._noted = noted
            self._say(StoreNote(noted[1]))

    def _recovered(self, where: str) -> None:
        if self._noted is not None and self._noted[0] == where:
            self._noted = None
            self._say(StoreNote(None))

    def _start_watcher(self) -> Watcher | None:
        watcher = Watcher(self.workspace.logs, self._tell) if self._services.watch else None
        return watcher if watcher is not None and watcher.start() else None

    def _rest(self, since: float, quiet: float) -> None:
        """Until the person waits for something, `POLL_SECONDS` after `since` if a change was reported, else
        `quiet` after it."""
        with self._news:
            while not self._urgent:
                due = since + (POLL_SECONDS if self._reported else quiet)
                left = due - time.monotonic()
                if left <= 0:
                    break
                self._news.wait(left)
            self._urgent = self._reported = False

    def _tell(self, urgent: bool = False) -> None:
        """There is something to look at. Called from any thread; not `urgent` when only the kernel reports a
        change."""
        with self._news:
            self._urgent |= urgent
            self._reported = True
            self._news.notify()

    def _start_sampler(self) -> None:
        if self._sampler is None:
            self._sampler = self._services.sampler(self.workspace)
            try:
                self._sampler.start()
            except OSError:  # no more processes to be had; poll tries again
                return

    def _poll_sampler(self, now: float) -> None:
        if self._sampler is None:  # not started yet
            return
        lines = self._sampler.poll()
        sample = read_sample(lines[-1]) if lines else None
        if sample is not None:
            self._had_sample, self._sampled_at = True, now
            for line in lines[:-1]:
                if (earlier := read_sample(line)) is not None:
                    self.history.add(earlier)
            self.history.add(sample)
            self._say(TelemetrySample(sample))
        elif self._had_sample and now - self._sampled_at > 8:
            self._had_sample = False
            self._say(TelemetrySample(None))

    def _adopt(self) -> None:
        """In a thread of its own: it may have to look at every process of the machine."""
        adopt = self._services.adopt
        if adopt is None or (self._adopting is not None and self._adopting.is_alive()):
            return

        def work() -> None:
            try:
                if adopt(self.workspace):
                    self.wake()
                self._recovered("adoption")
            except Exception as error:  # noqa: BLE001 (shown; it must neither end the panel nor print into it)
                self._complain(error, "adoption")

        self._adopting = threading.Thread(target=work, name="adopt", daemon=True)
        self._adopting.start()
