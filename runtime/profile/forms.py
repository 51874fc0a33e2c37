"""The schema as a form: every key with its type, default, limits and help, made from the schema itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from runtime.profile.help import HELP
from runtime.profile.schema import Profile


@dataclass(frozen=True)
class FormField:
    """One key. `types`: of integer, number, boolean, string, array, object; `choices`: the allowed values, or
    those allowed beside a number. Limits as the schema has them; `help` is an English template."""

    key: str
    types: tuple[str, ...]
    default: object = None
    required: bool = False
    optional: bool = False
    """Whether null is allowed."""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    nested: bool = False
    """Whether it holds sections of its own, as a list of sources does: more than fits on a line."""
    help: str = ""

    @property
    def section(self) -> str:
        """The first part of the key; "" for those that stand alone."""
        return self.key.partition(".")[0] if "." in self.key else ""


@lru_cache(maxsize=1)
def form_fields() -> tuple[FormField, ...]:
    """All fields, in the schema's order; those of a section follow each other."""
    schema = Profile.model_json_schema()
    fields = list(_walk(schema, schema.get("$defs", {}), "", {}))
    alone = [field for field in fields if not field.section]
    return (*alone, *(field for field in fields if field.section))


def _walk(
    schema: Mapping[str, Any], sections: Mapping[str, Any], above: str, defaults: Mapping[str, Any]
) -> Iterator[FormField]:
    required = frozenset(schema.get("required", ()))
    for name, entry in schema["properties"].items():
        key = f"{above}{name}"
        default = defaults.get(name, entry.get("default"))
        options = [option for option in entry.get("anyOf", [entry]) if option.get("type") != "null"]
        section = next((option["$ref"] for option in options if "$ref" in option), None)
        if section is not None:
            below = sections[section.rpartition("/")[2]]
            yield from _walk(below, sections, f"{key}.", default if isinstance(default, dict) else {})
        else:
            # A profile without a name is called as its file.
            yield _field(key, entry, options, default, name in required and key != "name")


def _field(
    key: str, entry: Mapping[str, Any], options: list[Mapping[str, Any]], default: object, required: bool
) -> FormField:
    choices: list[str] = []
    types: list[str] = []
    limits: dict[str, float] = {}
    names = {"minimum": "least", "maximum": "most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}
    for option in options:
        choices += [str(choice) for choice in option.get("enum", ())]
        choices += [str(option["const"])] if "const" in option else []
        types += [option["type"]] if isinstance(option.get("type"), str) else []
        limits |= {names[name]: option[name] for name in names if name in option}
    if isinstance(default, str) and "string" not in types and default not in choices:
        choices.append(default)  # such as auto beside a number of seconds
    return FormField(
        key,
        tuple(dict.fromkeys(types)),
        default,
        required,
        optional=len(options) < len(entry.get("anyOf", [entry])),
        choices=tuple(choices),
        nested=any("$ref" in str(option.get("items", "")) for option in options),
        help=_help(key, entry.get("description", "")),
        **limits,
    )


def _help(key: str, own: str) -> str:
    """The field's own description, else the line for the key or for the nearest key above it."""
    while not own and key:
        own = HELP.get(key, "")
        key = key.rpartition(".")[0]
    return " ".join(own.split())
