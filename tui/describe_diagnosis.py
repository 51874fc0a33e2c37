"""What went wrong with a run, as a block of a few lines: what happened, the evidence, what to do next.

The codes are `runtime.launch.diagnosis.causes`; what to do comes from `runtime.launch.advice`. The Run page,
the
overview and `headnode show` all show this.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui import describe
from tui.clean import clean
from tui.describe_causes import doubt_words
from tui.format import count, duration, percent, size
from tui.i18n import _, ngettext, render

if TYPE_CHECKING:
    from runtime.run.record import RunRecord

_LONGEST = 300  # characters of a log line
_LONG = 60  # characters that aren't said twice


@dataclass(frozen=True)
class Diagnosis:
    """`what` happened, in one sentence; `evidence` it rests on, one line each; `next` things to do. `log`:
    rank
    and byte of the line that tells it. `level`: the palette's name of its colour."""

    what: str
    evidence: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    log: tuple[int, int | None] | None = None
    level: str = "failed"


def diagnosis(record: RunRecord, now: float | None = None) -> Diagnosis | None:
    """The block for a run that went wrong or is about to start again; None where all is well. `now` in Unix
    seconds counts down to the next attempt."""
    doubt = record.evidence.get("doubt")
    if isinstance(doubt, Mapping):
        return _doubtful(record, doubt, now)
    restart = record.evidence.get("restart")
    if record.active and isinstance(restart, Mapping):
        return _restarting(record, restart, now)
    if record.active and record.reason == "hang":
        return _of(record, record.evidence, _("It hangs"), "warning")
    share = record.evidence.get("data_wait")
    if record.state == "running" and isinstance(share, int | float):
        what = _("It waits for data {share} of the time").format(share=percent(share))
        advice = _("More loader workers, a faster disk, or data that is nearer would make it faster.")
        return Diagnosis(what, (), (advice,), None, "warning")
    if record.state in {"failed", "lost", "unkillable"}:
        return _of(record, record.evidence, "", "failed")
    if record.reason == "preempted":
        return _of(record, record.evidence, "", "warning")
    return None


def explanation(record: RunRecord) -> tuple[str, str] | None:
    """The same in two sentences: what went wrong, and what to do next; None where nothing went wrong."""
    found = diagnosis(record, time.time())
    return (found.what, " ".join(found.next)) if found is not None else None


def _doubtful(record: RunRecord, doubt: Mapping[str, Any], now: float | None) -> Diagnosis:
    text = _("Its record says {state}, but what can be seen is: {words}")
    what = text.format(state=describe.word(record.state), words=doubt_words(doubt, now))
    if doubt.get("disk_full"):
        following = _("The disk is full, so that nothing new can be recorded: make room, and it will be.")
    elif doubt.get("kind") == "processes_gone":
        following = _("Its supervisor lives and can't record the end; supervisor.log says why.")
    else:
        following = _("Any headnode command that may write here takes it over and records how it ended.")
    return Diagnosis(what, (), (following,), None, "warning")


def _restarting(record: RunRecord, restart: Mapping[str, Any], now: float | None) -> Diagnosis:
    evidence = restart.get("evidence")
    facts = evidence if isinstance(evidence, Mapping) else {}
    why = describe.reason_words(str(restart.get("reason") or ""), facts) or _("it ended")
    at, number, most = restart.get("at"), restart.get("next_attempt"), restart.get("of")
    left = at - now if isinstance(at, int | float) and now is not None else 0.0
    if left >= 1:
        text = _("Attempt {attempt} begins in {time}").format(attempt=number, time=duration(left))
    else:
        text = _("Attempt {attempt} begins").format(attempt=number)
    if isinstance(most, int) and most:
        text = _("{what} (restart {number} of {most})").format(what=text, number=record.restarts, most=most)
    what = _("{what}: {detail}").format(what=text, detail=why)
    return Diagnosis(what, tuple(evidence_lines(facts)), (), None, "warning")  # the log is the last attempt's


def _of(record: RunRecord, evidence: Mapping[str, Any], begins: str, level: str) -> Diagnosis:
    what = sentence(record)
    if begins:
        what = _("{what}: {detail}").format(what=begins, detail=describe.hang_detail(evidence) or what)
    return Diagnosis(
        what, tuple(evidence_lines(evidence, what)), tuple(next_steps(record)), log_place(evidence), level
    )


def sentence(record: RunRecord) -> str:
    """What happened, where, with the detail that says most."""
    evidence = record.evidence
    text = describe.reason(record) or describe.word(record.state)
    text = text[:1].upper() + text[1:]
    cause = evidence.get("cause")
    all_of_them = record.reason == "preempted" and cause is None  # they stopped together
    where = place(evidence, named=cause == "exited_early" or bool(evidence.get("quiet")) or all_of_them)
    if where:
        text = _("{what} {where}").format(what=text, where=where)
    detail = _detail(record)
    return _("{what}: {detail}").format(what=text, detail=detail) if detail else text


def place(evidence: Mapping[str, Any], *, named: bool = False) -> str:
    """ "at step 140,500 on rank 2", as far as it is known; `named`: the detail that follows names the
    rank."""
    step, rank = evidence.get("step"), None if named else evidence.get("rank")
    if isinstance(step, int) and isinstance(rank, int):
        return _("at step {step} on rank {rank}").format(step=count(step), rank=rank)
    if isinstance(step, int):
        return _("at step {step}").format(step=count(step))
    return _("on rank {rank}").format(rank=rank) if isinstance(rank, int) else ""


def _detail(record: RunRecord) -> str:
    evidence = record.evidence
    if record.reason == "hang":
        return describe.hang_detail(evidence)
    missing = evidence.get("missing_environment")
    if isinstance(missing, list) and missing:
        names = ", ".join(clean(name) for name in missing)
        return _("the environment lacks {names}").format(names=names)
    if record.reason == "supervisor_lost" and evidence.get("rebooted"):
        return _("the machine was restarted")
    pids = evidence.get("pids")
    if record.state == "unkillable" and isinstance(pids, list) and pids:
        return _("process {pids} is stuck in the kernel").format(pids=", ".join(map(str, pids)))
    return _of_cause(evidence) or _error(evidence)


def _of_cause(evidence: Mapping[str, Any]) -> str:
    cause, oom = evidence.get("cause"), evidence.get("oom")
    if cause == "device_memory" and isinstance(oom, Mapping):
        return _device_numbers(oom)
    if cause == "missing_module" and evidence.get("module"):
        return clean(evidence["module"])
    if cause == "exited_early" and isinstance(evidence.get("waiting"), list):
        ranks = ", ".join(map(str, evidence["waiting"]))
        text = _("rank {rank} ended with exit code 0, and rank {ranks} waited for it")
        return text.format(rank=evidence.get("rank"), ranks=ranks)
    if cause == "communication_timeout":
        return _timeout(evidence)
    if cause == "no_exit_record" or evidence.get("no_exit_record"):
        return _("it left with exit code 0 without having finished")
    if evidence.get("oom_check") == "unavailable":
        return _("whether for want of memory can't be told on this machine")
    return ""


def _device_numbers(oom: Mapping[str, Any]) -> str:
    wanted, free, capacity = (oom.get(name) for name in ("wanted", "free", "capacity"))
    if wanted is None:
        return ""
    if free is None or capacity is None:
        return _("{wanted} wanted").format(wanted=size(wanted))
    text = _("{wanted} wanted, {free} of {capacity} free")
    return text.format(wanted=size(wanted), free=size(free), capacity=size(capacity))


def _timeout(evidence: Mapping[str, Any]) -> str:
    behind, waited = evidence.get("behind"), evidence.get("waited")
    ranks = behind.get("ranks") if isinstance(behind, Mapping) else None
    if not isinstance(ranks, list) or not ranks:
        return ""
    names = ", ".join(map(str, ranks))
    if isinstance(waited, int | float):
        text = _("rank {ranks} did not come within {time}")
        return text.format(ranks=names, time=duration(waited))
    return _("rank {ranks} did not come").format(ranks=names)


def _error(evidence: Mapping[str, Any]) -> str:
    error = evidence.get("error")
    if error:
        text = clean(str(error).split("\n", 1)[0]).strip()[:_LONGEST]
        return text.removeprefix(f"step {evidence.get('step')}: ")  # which stands before it already
    log = evidence.get("log")
    if isinstance(log, Mapping):
        return clean(log.get("text") or "").strip()[:_LONGEST]
    return describe.error_line(evidence.get("log_end", log))


def evidence_lines(evidence: Mapping[str, Any], said: str = "") -> list[str]:
    """What the finding rests on: the line of the log, where the ranks stood, what the kernel counted. A long
    line of the log that stands in the sentence `said` already is only placed."""
    lines: list[str] = []
    log = evidence.get("log")
    if isinstance(log, Mapping) and log.get("text"):
        lines.append(_log_line(log, said))
    stacks = evidence.get("stacks")
    if isinstance(stacks, Mapping):
        lines += _stack_lines(stacks, evidence)
    source = evidence.get("source")
    if source in ("memory.events", "memory.oom_control", "/proc/vmstat"):
        lines.append(_("the kernel counted it in {source}").format(source=source))
    elif source == "kernel log":
        lines.append(_("kernel log: {line}").format(line=clean(evidence.get("line") or "")[:_LONGEST]))
    if evidence.get("oom_check") == "no kernel OOM kill":
        lines.append(_("the kernel counted no kill for want of memory"))
    others = evidence.get("others")
    if isinstance(others, Mapping) and others:
        text = ngettext(
            "{count} other rank failed in its wake", "{count} other ranks failed in its wake", len(others)
        )
        lines.append(text.format(count=len(others)))
    total, free = evidence.get("shared_total"), evidence.get("shared_free")
    if isinstance(total, int) and isinstance(free, int):
        lines.append(_("/dev/shm: {free} of {total} free now").format(free=size(free), total=size(total)))
    return lines


def _log_line(log: Mapping[str, Any], said: str) -> str:
    text = clean(log["text"]).strip()[:_LONGEST]
    if isinstance(log.get("line"), int):
        place_ = _("log of rank {rank}, line {line}").format(rank=log.get("rank"), line=count(log["line"]))
    else:
        place_ = _("log of rank {rank}").format(rank=log.get("rank"))
    if len(text) > _LONG and text in said:
        return place_
    return _("{what}: {detail}").format(what=place_, detail=text)


def _stack_lines(stacks: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[str]:
    """The rank that is behind first; of many ranks at the same place one line."""
    first = str(evidence.get("rank"))
    places: dict[str, list[str]] = {}
    for rank in sorted(stacks, key=lambda rank: (rank != first, int(rank) if str(rank).isdigit() else 0)):
        found = stacks[rank]
        if not isinstance(found, Mapping):
            continue
        if found.get("at"):
            places.setdefault(_("stood at {place}").format(place=clean(found["at"])), []).append(str(rank))
        elif found.get("none"):
            places.setdefault(_("has no stack: {why}").format(why=clean(found["none"])), []).append(str(rank))
    return [
        _("rank {ranks} {what}").format(ranks=", ".join(ranks), what=what) for what, ranks in places.items()
    ]


def next_steps(record: RunRecord, *, keys: bool = True) -> list[str]:
    """What to do: the advice, then (with `keys`, on a page) which key goes on."""
    if record.state == "unkillable":
        return [_("It may hold device memory until the driver lets go of it or the machine is restarted.")]
    from runtime.launch.advice import advice

    found = [render(message) for message in advice(record)]
    if record.active or record.reason == "bad_profile" or not keys:
        return found
    checkpoint = record.summary.checkpoint
    if checkpoint:
        found.append(_("r resumes from step {step}.").format(step=count(checkpoint["step"])))
    elif record.job not in ("command", "prepare"):
        found.append(_("It has no checkpoint yet: r begins again at step 0."))
    return found


def log_place(evidence: Mapping[str, Any]) -> tuple[int, int | None] | None:
    """Rank and byte of the telling line; the rank alone where only that is known."""
    log = evidence.get("log")
    if isinstance(log, Mapping) and isinstance(log.get("rank"), int):
        offset = log.get("offset")
        return log["rank"], offset if isinstance(offset, int) else None
    rank = evidence.get("rank")
    return (rank, None) if isinstance(rank, int) else None
