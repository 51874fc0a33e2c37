"""What a profile says itself and what it inherits, by dotted key: the two columns of a diff."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.profile.errors import Problem, ProfileError
from runtime.profile.find import shown_file
from runtime.profile.inherit import Family
from runtime.profile.nodes import MapNode, plain
from runtime.profile.parsing import parse
from runtime.profile.reading import check_characters


@dataclass(frozen=True)
class Layers:
    """`own`: what the profile's own text sets; `inherited`: what its parents give. Values are as in YAML.
    `parents`: their files, the nearest first. `problem`: why the parents can't be read."""

    own: Mapping[str, object] = field(default_factory=dict)
    inherited: Mapping[str, object] = field(default_factory=dict)
    parents: tuple[Path, ...] = ()
    problem: Problem | None = None


def layers(text: str, keys: Collection[str], *, file: Path, workspace: Path | None) -> Layers:
    """The layers of the profile with this text, which stands at `file`. `keys` are those whose values are
    whole: what lies below one of them isn't taken apart.

    Raises:
        ProfileError: the text itself is no YAML.
    """
    label = shown_file(file, file.name)
    check_characters(text, label)
    problems: list[Problem] = []
    tree = parse(text.removeprefix("\ufeff"), label, problems)
    if not isinstance(tree, MapNode):
        return Layers()
    own = dict(_flat(plain(tree), keys))
    family = Family(workspace)
    entry = tree.entries.get("extends")
    if entry is None:
        return Layers(own)
    try:
        above = family.resolve(MapNode({"extends": entry}, tree.mark), file)
    except ProfileError as error:
        return Layers(own, problem=error.problems[0])
    return Layers(own, dict(_flat(plain(above), keys)), tuple(family.files))


def _flat(value: object, keys: Collection[str], above: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value and above.rstrip(".") not in keys:
        for name, item in value.items():
            yield from _flat(item, keys, f"{above}{name}.")
    elif above:
        yield above.rstrip("."), value
