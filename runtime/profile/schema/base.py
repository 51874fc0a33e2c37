"""What all sections of the schema share: strictness, number ranges, and rules that name the key they are
about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from runtime.messages import N_, Message

Count = Annotated[int, Field(ge=1)]
"""A whole number from 1 on."""

Natural = Annotated[int, Field(ge=0)]
"""A whole number from 0 on."""

Positive = Annotated[float, Field(gt=0)]
"""A finite number above 0."""

NonNegative = Annotated[float, Field(ge=0)]
"""A finite number from 0 on."""

Share = Annotated[float, Field(ge=0, lt=1)]
"""A share from 0 to below 1."""

Text = Annotated[str, Field(min_length=1, max_length=4096)]
"""A text that isn't empty."""


class Section(BaseModel):
    """A mapping of the profile. Types are strict (no text for a number, no boolean for an integer), unknown
    keys are refused, numbers are finite, and nothing changes once it is built."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_sections_are_defaults(cls, data: Any) -> Any:
        """`checkpoint:` with nothing below it (everything commented out, say) is a section with its
        defaults."""
        if not isinstance(data, dict):
            return data
        fields = cls.model_fields
        return {
            key: value
            for key, value in data.items()
            if value is not None or key not in fields or not isinstance(fields[key].default, Section)
        }


@dataclass(frozen=True)
class Violation:
    """A broken rule about `key`; keys are relative to the section whose rule it is.

    `partners` have a part in it: where an override wrote one of them, that is the one to blame.
    """

    key: tuple[str | int, ...]
    message: Message
    partners: tuple[tuple[str | int, ...], ...] = ()


def violation(key: str, template: str, /, *partners: str, **parameters: object) -> Violation:
    """A broken rule about the dotted `key` ("": the section itself), in which `partners` have a part."""
    return Violation(
        _parts(key), Message(template, parameters), tuple(_parts(partner) for partner in partners)
    )


def _parts(key: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdecimal() else part for part in key.split(".")) if key else ()


def enforce(violations: Iterable[Violation]) -> None:
    """Raises all broken rules at once, in the form that `runtime.profile.translate` takes apart again."""
    found = list(violations)
    if found:
        text = (
            "; ".join(f"{'.'.join(map(str, v.key))}: {v.message}" for v in found)
            .replace("{", "(")
            .replace("}", ")")
        )
        raise PydanticCustomError("rules", text, {"violations": found})


def exactly_one(section: object, names: Sequence[str], *, needed: bool = True) -> list[Violation]:
    """The violation, if any, of the rule that one (or with `needed=False`: at most one) of the keys is
    set."""
    given = [name for name in names if getattr(section, name) is not None]
    choices = ", ".join(names)
    if len(given) > 1:
        return [
            violation(
                given[-1],
                N_("only one of {choices} can be set; {given} is set too"),
                choices=choices,
                given=", ".join(given[:-1]),
            )
        ]
    if not given and needed:
        return [violation("", N_("one of {choices} is needed"), choices=choices)]
    return []


def _check_planned(value: Any, planned: Mapping[str, str]) -> Any:
    if isinstance(value, str) and value in planned:
        raise PydanticCustomError("not_available", "not available in this version", {"value": value})
    return value


def available_later(*values: str) -> BeforeValidator:
    """Marks values that the design knows and this version can't do yet: refused with that word, not as a
    typing error."""
    planned = dict.fromkeys(values, "")
    return BeforeValidator(lambda value: _check_planned(value, planned))


def _pattern(value: str) -> str:
    if value.startswith("/") or "\\" in value or ".." in value.split("/") or not value:
        raise PydanticCustomError("file_pattern", "not a relative pattern", {"value": value})
    return value


FilePattern = Annotated[str, AfterValidator(_pattern)]
"""A pattern such as `*.py` or `docs/*.txt`, relative to a source's directory, with forward slashes."""

Listed = Strict(False)
"""Lets a list of YAML become a tuple, which can't change; its items stay strict."""
