"""The text of a filter → what it asks of a run. Forgiving, since it is read at every letter typed: a term
that isn't finished asks for nothing, one that can't be understood is left out and told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runtime.messages import N_, Message
from tui.filtering.conditions import Both, Condition, Either, Not, Words, condition_of
from tui.filtering.keys import BY_NAME, STATES
from tui.filtering.tokens import Token, tokens

if TYPE_CHECKING:
    from tui.store.runs import RunView


@dataclass(frozen=True)
class FilterProblem:
    """A part of the filter that was left out; `start` is where it stands in the text."""

    start: int
    message: Message


@dataclass(frozen=True)
class Filter:
    """What `parse` made of a text. Without any test it lets every run through that isn't archived."""

    text: str = ""
    test: Condition | None = None
    problems: tuple[FilterProblem, ...] = ()
    shows_archived: bool = False
    """Whether `archived` is asked for in it; otherwise archived runs are hidden."""
    timed: bool = False
    """Whether the answer changes as time passes."""

    def matches(self, view: RunView, now: float) -> bool:
        """Whether the run is to be shown; `now` in Unix seconds."""
        if view.annotations.archived and not self.shows_archived:
            return False
        return self.test is None or self.test.matches(view, now)


def parse(text: str, metrics: Collection[str] | None = None) -> Filter:
    """The filter in the text. `metrics`: the names of the metrics that there are, to tell a misspelt key from
    the name of a metric; None takes any name that is compared with a number for one."""
    return _Parser(text, metrics).parse()


class _Parser:
    """or := and ('or' and)* · and := not+ · not := ('-' | 'not') not | '(' or ')' | term"""

    def __init__(self, text: str, metrics: Collection[str] | None) -> None:
        self._text, self._metrics = text, metrics
        self._tokens = tokens(text)
        self._at = 0
        self._problems: list[FilterProblem] = []

    def parse(self) -> Filter:
        test = self._either()
        while self._at < len(self._tokens):  # a ) without its (
            token = self._tokens[self._at]
            self._problems.append(FilterProblem(token.start, Message(N_("there is no ( for this )"))))
            self._at += 1
            test = _both(test, self._either())
        asked = [token.key or token.text for token in self._tokens if token.kind in {"word", "term"}]
        kinds = {BY_NAME[name.lower()].kind for name in asked if name.lower() in BY_NAME}
        return Filter(
            self._text,
            test,
            tuple(self._problems),
            shows_archived="archived" in {name.lower() for name in asked},
            timed=bool(kinds & {"age", "date"}),
        )

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _either(self) -> Condition | None:
        found = [self._both()]
        while (token := self._peek()) is not None and token.kind == "or":
            self._at += 1
            found.append(self._both())
        asked = [test for test in found if test is not None]
        return Either(tuple(asked)) if len(asked) > 1 else (asked[0] if asked else None)

    def _both(self) -> Condition | None:
        test: Condition | None = None
        while (token := self._peek()) is not None and token.kind not in {"or", "close"}:
            test = _both(test, self._not())
        return test

    def _not(self) -> Condition | None:
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "not":
            following = self._peek()
            if following is None or following.kind in {"or", "close"}:
                return None  # being typed
            inner = self._not()
            return Not(inner) if inner is not None else None
        if token.kind == "open":
            inner = self._either()
            closing = self._peek()
            if closing is not None and closing.kind == "close":
                self._at += 1
            return inner
        return self._term(token)

    def _term(self, token: Token) -> Condition | None:
        if token.kind in {"word", "quoted"}:
            key = BY_NAME.get(token.text.lower()) if token.kind == "word" else None
            if key is not None and key.kind == "flag":
                return condition_of(token, self._metrics)[0]
            return Words(token.text.lower()) if token.text else None
        test, problem = condition_of(token, self._metrics)
        if problem is not None:
            self._problems.append(FilterProblem(token.start, problem))
        return test


def _both(first: Condition | None, second: Condition | None) -> Condition | None:
    if first is None or second is None:
        return second if first is None else first
    if isinstance(first, Both):
        return replace(first, tests=(*first.tests, second))
    return Both((first, second))


def state_names() -> tuple[str, ...]:
    """What may stand after `state:`."""
    return STATES
