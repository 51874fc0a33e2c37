"""How a record is put into JSON and taken out of it, wherever it lies."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

SCHEMA = 1
LONGEST_LINE = 16 << 20
"""Bytes; what is longer without a newline is no record of ours, and is skipped instead of held in memory."""


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: non-finite numbers as strings, paths and other objects as their text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def number(value: object) -> float | None:
    """The float that a JSON value stands for (`"nan"`, `"inf"` and `"-inf"` included), None where it stands
    for none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and value not in ("nan", "inf", "-inf"):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def encode(value: Any, *, indent: int | None = None) -> bytes:
    """One JSON text without a newline at its end; without `indent` it holds none at all."""
    separators = (",", ":") if indent is None else (",", ": ")
    value = plain(value)
    try:
        return json.dumps(value, ensure_ascii=False, separators=separators, indent=indent).encode()
    except UnicodeEncodeError:  # a path that isn't UTF-8, held with surrogates: \udcxx survives a round trip
        return json.dumps(value, separators=separators, indent=indent).encode()


def parse_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in `data`, None for anything else (torn, not UTF-8, not an object, absurdly nested)."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def schema_of(value: Mapping[str, Any]) -> int:
    """The schema number that a record states, 1 where it states none."""
    stated = value.get("schema", SCHEMA)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else SCHEMA
