"""The hands of a supervisor that reach for devices."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from runtime.launch.actions import Acquire, Prioritize, Wait
from runtime.launch.chronicle import Chronicle
from runtime.launch.gather import Standing
from runtime.launch.leasing import Leasing


class QueueHands:
    """Carries out what `reconcile` decided about the queue."""

    def __init__(self, chronicle: Chronicle, leasing: Leasing, standing: Standing) -> None:
        self._chronicle = chronicle
        self._leasing = leasing
        self._standing = standing

    def acquire(self, action: Acquire) -> None:
        """Takes the devices, unless somebody else was faster: then the next look decides anew."""
        if not self._leasing.acquire(action.devices):
            return
        self._standing.waiting = False
        self._chronicle.change(devices=self._leasing.keys, queue=None)
        self._chronicle.event("leased", devices=list(self._leasing.keys))

    def wait(self, action: Wait, now: float) -> None:
        """Stands in the line, and says so where the panel and `ls` read it."""
        record, ticket = self._chronicle.record, action.ticket
        self._standing.waiting = True
        self._leasing.announce(now)
        wants = ticket.wants
        queue: dict[str, Any] = {
            "position": len(action.ahead) + 1,
            "ahead": len(action.ahead),
            "kind": wants.kind,
            "wants": wants.count,
            "names": list(wants.names),
            "priority": ticket.priority,
            "since": ticket.asked,
            "problem": action.problem,
            "occupied": [
                {"gpu": device.index, "processes": [asdict(process) for process in device.processes]}
                for device in action.occupied
            ],
        }
        if record.state != "queued" or record.queue is None:
            self._chronicle.event("queued", devices_wanted=wants.to_json(), ahead=len(action.ahead))
        self._chronicle.change(state="queued", queue=queue, devices=())

    def prioritize(self, action: Prioritize) -> None:
        """The new place holds from the next look on."""
        self._leasing.priority = action.priority

    def give_back(self) -> None:
        """Everything of the run is gone: its devices are for the next."""
        given = self._leasing.give_back()
        if given:
            self._chronicle.event("released", devices=list(given))
        if self._chronicle.record.queue is not None:
            self._chronicle.change(queue=None)
