"""The events of a run as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tui import describe, describe_guards, describe_notices, describe_queue
from tui.clean import clean
from tui.format import as_number, count, duration, loss, short_count, size
from tui.i18n import N_, _

if TYPE_CHECKING:
    from runtime.run.events import Event

_STYLES = {
    "checkpoint_saved": "text",
    "completed": "done",
    "failed": "failed",
    "lost": "failed",
    "unkillable": "failed",
    "gpu_memory_held": "failed",
    "hang": "failed",
    "checkpoint_invalid": "failed",
    "checkpoint_failed": "failed",
    "request_refused": "warning",
    "sigterm": "warning",
    "sigkill": "warning",
    "restart": "warning",
    "stop_ordered": "warning",
    **describe_guards.STYLES,
    **describe_notices.STYLES,
}

_REFUSALS = {
    "past_attempt": N_("it was meant for an earlier attempt"),
    "not_running": N_("the run was not running"),
    "unknown_verb": N_("this version doesn't know it"),
    "command_job": N_("a command job reads no such requests"),
    "stopping": N_("the run is stopping already"),
    "ended": N_("the run ended first"),
    "disk_full": N_("the disk is full"),
    "non_finite": N_("the loss was not finite"),
    "not_waiting": N_("the run wasn't waiting in the queue"),
}


def style(event: Event) -> str:
    """The palette's name of the colour in which the event stands."""
    return _STYLES.get(event.event, "muted")


def sentence(event: Event) -> str:
    """What happened, for a person; "" for what only a program needs to know."""
    detail = event.detail
    make = _SENTENCES.get(event.event)
    if make is not None:
        return make(event, detail)
    # What a newer version may have to say: its name is better than silence.
    return clean(event.event).replace("_", " ")


def _created(event: Event, detail: Mapping[str, Any]) -> str:
    by = detail.get("by")
    return _("created by {by}").format(by=describe.who(by)) if by else _("created")


def _started(event: Event, detail: Mapping[str, Any]) -> str:
    step = _step(detail.get("resume") if isinstance(detail.get("resume"), dict) else detail)
    if step is not None:
        return _("attempt {attempt} from step {step}").format(attempt=event.attempt, step=count(step))
    return _("attempt {attempt} started").format(attempt=event.attempt)


def _resumed(event: Event, detail: Mapping[str, Any]) -> str:
    resume = detail.get("resume")
    step = _step(resume) if isinstance(resume, dict) else _step(detail)
    by = detail.get("by")
    text = _("resumed from step {step}").format(step=count(step)) if step is not None else _("resumed")
    return _("{what} by {by}").format(what=text, by=describe.who(by)) if by else text


def _request(event: Event, detail: Mapping[str, Any]) -> str:
    verb, by = detail.get("verb"), detail.get("by")
    asked = {
        "stop": _("stop asked for"),
        "save": _("checkpoint asked for"),
        "priority": _("another priority asked for"),
    }.get(str(verb), clean(verb or _("request")))
    return _("{what} by {by}").format(what=asked, by=describe.who(by)) if by else asked


def _refused(event: Event, detail: Mapping[str, Any]) -> str:
    why = _(_REFUSALS[event.reason]) if event.reason in _REFUSALS else clean(event.reason or "")
    return _("{request}, refused: {reason}").format(request=_request(event, detail), reason=why)


def _stop_ordered(event: Event, detail: Mapping[str, Any]) -> str:
    text = _("told to stop") if detail.get("save") is False else _("told to save and stop")
    grace = as_number(detail.get("grace"))
    return _("{text} within {grace}").format(text=text, grace=duration(grace)) if grace else text


def _signalled(name: str) -> Callable[[Event, Mapping[str, Any]], str]:
    def make(event: Event, detail: Mapping[str, Any]) -> str:
        after = as_number(detail.get("after"))
        text = _("{signal} sent").format(signal=name)
        return _("{text} after {seconds}").format(text=text, seconds=duration(after)) if after else text

    return make


def _saved(event: Event, detail: Mapping[str, Any]) -> str:
    text = _("checkpoint {step} saved").format(step=count(_step(detail)))
    seconds, amount = as_number(detail.get("seconds")), as_number(detail.get("bytes"))
    if seconds is not None:
        shown = f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"
        text = _("{text} in {seconds} s").format(text=text, seconds=shown)
    return _(", ").join((text, size(amount))) if amount else text


def _invalid(event: Event, detail: Mapping[str, Any]) -> str:
    text = _("checkpoint {step} is damaged and set aside").format(step=count(_step(detail)))
    problem = detail.get("problem") or detail.get("problems") or event.reason
    problem = problem[0] if isinstance(problem, list) and problem else problem
    return _("{what}: {detail}").format(what=text, detail=clean(problem)) if problem else text


def _deleted(event: Event, detail: Mapping[str, Any]) -> str:
    return _("checkpoint {step} deleted").format(step=count(_step(detail)))


def _evaluated(event: Event, detail: Mapping[str, Any]) -> str:
    metrics = detail.get("metrics")
    values = metrics if isinstance(metrics, dict) else detail
    parts = [
        f"{name.removeprefix('eval/')} {loss(value)}"
        for name, value in values.items()
        if isinstance(name, str) and name.startswith("eval/") and as_number(value) is not None
    ]
    step = _step(detail)
    text = _("evaluated at step {step}").format(step=count(step)) if step is not None else _("evaluated")
    return _("{what}: {detail}").format(what=text, detail=_(", ").join(map(clean, parts))) if parts else text


def _exited(event: Event, detail: Mapping[str, Any]) -> str:
    quiet = detail.get("code") == 0 or detail.get("outcome") in ("finished", "stopped")
    if quiet and not detail.get("signal"):
        return ""  # what the run has come to is said by an event of its own
    told = describe.signal_name(detail) or isinstance(detail.get("code"), int)
    how = describe.crash(detail) if told else _("gone, and nobody saw how it ended")
    return _("rank {rank}: {how}").format(rank=detail.get("rank", "?"), how=how)


def _hang(event: Event, detail: Mapping[str, Any]) -> str:
    found = describe.hang_detail(detail)
    return _("hang: {detail}").format(detail=found) if found else _("hang")


def _restart(event: Event, detail: Mapping[str, Any]) -> str:
    evidence = detail.get("evidence")
    why = describe.reason_words(event.reason, evidence if isinstance(evidence, dict) else {})
    text = _("restarting ({reason})").format(reason=why) if why else _("restarting")
    delay = as_number(detail.get("delay"))
    if delay is not None and delay >= 1:
        text = _("{text} in {time}").format(text=text, time=duration(delay))
    resume = detail.get("resume")
    step = _step(resume) if isinstance(resume, dict) else None
    if step is None:
        return _("{text} from the beginning").format(text=text)
    return _("{text} from step {step}").format(text=text, step=count(step))


def _failed_save(event: Event, detail: Mapping[str, Any]) -> str:
    text = _("checkpoint {step} could not be saved").format(step=count(_step(detail)))
    error = detail.get("error") or event.reason
    return _("{what}: {detail}").format(what=text, detail=clean(error)) if error else text


def _prepared(event: Event, detail: Mapping[str, Any]) -> str:
    tokens, documents = as_number(detail.get("tokens")), as_number(detail.get("documents"))
    if tokens is None or documents is None:
        return _("data prepared")
    text = _("data prepared: {tokens} tokens of {documents} documents")
    return text.format(tokens=short_count(tokens), documents=count(documents))


def _branched(event: Event, detail: Mapping[str, Any]) -> str:
    parent = detail.get("parent")
    if not isinstance(parent, dict) or not parent.get("run_id"):
        return _("branched")
    run = describe.short_id(str(parent["run_id"]))
    return _("branched from {run} at step {step}").format(run=run, step=count(_step(parent)))


def _ended(state: str) -> Callable[[Event, Mapping[str, Any]], str]:
    def make(event: Event, detail: Mapping[str, Any]) -> str:
        why = describe.reason_words(event.reason, detail)
        text = describe.word(state)
        text = _("{state}: {reason}").format(state=text, reason=why) if why else text
        step = _step(detail)
        return _("{text} at step {step}").format(text=text, step=count(step)) if step is not None else text

    return make


def _phase(event: Event, detail: Mapping[str, Any]) -> str:
    return describe.phase(str(detail.get("phase") or event.reason or ""))


def _step(detail: Mapping[str, Any]) -> int | None:
    step = detail.get("step")
    return step if isinstance(step, int) else None


_SENTENCES: dict[str, Callable[[Event, Mapping[str, Any]], str]] = {
    "created": _created,
    "started": _started,
    "agent_started": lambda event, detail: "",
    "rank_started": lambda event, detail: "",
    "phase": _phase,
    "running": lambda event, detail: _("running"),
    "request_accepted": _request,
    "request_refused": _refused,
    "request_done": lambda event, detail: "",
    "stop_ordered": _stop_ordered,
    "sigterm": _signalled("SIGTERM"),
    "sigkill": _signalled("SIGKILL"),
    "checkpoint_saved": _saved,
    "checkpoint_invalid": _invalid,
    "checkpoint_deleted": _deleted,
    "evaluated": _evaluated,
    "rank_exited": _exited,
    "hang": _hang,
    "restart": _restart,
    "adopted": lambda event, detail: _("taken over by a new supervisor"),
    "resumed": _resumed,
    "branched": _branched,
    "prepared": _prepared,
    "checkpoint_failed": _failed_save,
    **describe_guards.SENTENCES,
    **describe_notices.SENTENCES,
    **describe_queue.SENTENCES,
    "completed": _ended("completed"),
    "stopped": _ended("stopped"),
    "failed": _ended("failed"),
    "lost": _ended("lost"),
    "unkillable": _ended("unkillable"),
}
