"""`-o train.steps=100`: values given at launch, laid over the profile as if written in a last child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runtime.messages import N_
from runtime.profile.errors import Problem, ProfileError, printable, refusal, shortened
from runtime.profile.nodes import Entry, ListNode, MapNode, Mark, Node, ScalarNode, merged
from runtime.profile.parsing import DEEPEST, parse
from runtime.profile.reading import LARGEST, check_characters

_LONGEST_SHOWN = 60


def overridden(root: Node, overrides: Sequence[str]) -> Node:
    """The tree with the overrides laid over it, from left to right. Numbers address items of lists
    (`data.sources.0`).

    Raises:
        ProfileError: an override that is no `key=value`, or whose value is no YAML.
    """
    problems = []
    for override in overrides:
        try:
            root = _apply(root, override)
        except ProfileError as error:
            problems += error.problems
    if problems:
        raise ProfileError(problems)
    return root


def _apply(root: Node, override: str) -> Node:
    address, equals, text = override.partition("=")
    path = [part.strip() for part in address.split(".")]
    label = _label(address.strip(), text) if equals else _label(override, None)
    if not equals or not all(path):
        raise refusal(N_("an override is written key=value, such as train.steps=100"), file=label)
    if len(path) > DEEPEST:
        raise refusal(N_("the values are nested more than {depth} levels deep"), file=label, depth=DEEPEST)
    if path[0] == "extends":
        raise refusal(
            N_("can't be overridden; write a profile that extends another"), file=label, key="extends"
        )
    if len(text) > LARGEST:
        raise refusal(N_("the value is too long"), file=label, key=shortened(".".join(path)))
    try:
        check_characters(text, label)
        found: list[Problem] = []
        value = parse(text, label, found) if text.strip() else ScalarNode(None)
        if found:
            raise ProfileError(found)
    except ProfileError as error:
        key = ".".join(path)
        raise ProfileError(
            [replace(p, file=label, line=None, key=shortened(key)) for p in error.problems]
        ) from None
    mark = Mark(label, override=True)
    return _laid(root, path, _marked(value, mark), mark, ())


def _label(address: str, text: str | None) -> str:
    """How messages call the override: as typed, shortened, and without a value that may be a secret."""
    if text is None:
        typed = address
    elif address.startswith(("launch.env", "launch.secrets")):
        typed = f"{address}=…"
    else:
        typed = f"{address}={text}"
    return "-o " + printable(typed if len(typed) <= _LONGEST_SHOWN else typed[: _LONGEST_SHOWN - 1] + "…")


def _marked(node: Node, mark: Mark) -> Node:
    """The tree with one mark everywhere: an override has no lines worth naming."""
    match node:
        case ScalarNode():
            return replace(node, mark=mark)
        case ListNode():
            return ListNode(tuple(_marked(item, mark) for item in node.items), mark)
        case MapNode():
            return MapNode(
                {key: Entry(_marked(e.value, mark), mark) for key, e in node.entries.items()}, mark
            )


def _laid(node: Node | None, path: Sequence[str], value: Node, mark: Mark, above: tuple[str, ...]) -> Node:
    """`node`, which stands at the address `above`, with `value` at `path` below it."""
    if not path:
        return value if node is None else merged(node, value, above)
    key, *rest = path
    if isinstance(node, ListNode):
        if not key.isdecimal() or len(key) > 9 or int(key) >= len(node.items):
            raise refusal(
                N_("there is no entry {index}; the list has {count}, counted from 0"),
                file=mark.file,
                key=".".join(above),
                count=len(node.items),
                index=shortened(key),
            )
        index = int(key)
        items = list(node.items)
        items[index] = _laid(items[index], rest, value, mark, (*above, key))
        return replace(node, items=tuple(items))
    base = node if isinstance(node, MapNode) else None
    below = base.entries.get(key) if base is not None else None
    child = _laid(below.value if below is not None else None, rest, value, mark, (*above, key))
    over = MapNode({key: Entry(child, mark)}, mark)
    if base is None:
        return over
    # `merged` takes back what the profile said in other words (train.tokens under train.steps=…).
    laid = merged(base, over, above)
    return replace(laid, mark=base.mark) if isinstance(laid, MapNode) else laid
