"""`Profile` → YAML: complete, in the schema's order, and read back as the same profile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runtime.profile.scalars import is_text

if TYPE_CHECKING:
    from runtime.profile.schema import Profile

_SAFE_TEXT = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*")
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def dump(profile: Profile) -> str:
    """The resolved profile as YAML: every key that has a value or a default, in the schema's order.

    `read_frozen` of a file with this text gives an equal profile, also in a later version with other
    defaults.
    """
    return "".join(f"{line}\n" for line in _mapping(profile.model_dump(mode="python", by_alias=True), 0))


def _mapping(values: dict[str, Any], depth: int) -> Iterator[str]:
    for key, value in values.items():
        name = _text(key)
        if value is None and depth == 0:
            continue  # a section that the profile doesn't have
        if isinstance(value, dict) and value:
            yield f"{'  ' * depth}{name}:"
            yield from _mapping(value, depth + 1)
        elif isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
            yield f"{'  ' * depth}{name}:"
            for item in value:
                first, *rest = _mapping(item, depth + 2)
                yield f"{'  ' * (depth + 1)}- {first.lstrip()}"
                yield from rest
        else:
            yield f"{'  ' * depth}{name}: {_flow(value)}"


def _flow(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case dict():
            return "{}"
        case list() | tuple():
            return "[" + ", ".join(_flow(item) for item in value) + "]"
        case _:
            return repr(value)


def _text(text: str) -> str:
    if _SAFE_TEXT.fullmatch(text) and is_text(text):
        return text
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))
