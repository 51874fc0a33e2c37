"""What could come next in a filter that is being typed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tui.filtering.keys import BY_NAME, KEYS, STATES
from tui.filtering.tokens import tokens


@dataclass(frozen=True)
class Known:
    """What there is to choose from in this workspace."""

    metrics: Collection[str] = ()
    tags: Collection[str] = ()
    profiles: Collection[str] = ()
    jobs: Collection[str] = ()


def suggestions(text: str, known: Known | None = None) -> list[str]:
    """How the word at the end of the text could go on, best first: whole words, to be put in its place."""
    word = _last(text)
    if word is None:
        return [_offered(key.name) for key in KEYS]
    bare = word.lstrip("-")
    sign = word[: len(word) - len(bare)]
    for name, key in BY_NAME.items():
        for operator in (":", "="):
            if bare.lower().startswith(name + operator):
                begun = bare[len(name) + 1 :]
                return [
                    f"{sign}{name}{operator}{value}" for value in _values(key.name, begun, known or Known())
                ]
    names = [_offered(key.name) for key in KEYS if key.name.startswith(bare.lower())]
    if bare and known is not None:
        lasts = {metric.rpartition("/")[2] for metric in known.metrics} | set(known.metrics)
        names += sorted(metric for metric in lasts if metric.startswith(bare) and metric not in BY_NAME)
    return [sign + name for name in names]


def completed(text: str, known: Known | None = None) -> str:
    """The text with its last word as far along as all suggestions agree."""
    word = _last(text)
    found = suggestions(text, known) if word else []
    common = _common(found)
    if not word or len(common) <= len(word):
        return text
    return text[: len(text) - len(word)] + common


def _common(words: list[str]) -> str:
    """The beginning that all the words have."""
    if not words:
        return ""
    first, last = min(words), max(words)
    same = next((at for at, letter in enumerate(first) if letter != last[at : at + 1]), len(first))
    return first[:same]


def _last(text: str) -> str | None:
    """The word that is being typed; None after a space or inside quotes."""
    found = tokens(text)
    if not found or text[-1].isspace() or text.count('"') % 2:
        return None
    start = found[-1].start
    if len(found) > 1 and found[-2].kind == "not" and found[-2].start == start - 1:
        start -= 1
    return text[start:]


def _offered(name: str) -> str:
    kind = BY_NAME[name].kind
    return name if kind in {"flag", "number", "age"} else f"{name}:"


def _values(name: str, begun: str, known: Known) -> list[str]:
    choices: Iterable[str] = {
        "state": STATES,
        "tag": sorted(known.tags),
        "profile": sorted(known.profiles),
        "job": sorted(known.jobs),
        "date": ("today", "yesterday"),
    }.get(name, ())
    return [value for value in choices if value.startswith(begun.lower()) and " " not in value]
