"""The keys of the schema as data: which exist where, and where a misplaced one belongs."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator, Sequence

from runtime.profile.errors import nearest
from runtime.profile.schema.base import Section
from runtime.profile.schema.profile import Profile

KEYS_LATER = frozenset(
    {
        "track",
        "tracking",
        "model.adapter",
        "model.quantisation",
        "data.template",
        "data.packing",
        "data.weights",
        "launch.nodes",
        "launch.slurm",
        "launch.ssh",
        "guard.rules",
        *(f"parallel.{name}" for name in ("shard", "replicate", "tensor", "pipeline", "context", "zero")),
    }
)
"""Keys that the design knows and this version can't do yet."""


def keys_of(section: type[Section]) -> dict[str, typing.Any]:
    """The keys of a section as written in YAML, in the schema's order, each with its field."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _sections_in(annotation: typing.Any) -> Iterator[tuple[type[Section], bool]]:
    """The sections that an annotation holds; with True where they are items of a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation, False
        return
    listed = typing.get_origin(annotation) is tuple
    for part in typing.get_args(annotation):
        for section, inner in _sections_in(part):
            yield section, listed or inner


def section_at(location: Sequence[str | int]) -> type[Section] | None:
    """The section at an address such as ("train", "optimizer"), or None where there is none."""
    section: type[Section] = Profile
    for part in location:
        if isinstance(part, int):
            continue
        field = keys_of(section).get(part)
        found = next(_sections_in(field.annotation), None) if field is not None else None
        if found is None:
            return None
        section = found[0]
    return section


@functools.cache
def addresses() -> tuple[str, ...]:
    """Every key of the schema by its dotted address, items of lists left out."""

    def walk(section: type[Section], prefix: str) -> Iterator[str]:
        for key, field in keys_of(section).items():
            yield prefix + key
            for below, listed in _sections_in(field.annotation):
                if not listed:
                    yield from walk(below, f"{prefix}{key}.")

    return tuple(walk(Profile, ""))


def suggestion(location: Sequence[str | int]) -> str | None:
    """What an unknown key was probably meant to be: a key of its section, or the dotted address of one
    elsewhere."""
    word = str(location[-1])
    section = section_at(location[:-1])
    if section is not None:
        known = [*keys_of(section), *(("extends",) if section is Profile else ())]
        near = nearest(word, known)
        if near is not None:
            return near
    elsewhere = [address for address in addresses() if address.split(".")[-1] == word]
    return elsewhere[0] if len(elsewhere) == 1 else None
