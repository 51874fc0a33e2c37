"""Changes of single values in a profile's text. Comments, order and everything that isn't changed stay as
they were written."""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import MutableMapping
from functools import cache
from typing import Any

from runtime.messages import N_, UsageError

REMOVED = object()
"""In the place of a value: the key is taken out."""


class NotEditable(UsageError):
    """The text can't be changed value by value; the message says why."""


def with_value(text: str, key: str, value: object) -> str:
    """The text with another value for a dotted key; sections on the way are made where they are missing, and
    with `REMOVED` taken out where they are left empty.

    Raises:
        NotEditable: the text is no YAML, or something else than a section stands where one must be.
    """
    yaml = _yaml(_indentation(text))
    try:
        tree = yaml.load(text)
    except Exception as error:  # ruamel raises many kinds
        raise NotEditable(N_("the text is no YAML; mend it there first")) from error
    tree = _mapping() if tree is None else tree
    if not isinstance(tree, MutableMapping):
        raise NotEditable(N_("the text is no YAML; mend it there first"))
    before = _dumped(yaml, tree)
    _set(tree, key.split("."), value, key)
    after = _dumped(yaml, tree)
    patched = _patched(text, before, after)
    try:
        same = yaml.load(patched) == tree
    except Exception:  # noqa: BLE001 (ruamel raises many kinds; the two layouts don't go together)
        same = False
    return patched if same else after


def read_value(text: str) -> object:
    """A value as it is typed: a number, true, null, a text or `[a list]`.

    Raises:
        NotEditable: it is none.
    """
    try:
        return _yaml(2).load(text)
    except Exception as error:  # ruamel raises many kinds
        raise NotEditable(N_("this is no value: quotes or brackets don't match")) from error


def _set(tree: MutableMapping[Any, Any], parts: list[str], value: object, key: str) -> None:
    name, *rest = parts
    if not rest:
        if value is not REMOVED:
            tree[name] = value
        elif name in tree:
            del tree[name]
        return
    below = tree.get(name)
    if below is None:
        if value is REMOVED:
            return
        below = tree[name] = _mapping()
    if not isinstance(below, MutableMapping):
        raise NotEditable(N_("{key} can't be set: {section} is no section"), key=key, section=name)
    _set(below, rest, value, key)
    if value is REMOVED and not below:
        del tree[name]


def _mapping() -> MutableMapping[Any, Any]:
    from ruamel.yaml.comments import CommentedMap

    return CommentedMap()


def _indentation(text: str) -> int:
    """By how much the text indents what lies in a section: as its first indented line, else by two."""
    found = re.search(r"^( +)[^\s#-]", text, re.MULTILINE)
    return len(found[1]) if found is not None else 2


def _dumped(yaml: Any, tree: object) -> str:
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


def _patched(text: str, before: str, after: str) -> str:
    """`text` with what differs between `before` and `after`, which say the same as it but may be laid out in
    another way."""
    if before == text:
        return after
    written, old, new = (part.splitlines(keepends=True) for part in (text, before, after))
    if len(written) != len(old):
        return after
    lines: list[str] = []
    for kind, first, last, start, end in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        lines += written[first:last] if kind == "equal" else new[start:end]
    return "".join(lines)


@cache
def _yaml(indentation: int) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        """Writes null as null."""

    Representer.add_representer(
        type(None), lambda self, _none: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    yaml = YAML()
    yaml.Representer = Representer
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=indentation, sequence=indentation + 2, offset=indentation)
    return yaml
