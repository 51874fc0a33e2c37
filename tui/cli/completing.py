"""What the shell offers when tab is pressed: `headnode __complete WORD… CURRENT` prints one candidate a line,
with a
tab and what it is behind it; `!files` asks the shell for its own names of files.

It answers at each press of a key, so that nothing is imported here that isn't needed for the very answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import HeadnodeError
from tui.cli.verbs import VERBS

if TYPE_CHECKING:
    from runtime.run.workspace import Workspace
    from tui.cli.verbs import Verb

FILES = "!files"
_WITH_VALUES = {"--workspace": (FILES,), "--lang": ("en", "zh"), "-o": ()}
_PANEL_OPTIONS = ("--workspace", "--lang", "--read-only", "--no-mouse", "--version", "--help")
_PLAIN = re.compile(r"[\w.+/@-]+")
_SHELLS = ("bash", "zsh", "fish")


def complete(words: Sequence[str]) -> list[str]:
    """The candidates for the last of these words, which may be empty; the program's name isn't among them."""
    *before, current = words or [""]
    workspace, verb, rest = _read(before)
    last = before[-1] if before else ""
    if last in _WITH_VALUES:
        return _matching(_WITH_VALUES[last], current)
    if verb is None:
        offered = (
            _PANEL_OPTIONS if current.startswith("-") else [f"{v.name}\t{v.summary}" for v in VERBS.values()]
        )
        return _matching(offered, current)
    if verb not in VERBS:
        return []
    if current.startswith("-"):
        return _matching(_options(VERBS[verb]), current)
    return _arguments(VERBS[verb], rest, current, workspace)


def _read(before: Sequence[str]) -> tuple[str | None, str | None, list[str]]:
    """The workspace that is named, the verb, and its arguments that are no options."""
    workspace, verb, rest, words = None, None, [], iter(before)
    for word in words:
        if word.startswith("--workspace="):
            workspace = word.partition("=")[2]
        elif word in _WITH_VALUES:
            value = next(words, None)
            workspace = value if word == "--workspace" else workspace
        elif not word.startswith("-"):
            verb, rest = (word, rest) if verb is None else (verb, [*rest, word])
    return workspace, verb, rest


def _options(verb: Verb) -> Iterator[str]:
    from tui.cli.parser import Parser

    declare, _run = verb.load()
    parser = Parser(f"headnode {verb.name}")
    declare(parser)
    for action in parser._actions:
        for name in action.option_strings:
            if name.startswith("--") or len(action.option_strings) == 1:
                yield f"{name}\t{(action.help or '').split(chr(10))[0]}"


def _arguments(verb: Verb, rest: Sequence[str], current: str, named: str | None) -> list[str]:
    kinds = verb.usage.split()
    kind = kinds[min(len(rest), len(kinds) - 1)] if kinds else ""
    if kind == "…":
        kind = kinds[0]
    if verb.name == "completion":
        return _matching(_SHELLS, current)
    kind = kind.strip("[]")
    if kind in ("DIR", "FILE"):
        return [FILES]
    if kind.startswith("RUN"):
        if "@" in current:
            return _with_workspace(named, lambda workspace: _steps(workspace, current))
        return _with_workspace(named, lambda workspace: _runs(workspace, current))
    if kind.startswith("PROFILE"):
        if current.startswith((".", "/", "~")):
            return [FILES]
        return _profiles(named, current)
    return []


def _with_workspace(named: str | None, find: Callable[[Workspace], list[str]]) -> list[str]:
    from runtime.run.workspace import find_workspace

    try:
        return find(find_workspace(Path(named).expanduser() if named else None))
    except (HeadnodeError, OSError):  # nothing to offer; the command itself will say why
        return []


def _runs(workspace: Workspace, current: str) -> list[str]:
    names = [run.run_id for run in workspace.runs()]
    return _matching([*names, *(["last"] if names else [])], current, anywhere=True)


def _steps(workspace: Workspace, current: str) -> list[str]:
    """`RUN@STEP` for the checkpoints that are there, newest first."""
    reference, _at, _step = current.rpartition("@")
    found = (
        re.fullmatch(r"step-(\d+)", path.name) for path in workspace.resolve(reference).checkpoints.iterdir()
    )
    steps = sorted((int(match[1]) for match in found if match), reverse=True)
    return _matching([f"{reference}@{step}" for step in steps], current)


def _profiles(named: str | None, current: str) -> list[str]:
    from runtime.profile.find import directories, profile_files
    from runtime.run.workspace import find_workspace

    try:
        root = find_workspace(Path(named).expanduser() if named else None).root
    except (HeadnodeError, OSError):
        root = None
    files = [path for directory in directories(root) for path in profile_files(directory)]
    return _matching(dict.fromkeys(path.stem for path in files), current)


def _matching(offered: Iterable[str], current: str, *, anywhere: bool = False) -> list[str]:
    """Those that begin with what is typed; where none does and `anywhere`, those that contain it."""
    names = [line for line in offered if line == FILES or _PLAIN.fullmatch(line.partition("\t")[0])]
    found = [line for line in names if line.startswith(current) or line == FILES]
    if not found and anywhere:
        found = [line for line in names if current in line]
    return found
