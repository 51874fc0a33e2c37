"""Which profiles there are, and everything to be shown of one. Reads the disk: not for the panel's thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui.clean import clean

if TYPE_CHECKING:
    from runtime.profile import Problem, Profile, ProfileEntry
    from runtime.run.workspace import Workspace
    from tui.widgets.profile_model import ProfileModel

_GROUPS = ("pretrain", "prepare", "command")


@dataclass(frozen=True)
class Listing:
    """All profiles, and what tells whether the files are still the same."""

    entries: tuple[ProfileEntry, ...]
    signature: object


@dataclass(frozen=True)
class ProfileDetail:
    """One profile: its text (None where it can't be read), and itself or all that is wrong with it."""

    path: Path
    text: str | None
    profile: Profile | None
    problems: tuple[Problem, ...]
    model: ProfileModel | None = None
    """The same key by key; None where the text is no YAML."""

    @property
    def marked(self) -> list[int]:
        """The lines of this file that something is wrong with."""
        return [problem.line for problem in self.problems if problem.line and self._here(problem)]

    def _here(self, problem: Problem) -> bool:
        return problem.file is not None and Path(problem.file).name == self.path.name


def signature(workspace: Workspace) -> object:
    """Changes whenever a profile is added, removed or written."""
    from runtime.profile.find import directories, profile_files

    found: list[tuple[object, ...]] = []
    for directory in directories(workspace.root):
        for path in profile_files(directory):
            try:
                status = path.stat()
            except OSError:
                found.append((str(path), None, None))
            else:
                found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


def list_profiles(workspace: Workspace) -> Listing:
    """The workspace's own profiles first, then those that come with Headnode."""
    from runtime.profile import find_profiles

    before = signature(workspace)
    entries = sorted(find_profiles(workspace.root), key=_order)
    return Listing(tuple(entries), before)


def _order(entry: ProfileEntry) -> tuple[object, ...]:
    """Own ones first, broken ones after the others, training before what serves it."""
    kind = group(entry.path)
    place = _GROUPS.index(kind) if kind in _GROUPS else len(_GROUPS)
    return entry.shipped, entry.problem is not None, place, kind, entry.name


def read_profile(path: Path, workspace: Workspace) -> ProfileDetail:
    """Everything of one profile. Whatever is wrong with it is in `problems`."""
    from runtime.profile import ProfileError, load
    from runtime.profile.reading import read_text

    try:
        text = read_text(path)
    except ProfileError as error:
        return ProfileDetail(path, None, None, tuple(error.problems))
    return _detail(path, text, workspace, lambda: load(path, workspace=workspace.root))


def check_text(text: str, path: Path, workspace: Workspace) -> ProfileDetail:
    """The same for a text that is to stand in this file."""
    from runtime.profile import loads

    return _detail(path, text, workspace, lambda: loads(text, file=path, workspace=workspace.root))


def _detail(path: Path, text: str, workspace: Workspace, load: Callable[[], Profile]) -> ProfileDetail:
    from runtime.profile import ProfileError
    from tui.widgets.profile_model import read_model

    profile: Profile | None = None
    problems: tuple[Problem, ...] = ()
    try:
        profile = load()
    except ProfileError as error:
        problems = tuple(error.problems)
    return ProfileDetail(path, text, profile, problems, read_model(text, path, workspace, problems))


def group(path: Path) -> str:
    """The directory that a profile lies in, where that says something: `pretrain`."""
    return "" if path.parent.name == "profiles" else clean(path.parent.name)


def taken(name: str, directory: Path, entries: tuple[ProfileEntry, ...]) -> bool:
    """Whether a new profile of this name in this directory would replace one, or be mistaken for one."""
    return (
        any(name in (entry.name, entry.path.stem) for entry in entries)
        or os.path.lexists(directory / f"{name}.yaml")
        or os.path.lexists(directory / f"{name}.yml")
    )
