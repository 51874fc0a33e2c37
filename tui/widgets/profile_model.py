"""A profile key by key: what it says itself, what it inherits, what is left at its default, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tui.clean import clean
from tui.format import truncate
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.profile import Problem
    from runtime.profile.forms import FormField
    from runtime.profile.layers import Layers
    from runtime.run.workspace import Workspace

Origin = Literal["own", "parent", "default"]


@dataclass(frozen=True)
class ProfileModel:
    """`fields` of the schema with the `layers` of one profile's text and the `problems` found in it."""

    fields: Sequence[FormField]
    layers: Layers
    problems: Sequence[Problem] = ()

    def origin(self, key: str) -> Origin:
        """Where the value of a key comes from."""
        if key in self.layers.own:
            return "own"
        return "parent" if key in self.layers.inherited else "default"

    def value(self, field: FormField) -> object:
        """What holds for the field, as far as it is written somewhere; computed defaults are null."""
        if field.key in self.layers.own:
            return self.layers.own[field.key]
        return self.layers.inherited.get(field.key, field.default)

    def problem(self, key: str) -> Problem | None:
        """What is wrong with this key or something below it."""
        return next(
            (p for p in self.problems if p.key == key or (p.key or "").startswith(f"{key}.")),
            None,
        )

    def sections(self) -> dict[str, list[FormField]]:
        """The fields by section. A section that may be missing and is, is left out unless it is asked for."""
        found: dict[str, list[FormField]] = {}
        for field in self.fields:
            found.setdefault(field.section, []).append(field)
        set_here = {key.partition(".")[0] for key in (*self.layers.own, *self.layers.inherited)}
        blamed = {(problem.key or "").partition(".")[0] for problem in self.problems}
        return {
            name: fields
            for name, fields in found.items()
            if name not in _MAY_BE_MISSING or name in set_here | blamed
        }

    def differences(self) -> list[tuple[FormField, object, object]]:
        """Fields that the profile sets to another value than it would have without: (field, before, now)."""
        found = []
        for field in self.fields:
            if field.key not in self.layers.own:
                continue
            now, before = (
                self.layers.own[field.key],
                self.layers.inherited.get(field.key, field.default),
            )
            if field.key != "name" and shown_value(now) != shown_value(before):
                found.append((field, before, now))
        return found


_MAY_BE_MISSING = frozenset({"model", "data", "train", "command"})


def read_model(
    text: str, path: Path, workspace: Workspace, problems: Sequence[Problem]
) -> ProfileModel | None:
    """The model of a text; None where it is no YAML. Imports the schema: not for the panel's thread."""
    from runtime.profile import ProfileError
    from runtime.profile.forms import form_fields
    from runtime.profile.layers import layers

    fields = form_fields()
    keys = frozenset(field.key for field in fields)
    try:
        return ProfileModel(fields, layers(text, keys, file=path, workspace=workspace.root), tuple(problems))
    except ProfileError:
        return None


def shown_value(value: object) -> str:
    """A value in YAML's flow notation, on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return _number(value)
        case str():
            return clean(value)
        case Mapping():
            return "{" + ", ".join(f"{clean(str(k))}: {shown_value(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(shown_value(item) for item in value) + "]"
        case _:
            return clean(str(value))


def _number(value: float) -> str:
    text = repr(value)
    return text.removesuffix(".0") if abs(value) < 1e15 and text.endswith(".0") else text


def kind_text(field: FormField) -> str:
    """What may stand there: `whole number from 1`, `olmo, gpt2`, `true or false`."""
    words: list[str] = []
    if "boolean" in field.types:
        words.append(_("true or false"))
    if "integer" in field.types:
        words.append(_with_limits(_("whole number"), field))
    if "number" in field.types:
        words.append(_with_limits(_("number"), field))
    if field.choices:
        words.append(_(", ").join(field.choices))
    elif "string" in field.types and "array" not in field.types:
        words.append(_("text"))
    if "array" in field.types:
        words.append(_("list [a, b]"))
    if "object" in field.types:
        words.append(_("keys and values {a: b}"))
    if field.optional:
        words.append("null")
    return _(" or ").join(words)


def _with_limits(word: str, field: FormField) -> str:
    low, high = field.least, field.most
    parts = [word]
    if low is not None:
        parts.append(_("from {limit}").format(limit=shown_value(low)))
    if field.above is not None:
        parts.append(_("above {limit}").format(limit=shown_value(field.above)))
    if high is not None and high < 1e6:
        parts.append(_("to {limit}").format(limit=shown_value(high)))
    if field.below is not None:
        parts.append(_("below {limit}").format(limit=shown_value(field.below)))
    return " ".join(parts)


def default_text(field: FormField, width: int = 30) -> str:
    """`default 3`, or that it is needed."""
    if field.required:
        return _("needed")
    return _("default {value}").format(value=truncate(shown_value(field.default), width))
