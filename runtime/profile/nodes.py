"""A YAML document as a tree in which every value knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.profile.scalars import Scalar


@dataclass(frozen=True)
class Mark:
    """Where something was written: a file as shown to a person (or an override as typed) and a line from 1
    on."""

    file: str | None = None
    line: int | None = None
    override: bool = False


NOWHERE = Mark()


@dataclass(frozen=True)
class ScalarNode:
    """A scalar; `quoted` where quotes made it text; `text` as written."""

    value: Scalar
    mark: Mark = NOWHERE
    text: str = ""
    quoted: bool = False


@dataclass(frozen=True)
class ListNode:
    items: tuple[Node, ...]
    mark: Mark = NOWHERE


@dataclass(frozen=True)
class Entry:
    """A value under its key; the mark is the key's."""

    value: Node
    mark: Mark = NOWHERE


@dataclass(frozen=True)
class MapNode:
    entries: Mapping[str, Entry] = field(default_factory=dict)
    mark: Mark = NOWHERE


Node = ScalarNode | ListNode | MapNode


def plain(node: Node) -> Any:
    """The node as Python values: dict, list, str, int, float, bool, None."""
    match node:
        case ScalarNode():
            return node.value
        case ListNode():
            return [plain(item) for item in node.items]
        case MapNode():
            return {key: plain(entry.value) for key, entry in node.entries.items()}


def from_plain(value: Any, mark: Mark = NOWHERE) -> Node:
    """The tree of Python values, all written at one place."""
    match value:
        case dict():
            entries = {key: Entry(from_plain(item, mark), mark) for key, item in value.items()}
            return MapNode(entries, mark)
        case list() | tuple():
            return ListNode(tuple(from_plain(item, mark) for item in value), mark)
        case _:
            return ScalarNode(value, mark, quoted=isinstance(value, str))


def child(node: Node, key: str | int) -> Entry | None:
    """The value under a key or index, or None."""
    if isinstance(node, MapNode) and isinstance(key, str):
        return node.entries.get(key)
    if isinstance(node, ListNode) and isinstance(key, int) and 0 <= key < len(node.items):
        return Entry(node.items[key], node.items[key].mark)
    return None


def descend(root: Node, location: Sequence[str | int]) -> Iterator[Entry]:
    """The entries on the way to the location, as far as it exists."""
    node = root
    for key in location:
        entry = child(node, key)
        if entry is None:
            return
        yield entry
        node = entry.value


def mark_of(root: Node, location: Sequence[str | int]) -> Mark:
    """Where the value at the location was written; for one that isn't there, the nearest section around
    it."""
    mark = root.mark
    for depth, entry in enumerate(descend(root, location)):
        scalar = depth == len(location) - 1 and isinstance(entry.value, ScalarNode)
        mark = entry.value.mark if scalar else entry.mark
    return mark


REPLACES: Mapping[tuple[str, ...], Mapping[str, tuple[str, ...]]] = {
    ("train",): {
        "steps": ("tokens", "epochs"),
        "tokens": ("steps", "epochs"),
        "epochs": ("steps", "tokens"),
        "batch": ("batch_tokens",),
        "batch_tokens": ("batch",),
    },
    ("train", "schedule"): {"warmup_steps": ("warmup_tokens",), "warmup_tokens": ("warmup_steps",)},
    ("data",): {"prepared": ("sources", "tokenizer"), "sources": ("prepared",)},
    ("data", "sources", "*"): {"path": ("builtin",), "builtin": ("path", "include", "exclude")},
    ("data", "tokenizer"): {"path": ("train",), "train": ("path",)},
}
"""Keys that say the same thing in different words: writing one takes back what a parent said with the
others."""


def merged(base: Node, over: Node, location: tuple[str, ...] = ()) -> Node:
    """`over` laid over `base`: mappings merge key by key, everything else replaces."""
    if not isinstance(base, MapNode) or not isinstance(over, MapNode):
        return over
    general = tuple("*" if part.isdecimal() else part for part in location)
    replaced = {
        other
        for key, others in REPLACES.get(general, {}).items()
        if key in over.entries and plain(over.entries[key].value) is not None
        for other in others
    }
    entries = {key: entry for key, entry in base.entries.items() if key not in replaced}
    for key, entry in over.entries.items():
        below = entries.get(key)
        value = merged(below.value, entry.value, (*location, key)) if below is not None else entry.value
        entries[key] = Entry(value, entry.mark)
    return MapNode(entries, over.mark)
