"""Sentences for what became of notifications, and for deleted checkpoints that came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tui.clean import clean
from tui.format import count
from tui.i18n import N_, _

if TYPE_CHECKING:
    from runtime.run.events import Event

_ON = {
    "start": N_("the start"),
    "end": N_("the end"),
    "fault": N_("the fault"),
    "hang": N_("the hang"),
}

STYLES = {"notify_failed": "warning"}


def _notified(event: Event, detail: Mapping[str, Any]) -> str:
    return _("told of {what} ({kind})").format(what=_what(detail), kind=clean(detail.get("kind", "")))


def _notify_failed(event: Event, detail: Mapping[str, Any]) -> str:
    words = _("could not be told of {what} ({kind}): {error}")
    error = clean(detail.get("error", ""))
    return words.format(what=_what(detail), kind=clean(detail.get("kind", "")), error=error)


def _restored(event: Event, detail: Mapping[str, Any]) -> str:
    return _("deleted checkpoint {step} brought back").format(step=count(detail.get("step") or 0))


def _what(detail: Mapping[str, Any]) -> str:
    on = str(detail.get("on", ""))
    return _(_ON[on]) if on in _ON else clean(on)


SENTENCES: Mapping[str, Callable[[Event, Mapping[str, Any]], str]] = {
    "notified": _notified,
    "notify_failed": _notify_failed,
    "checkpoint_restored": _restored,
}
