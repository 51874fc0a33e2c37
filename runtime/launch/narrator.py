"""Tells in events.jsonl what the ranks did: started, got to a phase, saved, evaluated, exited. Each thing
once, also across supervisors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runtime.launch.chronicle import Chronicle
from runtime.launch.executor import Executor
from runtime.launch.gather import Gatherer
from runtime.launch.summary import SummaryKeeper
from runtime.run.events import Event
from runtime.run.files import number
from runtime.run.tail import JsonlTail

TOLD = (
    "checkpoint_saved",
    "checkpoint_failed",
    "checkpoint_deleted",
    "checkpoint_invalid",
    "evaluated",
    "prepared",
    "non_finite",
    "spike",
    "rolled_back",
    "save_paused",
    "save_resumed",
    "disk_low",
)
"""Events of report-<r>.jsonl that become events of the run; the others are for the summary."""

_START_UP = ("load", "compile")


class Narrator:
    """Follows one attempt; `begin` names it, with the events that were written of it already."""

    def __init__(
        self, chronicle: Chronicle, gatherer: Gatherer, summary: SummaryKeeper, executor: Executor
    ) -> None:
        self._chronicle = chronicle
        self._gatherer = gatherer
        self._summary = summary
        self._executor = executor
        self._attempt = 0

    def _begin(self, attempt: int) -> None:
        self._attempt = attempt
        self._started: set[int] = set()
        self._exited: set[int] = set()
        self._phases: set[str] = set()
        self._told_until = 0.0
        self._reports = JsonlTail(self._chronicle.run.attempt(attempt).report(0))

    def adopt(self, attempt: int, events: Iterable[Event]) -> None:
        """Goes on where another supervisor left off."""
        self._begin(attempt)
        for event in events:
            if event.attempt != attempt:
                continue
            rank = event.detail.get("rank")
            if event.event == "rank_started" and isinstance(rank, int):
                self._started.add(rank)
            elif event.event == "rank_exited" and isinstance(rank, int):
                self._exited.add(rank)
            elif event.event == "phase":
                self._phases.add(str(event.detail.get("phase")))
            reported = number(event.detail.get("reported"))
            self._told_until = max(self._told_until, reported or 0.0)

    def tell(self) -> None:
        """Writes what is new."""
        if self._attempt != self._chronicle.record.attempt:
            self._begin(self._chronicle.record.attempt)
        self._tell_reports()
        for rank in self._gatherer.known_ranks():
            if rank.rank not in self._started and rank.pid is not None:
                self._started.add(rank.rank)
                self._chronicle.event("rank_started", rank=rank.rank, pid=rank.pid)
        phase, _step = self._gatherer.heartbeat_of(0)
        if phase in _START_UP and phase not in self._phases:
            self._phases.add(phase)
            self._chronicle.event("phase", phase=phase, rank=0)
        for ending in self._gatherer.endings():
            if ending.rank not in self._exited:
                self._exited.add(ending.rank)
                facts = {
                    name: getattr(ending, name)
                    for name in ("code", "signal", "outcome", "error", "phase", "step")
                }
                told = {name: value for name, value in facts.items() if value is not None}
                if ending.spawn_error is not None:
                    told["error"] = ending.spawn_error
                self._chronicle.event("rank_exited", ending.reason, rank=ending.rank, **told)

    def _tell_reports(self) -> None:
        for line in self._reports.poll():
            event = line.get("event")
            self._summary.report(line)
            if event in TOLD:
                self._tell_report(str(event), line)

    def _tell_report(self, event: str, line: dict[str, Any]) -> None:
        seconds = number(line.get("seconds"))
        if event == "checkpoint_saved" and seconds is not None:
            self._gatherer.note_save(seconds)
        moment = number(line.get("time")) or 0.0
        if moment <= self._told_until:
            return
        facts = {
            name: value for name, value in line.items() if name not in ("schema", "time", "event", "reason")
        }
        reason = line.get("reason")
        self._chronicle.event(event, str(reason) if reason else None, **facts, reported=moment)
        if event == "checkpoint_saved":
            step = number(line.get("step"))
            self._executor.settle_saves(int(step) if step is not None else None)
        elif event == "checkpoint_failed":
            self._executor.settle_saves(None, line)
