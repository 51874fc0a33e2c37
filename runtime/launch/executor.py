"""Carries out what `reconcile` decided: writes record, events and orders, starts and signals processes."""

from __future__ import annotations

import signal as signals
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from runtime.launch import actions
from runtime.launch.attempts import choose_checkpoint, repeat_attempt, resume_of
from runtime.launch.chronicle import Chronicle, say
from runtime.launch.diagnosis.hangs import cause_of_hang
from runtime.launch.executor_queue import QueueHands
from runtime.launch.gather import Gatherer, Standing
from runtime.launch.leasing import Leasing
from runtime.launch.local import LocalEngine
from runtime.launch.memory_options import read_memory_options
from runtime.launch.orders import OrderWriter
from runtime.launch.rank_environment import Command
from runtime.launch.stacks import dump_stacks, keep_stacks, stacks_for_event
from runtime.launch.summary import SummaryKeeper
from runtime.launch.tails import log_end
from runtime.run.control import pending
from runtime.run.identity import Identity
from runtime.run.record import RunRecord


class Executor:
    """The hands of one supervisor. `over` becomes true when the run has ended and all is written."""

    def __init__(
        self,
        chronicle: Chronicle,
        engine: LocalEngine,
        gatherer: Gatherer,
        standing: Standing,
        summary: SummaryKeeper,
        command: Command,
        leasing: Leasing,
    ) -> None:
        self._chronicle = chronicle
        self._engine = engine
        self._gatherer = gatherer
        self._standing = standing
        self._summary = summary
        self._run = chronicle.run
        self.command = command
        self.orders = OrderWriter(self._run.attempt(chronicle.record.attempt))
        self._signalled: dict[tuple[int, Identity], None] = {}
        self._told: set[tuple[str, str, float]] = set()
        self._saves: dict[str, int] = {}  # request → the step at which it was made
        self._stops: dict[str, None] = {}
        self._hang: dict[str, Any] = {}  # of this attempt, with where its stacks are
        self.over = False
        self.again = False  # something has changed that is worth another look at once
        self._leasing = leasing
        self._queue = QueueHands(chronicle, leasing, standing)
        self._hands: dict[type, Callable[[Any], None]] = {
            actions.Wait: lambda action: self._queue.wait(action, time.monotonic()),
            actions.Acquire: self._acquire,
            actions.Prioritize: self._queue.prioritize,
            actions.Start: self._start,
            actions.Enter: self._enter,
            actions.Answer: self._answer,
            actions.SaveNow: self._save_now,
            actions.Order: self._order,
            actions.Escalate: self._escalate,
            actions.Signal: self._signal,
            actions.DumpStacks: self._dump_stacks,
            actions.Restart: self._restart,
            actions.End: self._end,
            actions.Abandon: self._abandon,
        }

    @property
    def _record(self) -> RunRecord:
        return self._chronicle.record

    def carry_out(self, action: actions.Action) -> None:
        """Carries out one action."""
        self._hands[type(action)](action)

    def accepted_before(self, request: str, verb: str, step: int) -> None:
        """A request that a supervisor before this one accepted, and that isn't done yet."""
        self._standing.answered.add(request)
        if verb == "save":
            self._saves[request] = step
        else:
            self._stops[request] = None

    def _acquire(self, action: actions.Acquire) -> None:
        self._queue.acquire(action)
        self.again = True

    def _start(self, _: actions.Start) -> None:
        attempt = self._record.attempt
        self._chronicle.change(
            state="starting",
            started=self._record.started or time.time(),
            nodes=(self._engine.node,),
            evidence={},
        )
        self._chronicle.event("started", world_size=self.command.world_size, resume=self.command.resume)
        self._standing.adopted = False
        self._signalled.clear()
        self._told.clear()
        try:
            identity = self._engine.start_agent(attempt, self._leasing.keys)
        except OSError as error:
            self._conclude("failed", "unknown", {"process": "agent", "error": str(error)})
            return
        self._gatherer.started = True
        if identity is not None:
            self._leasing.keep(time.monotonic(), [identity])
        known = identity.to_json() if identity is not None else None
        self._chronicle.event("agent_started", node=self._engine.node, identity=known)

    def _enter(self, action: actions.Enter) -> None:
        if action.state == self._record.state:
            return
        self._chronicle.change(state=action.state)
        if action.event is not None:
            self._chronicle.event(action.event, **action.detail)

    def _answer(self, action: actions.Answer) -> None:
        self._standing.answered.add(action.id)
        facts = {"request": action.id, "verb": action.verb, **({"by": action.by} if action.by else {})}
        self._chronicle.event(action.event, action.reason, **facts)
        if action.event == "request_refused":
            self._close(action.id)
        elif action.verb == "stop":
            self._stops[action.id] = None

    def _close(self, request_id: str) -> None:
        for request in pending(self._run):
            if request.id == request_id:
                try:
                    request.close()
                except OSError as error:
                    say(f"{request.path} could not be removed: {error}")

    def _save_now(self, action: actions.SaveNow) -> None:
        _, step = self._gatherer.heartbeat_of(0)
        self._saves[action.id] = step or 0
        self.orders.save_now(action.id)

    def settle_saves(self, step: int | None, failure: Mapping[str, Any] | None = None) -> None:
        """Answers what was asked for by `save` once there is a checkpoint at least as new; or once a save
        has failed."""
        for request, asked in list(self._saves.items()):
            if failure is not None:
                facts = {"request": request, "verb": "save", "error": failure.get("error")}
                self._chronicle.event("request_refused", str(failure.get("reason") or "unknown"), **facts)
            elif step is not None and step >= asked:
                self._chronicle.event("request_done", request=request, verb="save", step=step)
            else:
                continue
            del self._saves[request]
            self._close(request)

    def _order(self, action: actions.Order) -> None:
        self._chronicle.event("stop_ordered", action.reason, save=action.save, **action.detail)
        self.orders.stop(action.save)

    def _escalate(self, action: actions.Escalate) -> None:
        escalation = action.escalation
        if escalation.cause == "hang" and self._hang:
            escalation = replace(escalation, detail={**escalation.detail, **self._hang})
        self._standing.escalation = escalation

    def _signal(self, action: actions.Signal) -> None:
        if action.scope == "agent":
            agent = self._engine.agent_identity
            targets = [agent] if agent is not None else []
        elif action.scope == "ranks":
            targets = list(self._gatherer.rank_identities().values())
        else:
            targets = self._engine.members()
        if action.signal == signals.SIGTERM:
            targets = [target for target in targets if (action.signal, target) not in self._signalled]
        reached = self._engine.signal(action.signal, targets)
        fresh = [target for target in reached if (action.signal, target) not in self._signalled]
        if fresh:
            self._signalled |= {(action.signal, target): None for target in fresh}
            event = "sigterm" if action.signal == signals.SIGTERM else "sigkill"
            begun = self._standing.escalation.since if self._standing.escalation is not None else 0.0
            sending = (event, action.scope, begun)
            if sending in self._told:  # what a leftover goes on to start gets the signal too, one by one
                return
            self._told.add(sending)
            facts = {"pids": [target.pid for target in fresh], "scope": action.scope, **action.detail}
            self._chronicle.event(event, action.reason, **facts)

    def _dump_stacks(self, action: actions.DumpStacks) -> None:
        files = self._run.attempt(self._record.attempt)
        stacks = dump_stacks(files, self._gatherer.rank_identities())
        facts = {**action.detail, "stacks": keep_stacks(self._run, files, stacks)}
        cause = cause_of_hang(facts)
        self._hang = facts if cause is None else {**facts, "cause": cause}
        told = {**self._hang, "stacks": stacks_for_event(facts["stacks"], stacks)}
        self._chronicle.event("hang", "hang", **told)
        self._chronicle.change(reason="hang", evidence=self._hang)

    def _restart(self, action: actions.Restart) -> None:
        before, attempt = self._record.attempt, self._record.attempt + 1
        evidence = self._with_log(action.evidence)
        self._hang = {}
        self._chronicle.change(state="starting", reason=None, evidence={})
        try:
            checkpoint, rejected = choose_checkpoint(self._run)
            for facts in rejected:
                self._chronicle.event("checkpoint_invalid", **facts)
            resume = resume_of(checkpoint)
            self.command = repeat_attempt(self._run, before, attempt, resume)
        except (OSError, ValueError) as error:
            self._conclude("failed", action.reason, {**evidence, "no_restart": str(error)})
            return
        at = round(time.time() + action.delay, 3)
        told = {"next_attempt": attempt, "resume": resume, "delay": action.delay, "at": at}
        self._chronicle.event("restart", action.reason, **told, evidence=evidence)
        for request in list(self._saves):
            self._chronicle.event("request_refused", "not_running", request=request, verb="save")
            self._close(request)
        self._saves.clear()
        waiting = {**told, "reason": action.reason, "of": self._max_restarts, "evidence": evidence}
        self._chronicle.change(
            attempt=attempt,
            restarts=self._record.restarts + 1,
            resume=resume,
            evidence={"restart": waiting},
        )
        self._standing.escalation = None
        self._standing.start_at = time.monotonic() + action.delay
        self._gatherer.begin(attempt, self.command, started=False)
        self._leasing.begin(self.command)
        self._summary.begin(attempt, resume, self.command.total_steps)
        self.orders = OrderWriter(self._run.attempt(attempt))
        self._chronicle.change(summary=self._summary.summary)

    @property
    def _max_restarts(self) -> int:
        return int(self.command.limits.get("max_restarts") or 0)

    def _with_log(self, evidence: Mapping[str, Any]) -> dict[str, Any]:
        """The evidence with the last lines of the log of the rank that it names, and for a device out of
        memory with what was reckoned for it."""
        rank = evidence.get("rank")
        if not isinstance(rank, int):
            return dict(evidence)
        lines = log_end(self._run.attempt(self._record.attempt).log(rank))
        plan = None
        if evidence.get("cause") == "device_memory":
            plan = read_memory_options(self._run, self._record.attempt)
        return {
            **evidence,
            **({"log_end": lines} if lines else {}),
            **({"plan": plan} if plan is not None else {}),
        }

    def _end(self, action: actions.End) -> None:
        failed = action.state in ("failed", "lost") or action.reason == "preempted"
        self._conclude(
            action.state, action.reason, self._with_log(action.evidence) if failed else dict(action.evidence)
        )

    def _conclude(self, state: str, reason: str, evidence: dict[str, Any]) -> None:
        phase, step = self._gatherer.heartbeat_of(0)
        summary = self._summary.poll(phase, step, over=True)
        if summary.checkpoint is not None:
            evidence.setdefault("checkpoint", summary.checkpoint["step"])
            self.settle_saves(summary.checkpoint["step"])
        for request in self._saves:
            self._chronicle.event("request_refused", "ended", request=request, verb="save")
            self._close(request)
        for request in self._stops:
            self._chronicle.event("request_done", request=request, verb="stop", state=state)
            self._close(request)
        if self._leasing.memory_unverified:
            evidence["gpu_memory"] = "unverified"
        self._queue.give_back()
        self._chronicle.event(state, reason, **evidence)
        ended = time.time()
        self._chronicle.change(state=state, reason=reason, evidence=evidence, ended=ended, summary=summary)
        self.over = True

    def _abandon(self, action: actions.Abandon) -> None:
        say(f"ending without a record: {action.why}")
        self._leasing.give_back()
        self.over = True
