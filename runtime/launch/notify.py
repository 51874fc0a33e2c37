"""Notifications: who is told of a run's start, end, fault or hang, each transition once.

The supervisor notices, since it outlives the panel; a short-lived child process for each receiver does the
talking (`runtime.launch.notify_send`), so that a slow or broken one can't hold a run up.

Once, also where supervisors change: before anything is sent, a file `attempts/<n>/notify/<transition>` is
made
for the receiver with O_EXCL; whoever finds it there doesn't send. So a notification is lost where a
supervisor
dies between the two (its successor writes `notify_failed`, since nobody knows whether it arrived), and it is
sent twice only where the disk took no such file and the supervisor died on top of that.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runtime.launch.chronicle import Chronicle, say
from runtime.launch.notify_child import NotifyChild
from runtime.launch.notify_messages import document
from runtime.run.epochs import EpochHeld, release_epoch, take_epoch
from runtime.run.events import Event, EventWriter
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.settings import OCCASIONS as ALL
from runtime.settings import Notification, load_or_default

OCCASIONS: Mapping[str, str] = {
    "running": "start",
    "completed": "end",
    "stopped": "end",
    "failed": "fault",
    "lost": "fault",
    "unkillable": "fault",
    "restart": "fault",
    "hang": "hang",
}
"""Event → what it is for a person."""
_BEGINNINGS = ("created", "branched", "resumed")
_OUTCOMES = ("notified", "notify_failed")

AT_END = 3.0
"""Seconds for which a supervisor that has recorded the end of its run waits with the run in its hands."""
LATE = 600.0
"""Seconds after which a successor doesn't tell any more what its predecessor had no time to tell."""
_AT_ONCE = 8
_WAITING = 64


@dataclass(frozen=True)
class _Due:
    event: Event
    on: str
    receiver: Notification


class Notifier:
    """Told of every event by the chronicle. `poll` never waits, and nothing here raises."""

    def __init__(
        self,
        chronicle: Chronicle,
        receivers: Sequence[Notification],
        environment: Mapping[str, str],
        events: Iterable[Event] = (),
    ) -> None:
        self._chronicle = chronicle
        self._run = chronicle.run
        self._receivers = tuple(dict.fromkeys(receivers))
        self._environment = environment
        self._due: deque[_Due] = deque()
        self._children: list[tuple[_Due, NotifyChild]] = []
        self._claimed: set[str] = set()
        self._restarted = False
        self._adopt(list(events))

    @property
    def pids(self) -> set[int]:
        """The children, which are no processes of the run."""
        return {child.pid for _due, child in self._children}

    @property
    def busy(self) -> bool:
        """Whether something is still to be sent, or on its way."""
        return bool(self._due or self._children)

    def heard(self, event: Event) -> None:
        """Called with every event that is written of the run."""
        if event.event in _BEGINNINGS:
            self._restarted = False
        on = OCCASIONS.get(event.event)
        if on is None or (event.event == "running" and self._restarted):
            return
        self._restarted = self._restarted or event.event == "restart"
        for receiver in self._receivers:
            told_as_hang = event.event == "restart" and event.reason == "hang" and "hang" in receiver.on
            if on in receiver.on and not told_as_hang:
                self._due.append(_Due(event, on, receiver))

    def _adopt(self, events: list[Event]) -> None:
        """What a supervisor before may have left untold; what it was telling is settled as unknown."""
        if not self._receivers:
            return
        for event in events:
            self.heard(event)
        recent = time.time() - LATE
        settled = {_outcome_key(event) for event in events if event.event in _OUTCOMES}
        waiting, self._due = self._due, deque()
        for due in waiting:
            if due.event.time < recent:
                continue
            if not self._claim_path(due).exists():
                self._due.append(due)
            elif (due.event.event, due.receiver.kind, due.event.time) not in settled:
                self._tell(due, "the supervisor ended while it was sent: it may have arrived or not")

    def poll(self) -> None:
        """Starts what is due and writes down how what was started has ended."""
        try:
            self._collect()
            while self._due and len(self._children) < _AT_ONCE:
                self._send(self._due.popleft())
            while len(self._due) > _WAITING:
                self._tell(self._due.popleft(), "too many are waiting to be sent")
        except OSError as error:
            say(f"notifications: {error}")

    def _send(self, due: _Due) -> None:
        if not self._claim(due):
            return
        told = document(due.event, due.on, self._chronicle.record)
        try:
            child = NotifyChild(due.receiver, told, self._environment)
        except OSError as error:
            self._tell(due, f"{error.strerror or 'no process could be started'}")
            return
        self._children.append((due, child))

    def _collect(self) -> None:
        still = []
        for due, child in self._children:
            error = child.poll()
            if error is None:
                still.append((due, child))
            else:
                self._tell(due, error)
        self._children = still

    def _tell(self, due: _Due, error: str) -> None:
        self._chronicle.event(_name(error), **_facts(due, error))

    # -- once

    def _claim_path(self, due: _Due) -> Path:
        receiver = json.dumps(asdict(due.receiver), default=str, sort_keys=True)
        digest = hashlib.sha256(receiver.encode()).hexdigest()[:8]
        name = f"{due.event.event}-{due.event.time:.6f}-{digest}.json"
        return self._run.attempt(due.event.attempt).path / "notify" / name

    def _claim(self, due: _Due) -> bool:
        """Whether it is ours to send. A disk that refuses the file is no reason not to tell of just that."""
        path = self._claim_path(due)
        if path.name in self._claimed:
            return False
        self._claimed.add(path.name)
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("x") as stream:
                json.dump({"schema": 1, "on": due.on, "kind": due.receiver.kind, "time": time.time()}, stream)
        except FileExistsError:
            return False
        except OSError as error:
            say(f"notifications: {path.name}: {error}")
        return True

    # -- the end

    def finish(self) -> None:
        """After the end of the run was recorded: waits a little, so that most are told of in its events."""
        until = time.monotonic() + AT_END
        while self.busy and time.monotonic() < until:
            self.poll()
            time.sleep(0.02)
        self._chronicle.flush()

    def settle(self) -> None:
        """After the run was let go of: waits for what is left, within the senders' bounds, and writes down
        how
        it ended, unless somebody else holds the run by then."""
        told = []
        while self._children:
            for due, child in list(self._children):
                error = child.poll()
                if error is not None:
                    told.append((due, error))
                    self._children.remove((due, child))
            time.sleep(0.05)
        if told:
            _write_later(self._run, told)


def _write_later(run: RunDirectory, told: list[tuple[_Due, str]]) -> None:
    try:
        epoch = take_epoch(run, Identity.current())
    except (EpochHeld, OSError) as held:
        say(f"notifications: not written down, {held}")
        return
    try:
        events = EventWriter(run)
        for due, problem in told:
            events.write(_name(problem), due.event.attempt, None, **_facts(due, problem))
        events.close()
    except OSError as refused:
        say(f"notifications: {refused}")
    finally:
        release_epoch(run, epoch)


def _name(error: str) -> str:
    return "notify_failed" if error else "notified"


def _facts(due: _Due, error: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "kind": due.receiver.kind,
        "on": due.on,
        "of": due.event.event,
        "happened": due.event.time,
    }
    return facts | ({"error": error} if error else {})


def _outcome_key(event: Event) -> tuple[object, object, object]:
    return event.detail.get("of"), event.detail.get("kind"), event.detail.get("happened")


def receivers_of(command_notify: Sequence[Mapping[str, object]]) -> list[Notification]:
    """Whom to tell: those of the settings file, and those of the profile, as command.json has them. Settings
    that can't be read are said in supervisor.log and left out: a run goes on without them."""
    settings, problem = load_or_default()
    if problem is not None:
        say(f"notifications: the settings can't be used: {problem}")
    return [*settings.notify, *(notification(entry) for entry in command_notify)]


def notification(entry: Mapping[str, object]) -> Notification:
    """One entry of a profile's `notify`, as command.json has it."""
    file, argv, on = entry.get("url_file"), entry.get("argv"), entry.get("on")
    name, timeout = entry.get("url_env"), entry.get("timeout")
    return Notification(
        kind=str(entry.get("kind")),
        on=tuple(str(one) for one in on) if isinstance(on, list | tuple) else ALL,
        url_env=str(name) if name is not None else None,
        url_file=Path(str(file)).expanduser() if file is not None else None,
        argv=tuple(str(word) for word in argv) if isinstance(argv, list | tuple) else (),
        timeout=float(timeout) if isinstance(timeout, int | float) else 10.0,
    )
