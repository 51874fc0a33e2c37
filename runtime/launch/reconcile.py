"""What to do about a run: one pure function from what is recorded and what is seen to actions.

Start, adoption, restart, stop, escalation and every end are decided here and nowhere else. The supervisor
gathers the evidence, calls `reconcile`, carries the actions out in order, and does it again some 200 ms
later; so each decision follows from the evidence alone and may be made twice without harm.
"""

from __future__ import annotations

import signal as signals
from dataclasses import replace

from runtime.launch.actions import (
    Abandon,
    Action,
    Answer,
    End,
    Enter,
    Escalate,
    Restart,
    SaveNow,
    Signal,
)
from runtime.launch.backoff import Again, Failure, again
from runtime.launch.escalation import begin, begin_stop, dismiss_agent, escalate
from runtime.launch.evidence import Evidence, Request
from runtime.launch.reconcile_queue import memory_held, prioritize, start_or_wait, waits
from runtime.launch.trouble import trouble
from runtime.launch.verdict import Verdict, judge
from runtime.run.record import ENDED, RunRecord


def reconcile(record: RunRecord, evidence: Evidence) -> list[Action]:
    """The actions that follow from `record` and `evidence`, in the order in which they are to be carried
    out."""
    if record.state in ENDED:
        return []
    if not evidence.started:
        return _before_start(record, evidence)
    if evidence.all_ended and evidence.agent.status == "gone" and evidence.left == 0:
        held = memory_held(record, evidence)
        return held if held is not None else _after_end(record, evidence)
    if evidence.directory_gone and evidence.escalation is None:
        killing = begin(evidence, "gone", "kill", evidence.limits.kill_grace)
        return [Escalate(killing), Signal(signals.SIGKILL, "all", "gone")]
    answers, stop = _answer(record, evidence)
    if stop is not None:
        return answers + _stop(record, evidence, stop)
    if evidence.escalation is not None:
        return answers + escalate(evidence, evidence.escalation)
    return answers + (trouble(record, evidence) or _progress(record, evidence))


def _before_start(record: RunRecord, evidence: Evidence) -> list[Action]:
    answers: list[Action] = []
    for request in evidence.requests:
        refused = _refusal(record, evidence, request)
        if refused is not None:
            answers.append(refused)
        elif request.verb == "stop":
            accepted = Answer(request.id, "request_accepted", verb="stop", by=request.by)
            facts = {"before_start": True, **({"by": request.by} if request.by else {})}
            return [*answers, accepted, End("stopped", "user", facts)]
        elif request.verb == "priority":
            answers += prioritize(evidence, request)
        else:
            answers.append(Answer(request.id, "request_refused", "not_running", request.verb, request.by))
    if evidence.directory_gone:
        return [Abandon("the run directory is gone")]
    if evidence.terminated:
        return [*answers, End("stopped", "preempted", {"before_start": True, "process": "supervisor"})]
    if evidence.left:
        # Attempt n+1 starts when nothing of n is left; a second copy beside it would corrupt what both write.
        return [*answers, Signal(signals.SIGKILL, "all", "leftover")]
    if evidence.stale or evidence.rebooted:
        return [*answers, End("lost", "supervisor_lost", {"before_start": True, **evidence.seen})]
    if evidence.missing_secrets:
        facts = {"before_start": True, "missing_environment": list(evidence.missing_secrets)}
        return [*answers, End("failed", "bad_profile", facts)]
    # While it stands in the line nothing of it can run, and no scan is made.
    ready = evidence.left == 0 or waits(evidence.queue)
    if ready and evidence.now >= evidence.start_at:
        return [*answers, *start_or_wait(evidence.queue)]
    return answers


def _refusal(record: RunRecord, evidence: Evidence, request: Request) -> Answer | None:
    reason = None
    # A stop is meant for the run: one that was written just before an automatic restart still counts. A
    # person's own resume begins anew (it sets `restarts` to 0), and what was asked for before it is void.
    oldest = record.attempt - record.restarts if request.verb == "stop" else record.attempt
    if not oldest <= request.attempt <= record.attempt:
        reason = "past_attempt"
    elif request.verb not in ("stop", "save", "priority"):
        reason = "unknown_verb"
    elif request.verb == "save" and not evidence.saves:
        reason = "no_checkpoints"
    if reason is None:
        return None
    return Answer(request.id, "request_refused", reason, request.verb, request.by)


def _answer(record: RunRecord, evidence: Evidence) -> tuple[list[Action], Request | None]:
    """Answers to all requests, and the stop request to follow: the most urgent one."""
    actions: list[Action] = []
    stop: Request | None = None
    for request in evidence.requests:
        refused = _refusal(record, evidence, request)
        if refused is not None:
            actions.append(refused)
        elif request.verb == "stop":
            actions.append(Answer(request.id, "request_accepted", verb="stop", by=request.by))
            if stop is None or (request.kill, not request.save) > (stop.kill, not stop.save):
                stop = request
        elif request.verb == "priority":
            actions += prioritize(evidence, request)
        elif evidence.escalation is not None or evidence.all_ended:
            actions.append(Answer(request.id, "request_refused", "stopping", "save", request.by))
        else:
            actions.append(SaveNow(request.id))
            actions.append(Answer(request.id, "request_accepted", verb="save", by=request.by))
    return actions, stop


def _stop(record: RunRecord, evidence: Evidence, request: Request) -> list[Action]:
    escalation = evidence.escalation
    entered: list[Action] = [] if record.state in ("stopping", "unkillable") else [Enter("stopping")]
    if request.kill:
        kill: Action = Signal(signals.SIGKILL, "all", "user", {"by": request.by})
        killing = begin(evidence, "user", "kill", evidence.limits.kill_grace, by=request.by)
        if escalation is not None:
            stage = escalation.stage if escalation.stage == "unkillable" else "kill"
            killing = replace(killing, stage=stage, alive=escalation.alive, detail=escalation.detail)
        return [*entered, Escalate(killing), kill]
    if escalation is None:
        return [*entered, *begin_stop(evidence, "user", request.save, request.by)]
    if escalation.cause not in ("user", "preempted"):
        # The attempt is coming down for another cause: go on with that, but don't restart afterwards.
        wished = replace(escalation, cause="user", save=request.save, by=request.by)
        return [*entered, Escalate(wished), *escalate(evidence, wished)]
    if escalation.stage == "order" and escalation.save and not request.save:
        # A second thought, while the ranks are still being asked: the newer wish counts.
        return begin_stop(evidence, "user", False, request.by)
    return escalate(evidence, escalation)


def _progress(record: RunRecord, evidence: Evidence) -> list[Action]:
    if record.state in ("queued", "starting") and evidence.working:
        return [Enter("running", "running")]
    return dismiss_agent(evidence)


def _after_end(record: RunRecord, evidence: Evidence) -> list[Action]:
    if evidence.directory_gone:
        return [Abandon("the run directory is gone")]
    answers: list[Action] = []
    escalation = evidence.escalation
    unwanted = evidence.terminated or (escalation is not None and escalation.cause in ("user", "preempted"))
    for request in evidence.requests:
        refused = _refusal(record, evidence, request)
        if refused is not None:
            answers.append(refused)
        elif request.verb == "stop":
            # It came when everything had ended already: it still means that no further attempt is wanted.
            answers.append(Answer(request.id, "request_accepted", verb="stop", by=request.by))
            unwanted = True
        elif request.verb == "priority":
            answers += prioritize(evidence, request)
        else:
            answers.append(Answer(request.id, "request_refused", "not_running", request.verb, request.by))
    verdict = judge(evidence)
    facts = dict(verdict.evidence)
    if verdict.state != "failed" or unwanted:
        return [*answers, End(verdict.state, verdict.reason, facts)]
    decision = _again(record, evidence, verdict)
    if decision.refused is None:
        return [*answers, Restart(verdict.reason, facts, decision.delay)]
    if decision.refused:
        facts["no_restart"] = decision.refused
    if decision.refused == "missing_environment":
        facts["no_restart_without"] = list(evidence.missing_secrets)
    return [*answers, End(verdict.state, verdict.reason, facts)]


def _again(record: RunRecord, evidence: Evidence, verdict: Verdict) -> Again:
    limits = evidence.limits
    if not verdict.restartable:
        return Again(refused="recurs" if limits.max_restarts else "")
    decision = again(
        Failure.of(record.attempt, verdict.reason, verdict.evidence),
        evidence.failures,
        restarts=record.restarts,
        allowed=limits.max_restarts,
        delay=limits.restart_delay,
        factor=limits.restart_backoff,
        longest=limits.restart_delay_max,
    )
    if decision.refused is None and evidence.missing_secrets:
        return Again(refused="missing_environment")
    return decision
