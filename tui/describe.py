"""States, reasons and events as sentences in the reader's language: honest, specific, and with what to do
next.

The run directory holds codes and evidence; only here do they become words.
"""

from __future__ import annotations

import signal as signals
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.clean import clean
from tui.i18n import N_, _

if TYPE_CHECKING:
    from runtime.run.events import Event
    from runtime.run.record import RunRecord

# state: glyph, word, style
_STATES = {
    "queued": ("◌", N_("queued"), "muted"),
    "starting": ("◔", N_("starting"), "running"),
    "running": ("●", N_("running"), "running"),
    "stopping": ("◐", N_("stopping"), "warning"),
    "completed": ("✓", N_("completed"), "done"),
    "stopped": ("■", N_("stopped"), "muted"),
    "failed": ("✗", N_("failed"), "failed"),
    "lost": ("?", N_("lost"), "failed"),
    "unkillable": ("!", N_("unkillable"), "failed"),
    "foreign": ("–", N_("foreign"), "muted"),
    "unreadable": ("–", N_("unreadable"), "muted"),
}

_PHASES = {
    "import": N_("loading libraries"),
    "load": N_("loading model and data"),
    "compile": N_("compiling the model"),
    "step": N_("training"),
    "evaluate": N_("evaluating"),
    "checkpoint": N_("saving a checkpoint"),
    "finish": N_("finishing"),
}


def glyph(state: str) -> str:
    """One cell that stands for the state."""
    return _STATES.get(state, ("–", "", ""))[0]


def word(state: str) -> str:
    """The state's name in the reader's language."""
    return _(_STATES[state][1]) if state in _STATES else clean(state)


def style(state: str) -> str:
    """The palette's name of the state's colour."""
    return _STATES.get(state, ("", "", "muted"))[2]


def phase(name: str | None) -> str:
    """What a run is doing: "loading model and data"."""
    if name is None:
        return ""
    return _(_PHASES[name]) if name in _PHASES else clean(name)


# -- why a run ended


def reason(record: RunRecord) -> str:
    """Why the run is as it is, in a few words for a list; "" where there is nothing to say."""
    evidence = record.evidence
    if record.reason == "oom_device":
        return _("out of GPU memory") if _on_gpu(evidence) else _("out of memory")
    short = {
        "oom_host": _("out of host memory"),
        "non_finite": _("the loss was not finite"),
        "hang": _("it hung"),
        "disk_full": _("the disk is full"),
        "preempted": _("the machine asked it to stop"),
        "bad_profile": _("the profile can't be run"),
        "supervisor_lost": _("its supervisor was lost"),
        "host_unreachable": _("its machine can't be asked"),
        "unknown": _("nobody knows why"),
    }.get(record.reason or "")
    if short is not None:
        return short
    if record.reason == "crash":
        return _crash(evidence)
    if record.state == "unkillable":
        return _("a process of it can't be killed")
    return ""


def _on_gpu(evidence: Mapping[str, Any]) -> bool:
    return "cpu" not in str(evidence.get("device", "cuda"))


def _crash(evidence: Mapping[str, Any]) -> str:
    name = _signal_name(evidence)
    if name:
        return _("killed by {signal}").format(signal=name)
    code = evidence.get("code", evidence.get("exit_code"))
    return _("crashed with exit code {code}").format(code=code) if isinstance(code, int) else _("crashed")


def _signal_name(evidence: Mapping[str, Any]) -> str:
    name = evidence.get("signal_name")
    if isinstance(name, str):
        return clean(name)
    value = evidence.get("signal")
    if not isinstance(value, int):
        return ""
    try:
        return signals.Signals(value).name
    except ValueError:
        return str(value)


def outcome(record: RunRecord) -> str:
    """One sentence on the state of a run that has ended: "failed: out of GPU memory"."""
    why = reason(record)
    text = word(record.state)
    return _("{state}: {reason}").format(state=text, reason=why) if why else text


def stop_asked(save: bool, kill: bool) -> str:
    """What has just been asked of a run."""
    if kill:
        return _("Killing every process of the run")
    return _("Saving a checkpoint, then stopping") if save else _("Stopping without saving")


def explanation(record: RunRecord) -> list[str]:
    """Sentences for the top of a run's page: what happened, with the evidence, and what to press next."""
    return []


def event_sentence(event: Event) -> str:
    """What happened, for a person."""
    return clean(event.event)
