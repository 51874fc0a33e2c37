"""Texts for people that are made in the runtime, kept translatable.

A text is stored as its English template and its parameters; who shows it translates the template. `str()`
gives English, which is what logs and JSON hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


def N_(template: str) -> str:
    """Marks a template for the translation extractor and returns it unchanged."""
    return template


@dataclass(frozen=True)
class Message:
    """A sentence for a person: a `str.format` template in English and the values that go into it."""

    template: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.parameters)


def joined(messages: Iterable[Message]) -> Message:
    """Several as one, with "; " between them; each is still translated when it is shown."""
    parts = {f"part_{number}": message for number, message in enumerate(messages)}
    template = "; ".join(f"{{{name}}}" for name in parts)
    return Message(template, parts)


class HeadnodeError(Exception):
    """An error that its reader can mend: shown as one sentence without a traceback."""

    exit_code = 1

    def __init__(self, template: str, **parameters: object) -> None:
        self.message = Message(template, parameters)
        super().__init__(str(self.message))


class UsageError(HeadnodeError):
    """The request itself was wrong (an unknown run, a bad profile): exit code 2."""

    exit_code = 2
