"""States and reasons as words and sentences in the reader's language: honest, specific, and with what to do
next.

The run directory holds codes and evidence; only here and in the modules `tui.describe_…` do they become
words. What went wrong, in full, is `tui.describe_diagnosis`.
"""

from __future__ import annotations

import re
import signal as signals
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.clean import clean
from tui.describe_causes import cause_words, doubt_words
from tui.format import duration
from tui.i18n import N_, _

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.store.runs import RunView

# state: glyph, word, colour of the palette
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
    # of data preparation
    "sources": N_("looking for the sources"),
    "tokenizer": N_("reading text for the tokenizer"),
    "merges": N_("training the tokenizer"),
    "tokens": N_("turning text into tokens"),
}

_REASONS = {
    "oom_device": N_("out of device memory"),
    "oom_host": N_("out of host memory"),
    "non_finite": N_("the loss was not finite"),
    "hang": N_("it hung"),
    "disk_full": N_("the disk is full"),
    "preempted": N_("the machine asked it to stop"),
    "bad_profile": N_("it can't run as its profile says"),
    "supervisor_lost": N_("nobody saw how it ended"),
    "host_unreachable": N_("its machine can't be asked"),
    "unknown": N_("the cause is unknown"),
}

_FINER = frozenset({"crash", "hang", "oom_host", "unknown", "preempted", "bad_profile"})
"""Reasons that a finer cause says better."""

_ERROR = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b")
_TIMESTAMP = re.compile(r"^\d{8}-\d{6}-")


def short_id(run_id: str) -> str:
    """A run's id without its time: `olmo-1b-9c1e`. Still long enough for any command that takes a part of an
    id."""
    return _TIMESTAMP.sub("", clean(run_id), count=1)


def glyph(state: str) -> str:
    """One cell that stands for the state."""
    return _STATES.get(state, ("–", "", ""))[0]


def word(state: str) -> str:
    """The state's name in the reader's language."""
    return _(_STATES[state][1]) if state in _STATES else clean(state)


def state_word(record: RunRecord) -> str:
    """The state's name, `running?` where what can be seen speaks against it."""
    text = word(record.state)
    return _("{state}?").format(state=text) if "doubt" in record.evidence else text


def view_word(view: RunView) -> str:
    """The same for a run whose record may be unreadable."""
    return state_word(view.record) if view.record is not None else word(view.state)


def style(state: str) -> str:
    """The palette's name of the state's colour."""
    return _STATES.get(state, ("", "", "muted"))[2]


def phase(name: str | None) -> str:
    """What a run is doing: "loading model and data"."""
    if not name:
        return ""
    return _(_PHASES[name]) if name in _PHASES else clean(name)


def reason(record: RunRecord) -> str:
    """Why the run is as it is, in a few words; "" where the state says it all."""
    doubt = record.evidence.get("doubt")
    if isinstance(doubt, Mapping):
        return doubt_words(doubt, time.time())
    if record.state == "unkillable":
        return _("a process of it can't be killed")
    return reason_words(record.reason, record.evidence)


def reason_words(code: str | None, evidence: Mapping[str, Any]) -> str:
    """A reason code in a few words, with the evidence where that says more; "" for `finished` and `user`."""
    if code in _FINER:
        words = cause_words(evidence)
        if words:
            return words
    if code == "crash":
        return crash(evidence)
    if code == "unknown" and evidence.get("signal") is not None:
        return _("{what}, by whom is unknown").format(what=crash(evidence))
    return _(_REASONS[code]) if code in _REASONS else ""


def crash(evidence: Mapping[str, Any]) -> str:
    """ "killed by SIGSEGV", "crashed with exit code 1", of a rank; of the agent it says so."""
    name, code = signal_name(evidence), evidence.get("code")
    if evidence.get("process") == "agent" and name:
        return _("its agent was killed by {signal}").format(signal=name)
    if evidence.get("process") == "agent" and isinstance(code, int):
        return _("its agent crashed with exit code {code}").format(code=code)
    if name:
        return _("killed by {signal}").format(signal=name)
    return _("crashed with exit code {code}").format(code=code) if isinstance(code, int) else _("crashed")


def signal_name(evidence: Mapping[str, Any]) -> str:
    """`SIGKILL`, or "" where no signal is in the evidence."""
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
    """The state, and the reason where there is one: "failed: out of device memory"."""
    why, state = reason(record), word(record.state)
    return _("{state}: {reason}").format(state=state, reason=why) if why else state


def stop_asked(save: bool, kill: bool) -> str:
    """What has just been asked of a run."""
    if kill:
        return _("Killing every process of the run")
    return _("Saving a checkpoint, then stopping") if save else _("Stopping without saving")


def error_line(lines: object) -> str:
    """The line of a log's end that most likely says what happened: the last one with an error's name, as
    Python ends with it."""
    if not isinstance(lines, list):
        return ""
    for line in reversed(lines):
        text = clean(line).strip()
        if _ERROR.match(text):
            return text
    return ""


def hang_detail(evidence: Mapping[str, Any]) -> str:
    """ "rank 3 was quiet for 182s while training (limit 2m)"."""
    quiet, limit = evidence.get("quiet"), evidence.get("limit")
    if not isinstance(quiet, (int, float)):
        return ""
    behind = evidence.get("behind")
    if isinstance(behind, Mapping):
        behind = behind.get("ranks")
    ranks = ", ".join(map(str, behind if isinstance(behind, list) and behind else [evidence.get("rank", 0)]))
    exited = evidence.get("exited")
    if isinstance(exited, list) and exited:
        text = _("rank {ranks} has left, the others were quiet for {quiet}")
        text = text.format(ranks=", ".join(map(str, exited)), quiet=duration(quiet))
    else:
        doing = phase(evidence.get("phase")) or _("starting")
        text = _("rank {ranks} was quiet for {quiet} while {phase}")
        text = text.format(ranks=ranks, quiet=duration(quiet), phase=doing)
    if isinstance(limit, (int, float)):
        text = _("{text} (limit {limit})").format(text=text, limit=duration(limit))
    return text


def who(by: object) -> str:
    """Who asked for something: the panel and the command line in the reader's language, people by their
    name."""
    return {"panel": _("panel"), "cli": _("the command line")}.get(str(by), clean(by))
