"""What is wrong with a profile, said so that its author finds and mends it: file, line, key, and one
sentence."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.messages import N_, Message, UsageError

MOST_PROBLEMS = 20
"""How many problems one error lists; a file of another kind would otherwise bring thousands."""

_LONGEST_VALUE = 40


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `file` is the file as shown to a person, or the override as typed (`-o train.steps=x`), or None where the
    value came from neither. `line` counts from 1. `key` is dotted (`data.sources.0.path`), or None where the
    file itself is wrong.
    """

    file: str | None
    line: int | None
    key: str | None
    message: Message

    @property
    def location(self) -> str:
        """`file:line: key`, as much of it as is known; not for translation."""
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ": ".join(part for part in (place, self.key) if part)

    def __str__(self) -> str:
        return f"{self.location}: {self.message}" if self.location else str(self.message)


class ProfileError(UsageError):
    """A profile can't be used; `problems` says why, the first in the file first. `str()` has one line for
    each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = list({str(problem): problem for problem in problems}.values())
        assert found, "an error without a problem"
        if len(found) > MOST_PROBLEMS:
            more = Message(N_("there are {count} more problems"), {"count": len(found) - MOST_PROBLEMS})
            found = [*found[:MOST_PROBLEMS], Problem(found[0].file, None, None, more)]
        self.problems: list[Problem] = found
        super().__init__("{problems}", problems="\n".join(str(problem) for problem in found))

    def __reduce__(self) -> tuple[type[ProfileError], tuple[list[Problem]]]:
        return ProfileError, (self.problems,)


def refusal(
    template: str,
    *,
    file: str | None = None,
    line: int | None = None,
    key: str | None = None,
    **parameters: object,
) -> ProfileError:
    """A `ProfileError` with one problem."""
    return ProfileError([Problem(file, line, key, Message(template, parameters))])


def shown_path(path: Path) -> str:
    """The path as a person reads it: relative to the current directory where it lies inside, on one line."""
    with contextlib.suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd())
    return printable(str(path))


def printable(text: str) -> str:
    """The text with everything that isn't printable written as an escape, so that it stays on one line."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in text
    )


def shown(value: object) -> str:
    """A value in YAML's own notation, shortened: a message quotes it whatever language it is in."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{shortened(value)}"'
        case dict():
            return "{…}" if value else "{}"
        case list() | tuple():
            return "[…]" if value else "[]"
        case _:
            return shortened(str(value))


def shortened(text: str) -> str:
    """At most 40 printable characters of the text."""
    short = text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
    return printable(short)


def dotted(location: Sequence[str | int]) -> str:
    """A key's address as overrides write it: `("data", "sources", 0, "path")` is `data.sources.0.path`."""
    return ".".join(shortened(str(part)) for part in location)


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was probably meant to be, or None."""
    choices = list(candidates)
    folded = {choice.lower().replace("_", ""): choice for choice in choices}
    same = folded.get(word.lower().replace("_", "").replace("-", ""))
    if same is not None:
        return same
    close = difflib.get_close_matches(word[:64].lower().replace("-", "_"), choices, n=1, cutoff=0.6)
    return close[0] if close else None
