"""Loading profiles: by name, from a text, from a run directory; and listing those there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.messages import Message
from runtime.profile.errors import Problem, ProfileError, shown_path
from runtime.profile.find import directories, is_shipped, locate, profile_files, shown_file
from runtime.profile.inherit import Family
from runtime.profile.nodes import Entry, MapNode, Mark, Node, ScalarNode, from_plain
from runtime.profile.overrides import overridden
from runtime.profile.parsing import parse
from runtime.profile.reading import check_characters, read_text
from runtime.profile.schema import Profile
from runtime.profile.validate import validated

UNTITLED = "untitled"


@dataclass(frozen=True)
class ProfileEntry:
    """A profile in a list. `problem` says in one sentence why it can't be used; then `job` is ""."""

    name: str
    job: str
    description: str
    path: Path
    problem: Message | None
    shipped: bool

    @property
    def reference(self) -> str:
        """What `load` finds this very profile by: its path."""
        return str(self.path)


def load(reference: str | Path, overrides: Sequence[str] = (), *, workspace: Path | None = None) -> Profile:
    """The profile called by name (`demo`), group and name (`pretrain/demo`) or path, parents and overrides
    included.

    Names are looked up in the workspace's `profiles/` first, then among those that come with Headnode.
    Relative paths are relative to the current directory.

    Raises:
        ProfileError: with everything that is wrong.
    """
    path = reference if isinstance(reference, Path) else locate(reference, workspace)
    family = Family(workspace)
    return _profile(family.read(path), path.stem, shown_path(path), overrides, family.problems)


def loads(
    text: str, overrides: Sequence[str] = (), *, file: Path | None = None, workspace: Path | None = None
) -> Profile:
    """The profile in a text. `file` is where it stands or will stand: for its name, its parents, and
    messages.

    Raises:
        ProfileError: with everything that is wrong.
    """
    label = shown_file(file, f"{UNTITLED}.yaml")
    check_characters(text, label)
    family = Family(workspace)
    tree = family.resolve(parse(text.removeprefix("\ufeff"), label, family.problems), file)
    return _profile(tree, file.stem if file is not None else UNTITLED, label, overrides, family.problems)


def read_frozen(path: Path) -> Profile:
    """The profile that `dump` wrote to the file.

    Raises:
        ProfileError: it can't be read or was changed by hand to something that is no profile.
    """
    problems: list[Problem] = []
    return validated(parse(read_text(path), shown_path(path), problems), problems)


def apply_overrides(profile: Profile, overrides: Sequence[str]) -> Profile:
    """The profile with overrides such as `train.steps=100` laid over it.

    Raises:
        ProfileError: an override that isn't one, or a profile that is wrong with it.
    """
    if not overrides:
        return profile
    return validated(overridden(from_plain(_written(profile)), overrides))


def parents(path: Path, *, workspace: Path | None = None) -> list[Path]:
    """The files that make up the profile at `path`: itself, then its parents as they are named.

    Raises:
        ProfileError: one of them can't be read.
    """
    family = Family(workspace)
    family.read(path)
    return family.files


def source_of(entry: ProfileEntry) -> str:
    """The text of the profile's own file.

    Raises:
        ProfileError: it can't be read.
    """
    return read_text(entry.path)


def find_profiles(workspace: Path | None) -> list[ProfileEntry]:
    """All profiles that can be called by name: the workspace's, then those that come with Headnode and that
    no profile of the workspace stands in for. One that is broken is listed with its problem."""
    entries: list[ProfileEntry] = []
    seen: set[str] = set()
    for directory in directories(workspace):
        for path in profile_files(directory):
            address = path.relative_to(directory).with_suffix("").as_posix()
            if address not in seen:
                seen.add(address)
                entries.append(_entry(path, workspace, is_shipped(path)))
    return entries


def _entry(path: Path, workspace: Path | None, shipped: bool) -> ProfileEntry:
    try:
        profile = load(path, workspace=workspace)
    except ProfileError as error:
        return ProfileEntry(path.stem, "", "", path, error.problems[0].message, shipped)
    return ProfileEntry(profile.name, profile.job, profile.description, path, None, shipped)


def _profile(
    tree: Node, name: str, file: str, overrides: Sequence[str], problems: Sequence[Problem]
) -> Profile:
    if isinstance(tree, MapNode) and tree.entries and "name" not in tree.entries:
        mark = Mark(file)
        tree = MapNode({**tree.entries, "name": Entry(ScalarNode(name, mark), mark)}, tree.mark)
    return validated(overridden(tree, overrides), problems)


def _written(profile: Profile) -> dict[str, object]:
    values = profile.model_dump(mode="python", by_alias=True)
    return {key: value for key, value in values.items() if value is not None}
