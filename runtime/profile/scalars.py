"""Plain scalars by YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema): `no` and `012` mean
what they say."""

from __future__ import annotations

import re

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)")
_NOT_A_NUMBER = frozenset((".nan", ".NaN", ".NAN"))
_LARGEST = 2**63 - 1
_LONGEST_NUMBER = 400

Scalar = str | int | float | bool | None


class NotFiniteError(ValueError):
    """The scalar is an infinity or not a number; no key of a profile takes one."""


class TooLargeError(ValueError):
    """The scalar is a whole number of more than 63 bits, or a number too large to be represented."""


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar.

    Raises:
        NotFiniteError, TooLargeError: it is a number that can't be used.
    """
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INFINITE.fullmatch(text) or text in _NOT_A_NUMBER:
        raise NotFiniteError(text)
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            return _integer(text, base)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise TooLargeError(text)
        return value
    return text


def _integer(text: str, base: int) -> int:
    if len(text) > _LONGEST_NUMBER:  # also spares int() its own limit on digits
        raise TooLargeError(text)
    value = int(text, 10) if base == 10 else int(text[2:], base)
    if abs(value) > _LARGEST:
        raise TooLargeError(text)
    return value


def is_text(text: str) -> bool:
    """Whether the unquoted scalar would be read back as this text."""
    try:
        return isinstance(resolve(text), str)
    except ValueError:
        return False
