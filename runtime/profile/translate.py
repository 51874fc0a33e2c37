"""pydantic's errors → problems in our own words, each where its value was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runtime.messages import N_, Message
from runtime.profile.errors import Problem, dotted, nearest, shortened, shown
from runtime.profile.nodes import MapNode, Node, ScalarNode, descend, mark_of
from runtime.profile.schema.base import Violation
from runtime.profile.schema.keys import KEYS_LATER, suggestion

_NUMBER = re.compile(r"[-+]?(\d[\d_,']*)(\.\d*)?([eE][-+]?\d+)?")

_PATTERNS = {
    "name": N_(
        "must be at most 48 lower-case letters, digits, dots and hyphens, and start with a letter or a digit"
        " (a profile without a name takes that of its file)"
    ),
    "checkpoint.keep_best": N_("must be the name of a metric, such as eval/holdout/loss"),
    "plan.currency": N_("must be three capital letters, such as USD"),
    "plan.device": N_("must be the name of a device, such as h100"),
}

_SYNONYMS = {
    "gpu": "cuda",
    "bfloat16": "bf16",
    "bfloat": "bf16",
    "fp32": "float32",
    "float": "float32",
    "jsonlines": "jsonl",
}

_LIMITS = {
    "greater_than": ("gt", N_("must be greater than {limit}, not {value}")),
    "greater_than_equal": ("ge", N_("must be at least {limit}, not {value}")),
    "less_than": ("lt", N_("must be less than {limit}, not {value}")),
    "less_than_equal": ("le", N_("must be at most {limit}, not {value}")),
}

_LENGTHS = {
    "string_too_short": ("min_length", N_("must not be empty")),
    "string_too_long": ("max_length", N_("is longer than {limit} characters")),
    "too_short": ("min_length", N_("must have at least one entry")),
    "too_long": ("max_length", N_("has more than {limit} entries")),
}

_FIXED = {
    "finite_number": N_("must be a finite number"),
    "file_pattern": N_("must be a pattern inside the directory, such as *.py or docs/*.txt"),
    "environment_name": N_(
        "must be the name of an environment variable: letters, digits and underscores, no value"
    ),
    "invalid_key": N_("a key must be a name"),
}


def problems_of(errors: Sequence[Mapping[str, Any]], root: Node) -> Iterator[Problem]:
    """The problems that pydantic's `errors()` describe, for the tree that was validated."""
    faulty = [error["loc"] for error in errors]
    meant = {
        (*loc[:-1], suggestion(loc)) for loc in (e["loc"] for e in errors if e["type"] == "extra_forbidden")
    }
    for error in errors:
        if error["type"] == "missing" and error["loc"] in meant:
            continue  # it is there, but misspelt
        if error["type"] == "too_short" and any(
            at[:-1][: len(error["loc"])] == error["loc"] for at in faulty
        ):
            continue  # its entries are there, but wrong
        location = tuple(part for part in error["loc"] if part != "[key]")
        if error["type"] == "missing" and isinstance(location[-1], int):
            location = location[:-1]
        if error["type"] == "rules":
            for broken in error["ctx"]["violations"]:
                yield _rule(broken, location, root)
        else:
            yield _problem(location, _message(error, location, root), root)


def _problem(location: tuple[str | int, ...], message: Message, root: Node) -> Problem:
    mark = mark_of(root, location)
    return Problem(mark.file, mark.line, dotted(location) or None, message)


def _rule(broken: Violation, location: tuple[str | int, ...], root: Node) -> Problem:
    written = [(*location, *key) for key in (broken.key, *broken.partners)]
    blamed = next((at for at in written if mark_of(root, at).override), written[0])
    return _problem(blamed, broken.message, root)


def _message(error: Mapping[str, Any], location: tuple[str | int, ...], root: Node) -> Message:
    kind, context = error["type"], error.get("ctx", {})
    node = _node_at(root, location)
    value = _shown_value(location, node, error.get("input"))
    if kind == "missing":
        return Message(N_("is missing") if location == error["loc"] else N_("has too few entries"))
    if kind == "extra_forbidden":
        return _unknown_key(location)
    if kind == "literal_error":
        return _not_a_choice(error, value)
    if kind == "not_available":
        return Message(N_("{value} is not available in this version"), {"value": value})
    if kind in _LIMITS:
        name, template = _LIMITS[kind]
        return Message(template, {"limit": _limit(context[name]), "value": value})
    if kind in _LENGTHS:
        name, template = _LENGTHS[kind]
        return Message(template, {"limit": context[name]})
    if kind == "string_pattern_mismatch":
        return Message(_PATTERNS.get(dotted(location), N_("has a form that isn't allowed")))
    if kind in _FIXED:
        return Message(_FIXED[kind])
    return _wrong_type(kind, node, value)


def _shown_value(location: tuple[str | int, ...], node: Node | None, value: object) -> str:
    """The value as written, but for environment variables: nobody knows which of them are secret."""
    if location[:2] in (("launch", "env"), ("launch", "secrets")):
        return "…"
    if isinstance(node, ScalarNode) and node.text and not isinstance(node.value, str):
        return shortened(node.text)
    return shown(value)


def _node_at(root: Node, location: tuple[str | int, ...]) -> Node | None:
    found = list(descend(root, location))
    return found[-1].value if len(found) == len(location) and found else None


def _unknown_key(location: tuple[str | int, ...]) -> Message:
    if dotted(location) in KEYS_LATER:
        return Message(N_("is not available in this version"))
    meant = suggestion(location)
    if meant is None:
        return Message(N_("there is no such key"))
    return Message(N_("there is no such key; did you mean {suggestion}?"), {"suggestion": meant})


def _not_a_choice(error: Mapping[str, Any], value: str) -> Message:
    choices = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    given = error.get("input")
    meant = _meant(given, choices) if isinstance(given, str) else None
    if len(choices) == 1:
        return Message(N_("must be {choice}, not {value}"), {"choice": choices[0], "value": value})
    listed = ", ".join(choices)
    if meant is None:
        return Message(N_("must be one of {choices}, not {value}"), {"choices": listed, "value": value})
    return Message(
        N_("must be one of {choices}, not {value}; did you mean {suggestion}?"),
        {"choices": listed, "value": value, "suggestion": meant},
    )


def _meant(given: str, choices: Sequence[str]) -> str | None:
    synonym = _SYNONYMS.get(given.lower())
    return synonym if synonym in choices else nearest(given, choices)


def _limit(number: float) -> str:
    """Every digit of a whole number, which a person may want to type."""
    return str(int(number)) if float(number).is_integer() else f"{number:g}"


def _wrong_type(kind: str, node: Node | None, value: str) -> Message:
    scalar = node if isinstance(node, ScalarNode) else None
    written = scalar.value if scalar is not None else None
    if kind in ("int_type", "float_type") and isinstance(written, str):
        if scalar is not None and scalar.quoted and _NUMBER.fullmatch(written):
            return Message(N_("must be a number; remove the quotes around {value}"), {"value": value})
        if _NUMBER.fullmatch(written):
            plain = re.sub(r"[_,']", "", written)
            return Message(
                N_("must be a number; write {plain} instead of {value}"), {"plain": plain, "value": value}
            )
    match kind:
        case "int_type" | "int_from_float":
            if isinstance(written, float) and written.is_integer() and abs(written) < 2**63:
                return Message(
                    N_("must be a whole number; write {whole} instead of {value}"),
                    {"whole": int(written), "value": scalar.text if scalar and scalar.text else value},
                )
            return Message(N_("must be a whole number, not {value}"), {"value": value})
        case "float_type":
            return Message(N_("must be a number, not {value}"), {"value": value})
        case "bool_type":
            return Message(N_("must be true or false, not {value}"), {"value": value})
        case "string_type":
            if isinstance(written, int | float):
                text = (
                    shortened(scalar.text) if scalar is not None and value != "…" and scalar.text else value
                )
                return Message(N_('must be text; put it in quotes: "{value}"'), {"value": text})
            return Message(N_("must be text, not {value}"), {"value": value})
        case "tuple_type" | "list_type":
            return Message(N_("must be a list, not {value}"), {"value": value})
        case "dict_type" | "model_type" | "model_attributes_type":
            return Message(N_("must be a section with keys of its own, not {value}"), {"value": value})
        case _:
            return Message(N_("has a value that isn't allowed: {value}"), {"value": value})


def without_unknown_keys(root: Node, locations: Sequence[tuple[str | int, ...]]) -> Node:
    """The tree with unknown keys renamed to what they were meant to be, or left out, so that the rest can be
    checked."""
    for location in locations:
        root = _renamed(root, location)
    return root


def _renamed(node: Node, location: tuple[str | int, ...], above: tuple[str | int, ...] = ()) -> Node:
    from dataclasses import replace

    key = location[len(above)]
    if not isinstance(node, MapNode) or not isinstance(key, str) or key not in node.entries:
        return node
    entries = dict(node.entries)
    if len(above) == len(location) - 1:
        entry = entries.pop(key)
        meant = suggestion(location)
        if meant is not None and "." not in meant and meant != "extends" and meant not in entries:
            entries[meant] = entry
    else:
        entries[key] = replace(entries[key], value=_renamed(entries[key].value, location, (*above, key)))
    return replace(node, entries=entries)
