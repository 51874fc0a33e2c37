"""A filter's text in its parts: words, quoted texts, terms with an operator, parentheses, `-` and `or`.

Outside of quotes the full-width signs and digits of an input method are as good: `state：failed`, `loss＜２`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "quoted", "term", "not", "or", "open", "close"]

OPERATORS = ("!=", "<=", ">=", ":", "=", "<", ">")
"""Longer ones first: the first that fits is meant."""

_SPACE = re.compile(r"\s+")
_KEY = re.compile(r"([A-Za-z_][\w./-]*)(?:\s*(!=|<=|>=|=|<|>)\s*|(:))")
_QUOTED = re.compile(r'"([^"]*)"?|“([^”]*)”?')
_BARE = re.compile(r'[^\s()"“]+')
_FULL_WIDTH = str.maketrans("：＝＜＞｜－．％０１２３４５６７８９", ":=<>|-.%0123456789")
_NOT_EQUAL = re.compile("！(?=[=＝])")


@dataclass(frozen=True)
class Token:
    """`text` of a word or quoted text, the value of a term; `start` is where it stands in the filter."""

    kind: Kind
    text: str
    start: int
    key: str = ""
    operator: str = ""


def tokens(text: str) -> list[Token]:
    """The parts of the text. Every text has some: nothing is an error here."""
    text = _half_width(text)
    found: list[Token] = []
    position = 0
    while position < len(text):
        space = _SPACE.match(text, position)
        if space is not None:
            position = space.end()
            continue
        token, position = _next(text, position)
        found.append(token)
    return found


def _next(text: str, start: int) -> tuple[Token, int]:
    character = text[start]
    if character in "()（）":
        return Token("open" if character in "(（" else "close", character, start), start + 1
    if character == "|":
        return Token("or", character, start), start + 1
    if character == "-" and start + 1 < len(text) and not text[start + 1].isspace():
        return Token("not", character, start), start + 1
    quoted = _QUOTED.match(text, start)
    if quoted is not None:
        return Token("quoted", quoted[1] or quoted[2] or "", start), quoted.end()
    key = _KEY.match(text, start)
    if key is not None:
        value, end = _value(text, key.end())
        return Token("term", value, start, key[1], key[2] or key[3]), end
    bare = _BARE.match(text, start)
    end = bare.end() if bare is not None else start + 1
    word = text[start:end]
    if word.lower() == "or":
        return Token("or", word, start), end
    if word.lower() == "not":
        return Token("not", word, start), end
    return Token("word", word, start), end


def _value(text: str, start: int) -> tuple[str, int]:
    """What stands after an operator: up to the next space, or a quoted text."""
    quoted = _QUOTED.match(text, start)
    if quoted is not None:
        return quoted[1] or quoted[2] or "", quoted.end()
    bare = _BARE.match(text, start)
    return (bare.group().replace("，", ","), bare.end()) if bare is not None else ("", start)


def _half_width(text: str) -> str:
    """The same length of text, so that a token stands where it was typed."""
    parts, position = [], 0
    for quoted in _QUOTED.finditer(text):
        parts += [text[position : quoted.start()], quoted.group()]
        position = quoted.end()
    parts.append(text[position:])
    return "".join(
        part if part.startswith(('"', "“")) else _NOT_EQUAL.sub("!", part).translate(_FULL_WIDTH)
        for part in parts
    )
