"""What a filter can ask of a run: each key with what it reads, and the line that the help says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tui import describe
from tui.clean import clean
from tui.i18n import N_, _

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.store.runs import RunView

Kind = Literal["state", "text", "number", "age", "date", "flag"]


@dataclass(frozen=True)
class Key:
    """`texts` or `value` reads what is compared: texts any of which may match, a number, or Unix seconds."""

    name: str
    kind: Kind
    example: str
    help: str
    aliases: tuple[str, ...] = ()
    texts: Callable[[RunView], tuple[str, ...]] = lambda view: ()
    value: Callable[[RunRecord], float | None] = lambda record: None
    flag: Callable[[RunView], bool] = lambda view: False


def _of_record(read: Callable[[RunRecord], str | None]) -> Callable[[RunView], tuple[str, ...]]:
    def texts(view: RunView) -> tuple[str, ...]:
        found = read(view.record) if view.record is not None else None
        return (clean(found),) if found else ()

    return texts


def _reasons(view: RunView) -> tuple[str, ...]:
    record = view.record
    if record is None or record.reason is None:
        return ()
    cause = record.evidence.get("cause")
    words = (record.reason, describe.reason(record), clean(cause) if isinstance(cause, str) else "")
    return tuple(word for word in words if word)


def _loss(record: RunRecord) -> float | None:
    return record.summary.metrics.get("train/loss")


KEYS: tuple[Key, ...] = (
    Key("state", "state", "state:failed", N_("a state, its beginning, or active or ended")),
    Key("reason", "text", "reason:oom", N_("why it ended"), texts=_reasons),
    Key(
        "profile", "text", "profile:olmo*", N_("the profile's name; * stands for anything"), ("name",),
        texts=_of_record(lambda record: record.name),
    ),
    Key("job", "text", "job:pretrain", N_("the kind of job"), texts=_of_record(lambda record: record.job)),
    Key("tag", "text", "tag:baseline", N_("a tag"), ("tags",), texts=lambda view: view.annotations.tags),
    Key(
        "note", "text", 'note:"new data"', N_("words of a note"), ("notes",),
        texts=lambda view: tuple(note.text for note in view.annotations.notes),
    ),
    Key(
        "user", "text", "user:ann", N_("who launched it"), ("by", "owner"),
        texts=lambda view: (view.owner, *_of_record(lambda record: record.by)(view)),
    ),
    Key("id", "text", "id:9c1e", N_("a part of the run's id"), ("run",), texts=lambda view: (view.run_id,)),
    Key(
        "loss", "number", "loss<2.5", N_("the newest train/loss; any other metric by its name"), value=_loss
    ),
    Key(
        "progress", "number", "progress>50%", N_("the share that is done"), ("done",),
        value=lambda record: record.summary.progress,
    ),
    Key("step", "number", "step>=1000", N_("the step reached"), ("steps",),
        value=lambda record: record.summary.step),
    Key("tokens", "number", "tokens>1B", N_("tokens trained"), value=lambda record: record.summary.tokens),
    Key(
        "speed", "number", "speed>10k", N_("tokens a second"), ("rate", "tok/s"),
        value=lambda record: record.summary.tokens_per_second,
    ),
    Key("attempt", "number", "attempt>1", N_("the number of the attempt"), ("attempts",),
        value=lambda record: record.attempt),
    Key("restarts", "number", "restarts>0", N_("how often it was restarted"),
        value=lambda record: record.restarts),
    Key("age", "age", "age<2d", N_("time since it was made: s, m, h, d, w"),
        value=lambda record: record.created),
    Key("ended", "age", "ended<1h", N_("time since it ended"), value=lambda record: record.ended),
    Key("eta", "age", "eta<1h", N_("time left"), ("left",), value=lambda record: record.summary.eta_seconds),
    Key("date", "date", "date:2026-11-20", N_("the day it was made; also today, yesterday, a month, < and >"),
        ("created",), value=lambda record: record.created),
    Key("archived", "flag", "archived", N_("archived runs, which are hidden otherwise"),
        flag=lambda view: view.annotations.archived),
    Key("active", "flag", "active", N_("runs that aren't over"), flag=lambda view: view.active),
    Key("copy", "flag", "copy", N_("copies, which are read-only"),
        flag=lambda view: view.record is not None and view.record.moved),
)  # fmt: skip

BY_NAME = {name: key for key in KEYS for name in (key.name, *key.aliases)}

STATES = (
    "queued", "starting", "running", "stopping", "completed", "stopped", "failed", "lost", "unkillable",
    "active", "ended",
)  # fmt: skip
"""What `state:` may be asked for; the last two stand for several."""


def grammar() -> list[tuple[str, str]]:
    """How the parts of a filter are put together."""
    return [
        ('"free text"', _("words in a run's id, state, job, tags or notes")),
        ("-tag:draft", _("not; also before ( )")),
        ("… or …", _("either; without it all must be true")),
        ("state:failed,lost", _("any of several values; = asks for the whole value")),
    ]
