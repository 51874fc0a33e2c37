"""`extends`: a file and its parents as one tree, in which every value still knows its own file and line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runtime.messages import N_, Message
from runtime.profile.errors import Problem, ProfileError, refusal, shown_path
from runtime.profile.find import locate
from runtime.profile.nodes import ListNode, MapNode, Mark, Node, ScalarNode, merged
from runtime.profile.parsing import parse
from runtime.profile.reading import read_text

LONGEST_CHAIN = 16
"""Parents of parents of …"""

OWN_KEYS = ("name", "description", "extends")
"""Keys that a child doesn't inherit."""


class Family:
    """Reads a profile and its parents, each file once.

    `problems` is what was wrong without keeping the rest from being read. `files` holds the paths read so
    far: the profile first, then its parents in the order in which they are named.
    """

    def __init__(self, workspace: Path | None) -> None:
        self.workspace = workspace
        self.files: list[Path] = []
        self.problems: list[Problem] = []
        self._trees: dict[Path, Node] = {}

    def read(self, path: Path) -> Node:
        """The tree of the file with all its parents under it.

        Raises:
            ProfileError: a file that can't be read, a parent that is missing, a circle.
        """
        return self._read(path, ())

    def resolve(self, tree: Node, path: Path | None) -> Node:
        """The tree of a text that stands, or may once stand, at `path`, with its parents under it."""
        return self._with_parents(tree, path, (path,) if path is not None else ())

    def _read(self, path: Path, above: tuple[Path, ...]) -> Node:
        identity = _identity(path)
        if identity in self._trees:
            return self._trees[identity]
        tree = parse(read_text(path), shown_path(path), self.problems)
        self.files.append(path)
        self._trees[identity] = self._with_parents(tree, path, (*above, path))
        return self._trees[identity]

    def _with_parents(self, tree: Node, path: Path | None, chain: tuple[Path, ...]) -> Node:
        if not isinstance(tree, MapNode):
            return tree
        base: Node | None = None
        for reference, mark in _references(tree):
            parent = self._parent(reference, mark, path, chain)
            base = parent if base is None else merged(base, parent)
        own = {key: entry for key, entry in tree.entries.items() if key != "extends"}
        child = replace(tree, entries=own)
        if not isinstance(base, MapNode):
            return child
        inherited = {key: entry for key, entry in base.entries.items() if key not in OWN_KEYS}
        return merged(replace(base, entries=inherited), child)

    def _parent(self, reference: str, mark: Mark, path: Path | None, chain: tuple[Path, ...]) -> Node:
        near = path if path is not None else Path.cwd() / "untitled.yaml"
        parent = locate(reference, self.workspace, near=near, file=mark.file, line=mark.line)
        if any(_identity(parent) == _identity(link) for link in chain):
            names = " → ".join(link.name for link in (*chain, parent))
            template = N_("the profiles extend each other in a circle: {chain}")
            raise refusal(template, file=mark.file, line=mark.line, key="extends", chain=names)
        if len(chain) >= LONGEST_CHAIN:
            template = N_("more than {count} profiles extend one another")
            raise refusal(template, file=mark.file, line=mark.line, key="extends", count=LONGEST_CHAIN)
        if not parent.exists():
            template = N_("there is no profile at {path}")
            raise refusal(template, file=mark.file, line=mark.line, key="extends", path=shown_path(parent))
        try:
            tree = self._read(parent, chain)
        except ProfileError as error:
            first = error.problems[0]
            if first.line is not None or first.file != shown_path(parent):
                raise
            # The file itself can't be read: who wants it is what its author has to know.
            found = Problem(
                mark.file,
                mark.line,
                "extends",
                Message(N_("{path}: {problem}"), {"path": shown_path(parent), "problem": first.message}),
            )
            raise ProfileError([found]) from None
        if not isinstance(tree, MapNode):
            template = N_("{path} is no profile")
            raise refusal(template, file=mark.file, line=mark.line, key="extends", path=shown_path(parent))
        return tree


def _references(tree: MapNode) -> list[tuple[str, Mark]]:
    entry = tree.entries.get("extends")
    if entry is None:
        return []
    nodes = entry.value.items if isinstance(entry.value, ListNode) else (entry.value,)
    found = []
    for node in nodes:
        if isinstance(node, ScalarNode) and node.value is None and node is entry.value:
            continue
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str) or not node.value.strip():
            template = N_("must be a profile's name or path, or a list of them")
            raise refusal(template, file=node.mark.file, line=node.mark.line, key="extends")
        found.append((node.value, node.mark))
    return found


def _identity(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()
