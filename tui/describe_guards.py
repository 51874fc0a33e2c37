"""What the guards of a training did, as sentences: skipped steps, rollbacks, and a disk that fills up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tui.format import as_number, count, number, size
from tui.i18n import N_, _

if TYPE_CHECKING:
    from runtime.run.events import Event

_ACTIONS = {
    "skip": N_("step skipped"),
    "stop": N_("stopped"),
    "rollback": N_("rolling back"),
    "warn": N_("only told"),
}

STYLES = {
    "non_finite": "warning",
    "spike": "warning",
    "rolled_back": "warning",
    "save_paused": "failed",
    "save_resumed": "text",
    "disk_low": "warning",
}


def _non_finite(event: Event, detail: Mapping[str, Any]) -> str:
    loss, norm = detail.get("loss"), detail.get("grad_norm")
    if loss is None and norm is None:
        text = _("the state is not finite")
    else:
        text = _("loss {loss}, gradient norm {norm}").format(loss=number(loss), norm=number(norm))
    return _acted(_at_step(text, detail), detail)


def _spike(event: Event, detail: Mapping[str, Any]) -> str:
    gradient = detail.get("quantity") == "grad_norm"
    name = _("gradient norm") if gradient else _("loss")
    value, limit = as_number(detail.get("value")), as_number(detail.get("limit"))
    if value is None or limit is None:
        text = _("spike of the {name}").format(name=name)
    else:
        text = _("spike of the {name}: {value} above {limit}").format(
            name=name, value=number(value), limit=number(limit)
        )
    return _acted(_at_step(text, detail), detail)


def _rolled_back(event: Event, detail: Mapping[str, Any]) -> str:
    back, to = as_number(detail.get("from")), as_number(detail.get("to"))
    if back is None or to is None:
        return _("rolled back")
    if to:
        text = _("rolled back from step {step} to {to}").format(step=count(back), to=count(to))
    else:
        text = _("rolled back from step {step} to the beginning").format(step=count(back))
    samples = detail.get("skipped_samples")
    if not isinstance(samples, list) or len(samples) != 2:
        return text
    first, end = (as_number(number) for number in samples)
    if first is None or end is None:
        return text
    return _("{text}; {samples} samples left out").format(text=text, samples=count(end - first))


def _disk(sentence: str, bare: str) -> Callable[[Event, Mapping[str, Any]], str]:
    def make(event: Event, detail: Mapping[str, Any]) -> str:
        free, needed = as_number(detail.get("free")), as_number(detail.get("needed"))
        if free is None or needed is None:
            return _(bare)
        return _(sentence).format(free=size(free), needed=size(needed))

    return make


def _at_step(text: str, detail: Mapping[str, Any]) -> str:
    step = as_number(detail.get("step"))
    return _("step {step}: {text}").format(step=count(step), text=text) if step is not None else text


def _acted(text: str, detail: Mapping[str, Any]) -> str:
    action = _ACTIONS.get(str(detail.get("action")))
    return _("{text}: {action}").format(text=text, action=_(action)) if action is not None else text


SENTENCES: dict[str, Callable[[Event, Mapping[str, Any]], str]] = {
    "non_finite": _non_finite,
    "spike": _spike,
    "rolled_back": _rolled_back,
    "save_paused": _disk(
        N_("saving is paused: {free} free, {needed} needed"), N_("saving is paused: too little room")
    ),
    "save_resumed": _disk(N_("saving goes on: {free} free"), N_("saving goes on")),
    "disk_low": _disk(
        N_("the disk is filling up: {free} free, {needed} wanted"), N_("the disk is filling up")
    ),
}
