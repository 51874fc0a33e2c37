"""Pieces of text that several verbs share: a run's state, its progress, its ages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runtime.run.files import number
from tui import describe
from tui.clean import clean
from tui.cli.output import Segment, join
from tui.cli.text import wrap
from tui.format import DASH, count, duration, loss, percent, rate, short_count, size
from tui.i18n import _, render

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.describe_diagnosis import Diagnosis

STEPPING = frozenset({"step", "evaluate", "checkpoint", "finish"})
"""Phases of a run that has begun to train."""


def state(record: RunRecord) -> Segment:
    """`● running` in its colour."""
    return f"{describe.glyph(record.state)} {describe.state_word(record)}", describe.style(record.state)


def share(record: RunRecord) -> str:
    """`61%`, `100%` for what completed, or nothing where the end isn't known. A program of somebody's that
    ended well before the steps that its profile names hasn't done them all."""
    done = record.summary.progress
    if record.state == "completed" and (done is None or record.job != "command"):
        return "100%"
    return "" if done is None else percent(done)


def headline_loss(record: RunRecord) -> float | None:
    """The number that stands for how a run does: train/loss, or the first metric called a loss."""
    metrics = record.summary.metrics
    if "train/loss" in metrics:
        return metrics["train/loss"]
    return next((value for name, value in metrics.items() if name.endswith("/loss")), None)


def time_left(record: RunRecord) -> str:
    """The time left of a run under way, what one in the queue waits for, the age of the end of one that is
    over."""
    if record.state == "queued":
        return _waiting(record)
    if record.ended_state:
        ended = record.ended or record.summary.updated
        return "" if ended is None else _("{age} ago").format(age=duration(time.time() - ended, parts=1))
    left = record.summary.eta_seconds
    return "" if left is None else _("{time} left").format(time=duration(left))


def progress_line(record: RunRecord) -> str:
    """What a run does now, with rate and time left, in one line."""
    summary = record.summary
    if record.state == "queued":
        return waits(record)
    if record.state not in ("starting", "running", "stopping"):
        return describe.word(record.state)
    doing = describe.phase(summary.phase)
    if record.state != "running" or not doing:
        doing = join([describe.word(record.state), doing])
    if summary.phase not in STEPPING:
        return doing
    value, speed, left = headline_loss(record), summary.tokens_per_second, summary.eta_seconds
    return join(
        [
            doing,
            _step(record),
            share(record),
            "" if value is None else _("loss {loss}").format(loss=loss(value)),
            "" if speed is None else _("{rate} tokens/s").format(rate=rate(speed)),
            "" if left is None or not summary.step else _("{time} left").format(time=duration(left)),
        ]
    )


def waits(record: RunRecord) -> str:
    """`queued: waits for 2 GPUs, 1 ahead`."""
    waiting, word = _waiting(record), describe.word(record.state)
    return _("{state}: {waits}").format(state=word, waits=waiting) if waiting else word


def _waiting(record: RunRecord) -> str:
    from runtime.launch.queueing_view import waiting_of

    message = waiting_of(record.queue)
    return render(message) if message is not None else ""


def preparation(report: Mapping[str, Any]) -> str:
    """What a rank reports of long preparation, with rate and time left; "" where it is no such report."""
    done, total, speed = (number(report.get(name)) for name in ("done", "total", "rate"))
    if report.get("event") != "progress" or done is None or (total is not None and done >= total):
        return ""
    doing = describe.phase(str(report.get("phase") or ""))
    unit = clean(report.get("unit") or "")
    return join(
        [
            doing,
            percent(done / total) if total else "",
            _amount(done, unit) if total is None else _of(_amount(done, unit), _amount(total, unit)),
            f"{_amount(speed, unit)}/s" if speed else "",
            _("{time} left").format(time=duration((total - done) / speed)) if total and speed else "",
        ]
    )


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return size(value)
    return duration(value) if unit == "seconds" else f"{short_count(value)} {unit}".rstrip()


def _of(part: str, whole: str) -> str:
    return _("{part} of {whole}").format(part=part, whole=whole)


def _step(record: RunRecord) -> str:
    step, total = record.summary.step, record.summary.total_steps
    if step is None:
        return ""
    if total is None:
        return _("step {step}").format(step=count(step))
    return _("step {step} of {total}").format(step=count(step), total=count(total))


def explanation(record: RunRecord, width: int) -> list[str]:
    """What went wrong with its evidence, and which command comes next; nothing where all is well."""
    from tui.describe_diagnosis import diagnosis

    found = diagnosis(record, time.time())
    lines = []
    if found is not None:
        lines += wrap(found.what, width)
        for text in found.evidence:
            lines += wrap(text, width, "│ ")
        steps = _steps(record, found)
        lines += wrap(" ".join(steps), width, "  ", "→ ") if steps else []
    if record.state in ("failed", "lost"):
        text = _("Next: headnode logs {run} · headnode events {run}")
        told = record.evidence.get("log")
        rank = told.get("rank") if isinstance(told, Mapping) else None
        if isinstance(rank, int) and rank:  # `logs` shows rank 0, which may only have died of it
            text = _("Next: headnode logs {run} --rank {rank} · headnode events {run}")
        lines.append(text.format(run=record.run_id, rank=rank))
    again = _again(record)
    return [*lines, again] if again else lines


def _again(record: RunRecord) -> str:
    """The command that lets an ended run go on or begin again; "" where none would help."""
    if record.state not in ("failed", "lost", "stopped") or record.read_only:
        return ""
    checkpoint, run = record.summary.checkpoint, record.run_id
    if checkpoint:
        text = _("headnode resume {run} goes on from step {step}")
        return text.format(run=run, step=count(checkpoint["step"]))
    profile_wrong = record.reason == "bad_profile" or record.evidence.get("cause") == "bad_arguments"
    if profile_wrong or record.job == "prepare":  # a resume takes the profile as it was
        return ""
    return _("headnode resume {run} starts it again from the beginning").format(run=run)


def diagnosis_json(record: RunRecord) -> dict[str, Any] | None:
    """What `explanation` says, for programs: {"what", "evidence", "next"}; None where all is well."""
    from tui.describe_diagnosis import diagnosis

    found = diagnosis(record, time.time())
    if found is None:
        return None
    return {"what": found.what, "evidence": list(found.evidence), "next": _steps(record, found)}


def _steps(record: RunRecord, found: Diagnosis) -> list[str]:
    """What to do, without the keys of the panel."""
    from tui.describe_diagnosis import next_steps

    if "doubt" in record.evidence or not found.next:
        return list(found.next)
    return next_steps(record, keys=False)


def tokens(record: RunRecord) -> str:
    """`1.89T of 3.1T`."""
    done, total = record.summary.tokens, record.summary.total_tokens
    if done is None:
        return ""
    return (
        short_count(done)
        if total is None
        else _("{part} of {whole}").format(part=short_count(done), whole=short_count(total))
    )


def moment(seconds: float | None) -> str:
    """An instant in local time with its age: `2026-11-24 07:30:12 (3m ago)`."""
    if seconds is None:
        return ""
    age = duration(max(0.0, time.time() - seconds), parts=1)
    return f"{clock(seconds)} ({_('{age} ago').format(age=age)})"


def clock(seconds: float | None) -> str:
    """An instant in local time, to the second."""
    if seconds is None:
        return DASH
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # a clock or a file that is far off
        return DASH
