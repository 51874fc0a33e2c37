"""YAML text → tree. Bounded in every direction, so that no file can hang or crash whoever opens it.

The parser's events are put together here, because a loader would execute tags, expand aliases without bound,
recurse as deep as the file says, and forget where things were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runtime.messages import N_, Message
from runtime.profile.errors import Problem, ProfileError, dotted, shortened
from runtime.profile.nodes import Entry, ListNode, MapNode, Mark, Node, ScalarNode
from runtime.profile.scalars import NotFiniteError, TooLargeError, resolve

DEEPEST = 24
"""Levels of nesting; the schema needs six."""

MOST_NODES = 20_000
"""Values in a document, each alias counted as often as it is used."""

_PHRASES = (
    ("found character '\\t'", N_("a tab can't indent or start a value in YAML; use spaces")),
    (
        "could not find expected ':'",
        N_("this line is neither a key with a colon nor a value (a missing colon?)"),
    ),
    (
        "mapping values are not allowed",
        N_("a colon too many here or one too few in the line above; texts with a colon need quotes"),
    ),
    ("expected <block end>", N_("the indentation doesn't fit the lines above")),
    ("did not find expected", N_("the indentation doesn't fit the lines above")),
    ("expected ',' or ']'", N_("a list is not closed: “,” or “]” is missing")),
    ("expected ',' or '}'", N_("a mapping is not closed: “,” or “}}” is missing")),
    ("expected the node content", N_("a value is missing or starts with a character that needs quotes")),
    ("found unexpected end of stream", N_("a quoted text is not closed")),
    ("found unexpected document separator", N_("a quoted text is not closed")),
    (
        "found unknown escape character",
        N_("an unknown escape in a double-quoted text; use single quotes, or \\\\ for a backslash"),
    ),
    ("that cannot start any token", N_("a value starts with a character that needs quotes")),
    ("sequence entries are not allowed", N_("a list item (“- …”) stands where a key or value is expected")),
    ("undefined tag handle", N_("YAML tags (!…) are not allowed in a profile; write the plain value")),
)


@dataclass
class _Open:
    """A collection that isn't finished yet."""

    mark: Mark
    anchor: str | None
    is_map: bool
    size: int = 1
    height: int = 1
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: tuple[str, Mark] | None = None
    """The key that waits for its value."""
    skip_value: bool = False
    """The key was refused (twice the same, or no text); its value is read over."""


@dataclass(frozen=True)
class _Finished:
    """A node and how much it holds: `size` values, `height` levels."""

    node: Node
    size: int = 1
    height: int = 1


def parse(text: str, file: str, problems: list[Problem]) -> Node:
    """The document in `text`; `file` is how messages call it. An empty document is an empty mapping.

    What is wrong and doesn't keep the rest from being read is added to `problems`, and null stands in its
    place.

    Raises:
        ProfileError: it is no YAML that a profile may use; with all problems that don't keep the rest from
            being read.
    """
    composer = _Composer(file, problems)
    try:
        for event in _events(text, file):
            composer.take(event)
    except ProfileError as error:
        raise ProfileError([*problems, *error.problems]) from None
    return composer.root if composer.root is not None else MapNode({}, Mark(file, 1))


def _events(text: str, file: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        raise ProfileError(
            [Problem(file, line, None, _syntax(str(error.problem or error.context)))]
        ) from None
    except YAMLError as error:
        raise ProfileError([Problem(file, None, None, _syntax(str(error).splitlines()[0]))]) from None


def _syntax(detail: str) -> Message:
    for phrase, template in _PHRASES:
        if phrase in detail:
            return Message(template)
    return Message(N_("this is not valid YAML: {detail}"), {"detail": shortened(detail)})


class _Composer:
    """Puts events together without recursion, and counts."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.root: Node | None = None
        self.problems = problems
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Finished] = {}
        self._documents = 0
        self._nodes = 0

    def take(self, event: Any) -> None:
        """Adds one event of the parser."""
        mark = Mark(self.file, event.start_mark.line + 1) if event.start_mark is not None else Mark(self.file)
        if getattr(event, "tag", None) is not None:
            self._problem(mark, N_("YAML tags (!…) are not allowed in a profile; write the plain value"))
        match type(event).__name__:
            case "DocumentStartEvent":
                self._start_document(event, mark)
            case "ScalarEvent":
                self._count(mark)
                self._finish(self._scalar(event, mark), event.anchor, mark)
            case "AliasEvent":
                self._alias(event.anchor, mark)
            case "MappingStartEvent" | "SequenceStartEvent" as name:
                self._count(mark)
                if len(self._stack) >= DEEPEST:
                    raise self._stop(
                        mark, N_("the values are nested more than {depth} levels deep"), depth=DEEPEST
                    )
                self._stack.append(_Open(mark, event.anchor, name == "MappingStartEvent"))
            case "MappingEndEvent" | "SequenceEndEvent":
                done = self._stack.pop()
                node: Node = (
                    MapNode(done.entries, done.mark)
                    if done.is_map
                    else ListNode(tuple(done.items), done.mark)
                )
                self._finish(_Finished(node, done.size, done.height), done.anchor, done.mark)

    def _start_document(self, event: Any, mark: Mark) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._stop(mark, N_("a profile is one YAML document, and here a second one starts"))
        if event.version is not None and tuple(event.version) != (1, 2):
            raise self._stop(mark, N_("profiles are YAML 1.2; remove the %YAML line"))

    def _count(self, mark: Mark) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise self._stop(
                mark, N_("there are more than {count} values; this is no profile"), count=MOST_NODES
            )

    def _scalar(self, event: Any, mark: Mark) -> _Finished:
        text, quoted = str(event.value), event.style is not None
        if any(not c.isprintable() and c not in "\n\t" for c in text) and not _printable_text(text):
            self._problem(mark, N_("the text has control characters in it"))
            return _Finished(ScalarNode(None, mark))
        if quoted:
            return _Finished(ScalarNode(text, mark, text, quoted=True))
        try:
            return _Finished(ScalarNode(resolve(text), mark, text))
        except NotFiniteError:
            self._problem(mark, N_("{value} is not a finite number"), value=text)
        except TooLargeError:
            self._problem(mark, N_("the number {value} is too large"), value=shortened(text))
        return _Finished(ScalarNode(None, mark))

    def _alias(self, anchor: str, mark: Mark) -> None:
        target = self._anchors.get(anchor)
        if target is None:
            template = N_("the alias *{name} refers to itself or to nothing above it")
            raise self._stop(mark, template, name=shortened(str(anchor)))
        self._finish(target, None, mark)

    def _finish(self, value: _Finished, anchor: str | None, mark: Mark) -> None:
        """Hangs a finished value into the collection around it."""
        if anchor is not None:
            self._anchors[anchor] = value
        if not self._stack:
            self.root = value.node
            return
        parent = self._stack[-1]
        parent.size += value.size
        parent.height = max(parent.height, value.height + 1)
        if parent.size > MOST_NODES:
            raise self._stop(mark, N_("aliases multiply this to more than {count} values"), count=MOST_NODES)
        if parent.height + len(self._stack) > DEEPEST + 1:
            raise self._stop(mark, N_("the values are nested more than {depth} levels deep"), depth=DEEPEST)
        if not parent.is_map:
            parent.items.append(value.node)
        elif parent.key is not None:
            key, key_mark = parent.key
            parent.entries[key] = Entry(value.node, key_mark)
            parent.key = None
        elif parent.skip_value:
            parent.skip_value = False
        else:
            self._take_key(parent, value.node, mark)

    def _take_key(self, parent: _Open, node: Node, mark: Mark) -> None:
        parent.skip_value = True
        if not isinstance(node, ScalarNode):
            self._problem(mark, N_("a key must be a name, not a list or a mapping"))
        elif not isinstance(node.value, str):
            self._problem(mark, N_("the key {key} must be a name"), key=shortened(node.text) or "null")
        elif node.value == "<<" and not node.quoted:
            self._problem(mark, N_("merge keys (<<) are not part of YAML 1.2; use extends"), "<<")
        elif node.value in parent.entries:
            first = parent.entries[node.value].mark.line
            template = N_("the key {key} is here twice, first in line {line}")
            self._problem(mark, template, node.value, key=shortened(node.value), line=first)
        else:
            parent.skip_value = False
            parent.key = (node.value, mark)

    def _problem(self, mark: Mark, template: str, /, *below: str, **parameters: object) -> None:
        key = dotted([*self._address(), *below]) or None
        self.problems.append(Problem(mark.file, mark.line, key, Message(template, parameters)))

    def _address(self) -> list[str | int]:
        """Where in the document the parser is."""
        address: list[str | int] = []
        for collection in self._stack:
            if not collection.is_map:
                address.append(len(collection.items))
            elif collection.key is not None:
                address.append(collection.key[0])
        return address

    def _stop(self, mark: Mark, template: str, /, **parameters: object) -> ProfileError:
        return ProfileError([Problem(mark.file, mark.line, None, Message(template, parameters))])


def _printable_text(text: str) -> bool:
    """Whether nothing in it steers a terminal or breaks a line: control (Cc), separators (Zl, Zp),
    surrogates."""
    import unicodedata

    return all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Zl", "Zp", "Cs") for c in text)
