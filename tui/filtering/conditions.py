"""The tests that a filter is made of, and a term as a test."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from runtime.messages import N_, Message
from tui import describe
from tui.filtering import values
from tui.filtering.keys import BY_NAME, KEYS, STATES, Key

if TYPE_CHECKING:
    from runtime.run.record import RunRecord
    from tui.filtering.tokens import Token
    from tui.store.runs import RunView


class Condition(Protocol):
    """Something that is true or not of a run."""

    def matches(self, view: RunView, now: float) -> bool: ...


@dataclass(frozen=True)
class Both:
    """All of these."""

    tests: tuple[Condition, ...]

    def matches(self, view: RunView, now: float) -> bool:
        return all(test.matches(view, now) for test in self.tests)


@dataclass(frozen=True)
class Either:
    """Any of these."""

    tests: tuple[Condition, ...]

    def matches(self, view: RunView, now: float) -> bool:
        return any(test.matches(view, now) for test in self.tests)


@dataclass(frozen=True)
class Not:
    """The opposite."""

    test: Condition

    def matches(self, view: RunView, now: float) -> bool:
        return not self.test.matches(view, now)


@dataclass(frozen=True)
class Words:
    """A text that occurs in the run's id, state, job, reason, tags or notes; in lower case."""

    text: str

    def matches(self, view: RunView, now: float) -> bool:
        parts = [view.run_id, view.state, describe.word(view.state), *view.annotations.tags]
        parts += [note.text for note in view.annotations.notes]
        if view.record is not None:
            parts += [view.record.name, view.record.job, view.record.reason or ""]
        return any(self.text in part.lower() for part in parts)


@dataclass(frozen=True)
class StateIs:
    """The state begins with this; `active` and `ended` stand for several states."""

    names: tuple[str, ...]

    def matches(self, view: RunView, now: float) -> bool:
        state = view.state
        kinds = {"active": view.active, "ended": view.record is not None and view.record.ended_state}
        word = describe.word(state).lower()
        for name in self.names:
            if state.startswith(name) or word.startswith(name):
                return True
            if any(kind.startswith(name) and true for kind, true in kinds.items()):
                return True
        return False


@dataclass(frozen=True)
class TextIs:
    """One of the key's texts contains one of these, matches its `*` and `?`, or is it (`whole`)."""

    key: Key
    wanted: tuple[str, ...]
    whole: bool

    def matches(self, view: RunView, now: float) -> bool:
        return any(
            self._fits(text.lower(), wanted) for text in self.key.texts(view) for wanted in self.wanted
        )

    def _fits(self, text: str, wanted: str) -> bool:
        if "*" in wanted or "?" in wanted:
            return fnmatch.fnmatchcase(text, wanted)
        return text == wanted if self.whole else wanted in text


@dataclass(frozen=True)
class Compared:
    """A number of the run stands in this relation to `limit`; what isn't known never does."""

    key: Key
    operator: str
    limit: float

    def matches(self, view: RunView, now: float) -> bool:
        record = view.record
        return record is not None and compare(self.key.value(record), self.operator, self.limit)


@dataclass(frozen=True)
class Metric:
    """The newest value of a metric, called by its whole name or the last part of it."""

    name: str
    operator: str
    limit: float

    def matches(self, view: RunView, now: float) -> bool:
        return view.record is not None and compare(self._value(view.record), self.operator, self.limit)

    def _value(self, record: RunRecord) -> float | None:
        metrics = record.summary.metrics
        if self.name in metrics:
            return metrics[self.name]
        return next((value for name, value in metrics.items() if name.endswith("/" + self.name)), None)


@dataclass(frozen=True)
class Aged:
    """So long ago; for `eta`, so long from now."""

    key: Key
    operator: str
    limit: float

    def matches(self, view: RunView, now: float) -> bool:
        found = self.key.value(view.record) if view.record is not None else None
        if found is None:
            return False
        past = found if self.key.name == "eta" else max(0.0, now - found)
        return compare(past, "<=" if self.operator in {":", "="} else self.operator, self.limit)


@dataclass(frozen=True)
class Dated:
    """Made on, before or after these days."""

    key: Key
    operator: str
    text: str

    def matches(self, view: RunView, now: float) -> bool:
        moment = self.key.value(view.record) if view.record is not None else None
        days = values.days(self.text, now)
        if moment is None or days is None:
            return False
        match self.operator:
            case "<":
                return moment < days.start
            case "<=":
                return moment < days.end
            case ">":
                return moment >= days.end
            case ">=":
                return moment >= days.start
            case "!=":
                return not days.start <= moment < days.end
            case _:
                return days.start <= moment < days.end


@dataclass(frozen=True)
class Flag:
    """Whether it is so."""

    key: Key

    def matches(self, view: RunView, now: float) -> bool:
        return self.key.flag(view)


def compare(value: float | None, operator: str, limit: float) -> bool:
    """`value operator limit`; False for an unknown value. Equal is what looks equal: within a thousandth."""
    if value is None:
        return False
    same = (
        math.isnan(value)
        if math.isnan(limit)
        else value == limit or math.isclose(value, limit, rel_tol=1e-3, abs_tol=1e-12)
    )
    match operator:
        case "<":
            return value < limit
        case "<=":
            return value <= limit
        case ">":
            return value > limit
        case ">=":
            return value >= limit
        case "!=":
            return not same
        case _:
            return same


Made = tuple[Condition | None, Message | None]


def condition_of(token: Token, metrics: Collection[str] | None) -> Made:
    """The test that a term asks for, or why it is left out; neither for one that isn't finished."""
    name = (token.key or token.text).lower()
    key = BY_NAME.get(name)
    if key is None:
        return _metric(token, metrics)
    if key.kind == "flag":
        return _flag(key, token)
    if not token.text:
        return None, None
    match key.kind:
        case "state":
            return _state(token)
        case "text":
            return _text(key, token)
        case "number":
            found = values.number(token.text)
            return (
                (None, _no_number(token)) if found is None else (Compared(key, token.operator, found), None)
            )
        case "age":
            found = values.seconds(token.text)
            problem = Message(N_("{value} is no length of time, such as 2d or 90m"), {"value": token.text})
            return (None, problem) if found is None else (Aged(key, token.operator, found), None)
        case _:
            if values.days(token.text, 0.0) is None:
                template = N_("{value} is no day, such as 2026-11-20, 2026-11, today or yesterday")
                return None, Message(template, {"value": token.text})
            return Dated(key, token.operator, token.text), None


def _flag(key: Key, token: Token) -> Made:
    off = token.text.lower() in {"no", "false", "0"} and token.kind == "term"
    test = Flag(key)
    return (Not(test) if off != (token.operator == "!=") else test), None


def _state(token: Token) -> Made:
    if token.operator not in {":", "=", "!="}:
        return None, _incomparable(token)
    names = tuple(name for name in token.text.lower().split(",") if name)
    for name in names:
        if not any(
            state.startswith(name) or describe.word(state).lower().startswith(name) for state in STATES
        ):
            return None, _unknown(N_("there is no state {name}"), name, STATES)
    test = StateIs(names)
    return (Not(test) if token.operator == "!=" else test), None


def _text(key: Key, token: Token) -> Made:
    if token.operator not in {":", "=", "!="}:
        return None, _incomparable(token)
    wanted = tuple(part for part in token.text.lower().split(",") if part)
    if not wanted:
        return None, None
    test = TextIs(key, wanted, whole=token.operator != ":")
    return (Not(test) if token.operator == "!=" else test), None


def _metric(token: Token, metrics: Collection[str] | None) -> Made:
    name = token.key
    lasts = {metric.rpartition("/")[2] for metric in metrics} if metrics is not None else set()
    known = metrics is None or name in metrics or name in lasts
    if not known or (token.operator == ":" and metrics is None and "/" not in name):
        choices = [key.name for key in KEYS] + sorted(lasts | set(metrics or ()))
        return None, _unknown(N_("there is no key {name}"), name, choices)
    if not token.text:
        return None, None
    found = values.number(token.text)
    return (None, _no_number(token)) if found is None else (Metric(name, token.operator, found), None)


def _no_number(token: Token) -> Message:
    return Message(N_("{value} is no number, such as 2.5, 10k or 50%"), {"value": token.text})


def _incomparable(token: Token) -> Message:
    template = N_("{key} has no order; write {key}:{value}")
    return Message(template, {"key": token.key, "value": token.text})


def _unknown(template: str, name: str, choices: Collection[str]) -> Message:
    import difflib

    close = difflib.get_close_matches(name.lower(), list(choices), n=1, cutoff=0.5)
    first = Message(template, {"name": name})
    if not close:
        return first
    return Message(N_("{problem}; did you mean {nearest}?"), {"problem": first, "nearest": close[0]})
