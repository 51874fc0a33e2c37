"""Whether what a profile names on disk is there; apart from loading, since a profile is right without its
data at hand."""

from __future__ import annotations

import glob
import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import N_, Message
from runtime.profile.errors import Problem, printable

if TYPE_CHECKING:
    from runtime.profile.schema import Profile, Source

MANIFEST = "manifest.json"
PREPARED_IN_RUN = Path("artifacts", "data")
"""Where a `prepare` run leaves its data (`runtime.data.prepared`)."""

TOKENIZER_FILE = "tokenizer.json"
VOCABULARY_FILES = ("vocab.json", "merges.txt")
"""What a tokenizer of GPT-2's kind may consist of instead (`runtime.data.tokenizer`)."""


def check_files(profile: Profile, workspace: Path | None = None) -> list[Problem]:
    """What is missing of the data, tokenizer and program that the profile names; empty where all is there.

    Relative paths are relative to the workspace (None: the current directory).
    """
    base = workspace if workspace is not None else Path.cwd()
    found: list[Problem | None] = []
    if profile.job == "command":
        found += _command_problems(profile, base)
    elif profile.data is not None:
        if profile.data.prepared is not None:
            found.append(_prepared_problem(profile.data.prepared, base))
        for index, source in enumerate(profile.data.sources or ()):
            found.append(_source_problem(f"data.sources.{index}", source, base))
        tokenizer = profile.data.tokenizer
        if tokenizer is not None and tokenizer.path is not None:
            found.append(_tokenizer_problem(tokenizer.path, base))
    return [problem for problem in found if problem is not None]


def _problem(key: str, template: str, **parameters: object) -> Problem:
    return Problem(None, None, key, Message(template, parameters))


def _place(text: str, base: Path) -> Path:
    return base / os.path.expanduser(text)  # noqa: PTH111 (an unknown user's ~ is left as it is, not an error)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _source_problem(key: str, source: Source, base: Path) -> Problem | None:
    if source.builtin is not None:
        library = Path(sysconfig.get_path("stdlib"))
        if _exists(library / "os.py"):
            return None
        return _problem(
            f"{key}.builtin",
            N_("this Python has no standard library in source form in {path}"),
            path=printable(str(library)),
        )
    assert source.path is not None
    path = _place(source.path, base)
    if _exists(path):
        if path.is_dir() and not any(path.iterdir()):
            return _problem(f"{key}.path", N_("the directory {path} is empty"), path=printable(str(path)))
        if not os.access(path, os.R_OK):
            return _problem(f"{key}.path", N_("you may not read {path}"), path=printable(str(path)))
        return None
    if glob.has_magic(source.path):
        if any(Path(match).is_file() for match in glob.iglob(str(path), recursive=True)):  # noqa: PTH207
            return None
        return _problem(f"{key}.path", N_("no file matches {path}"), path=printable(str(path)))
    return _problem(f"{key}.path", N_("there is no file or directory {path}"), path=printable(str(path)))


def _prepared_problem(prepared: str, base: Path) -> Problem | None:
    given = _place(prepared, base)
    candidates = [given, given / PREPARED_IN_RUN]
    if len(Path(prepared).parts) == 1:
        candidates.append(base / "logs" / prepared / PREPARED_IN_RUN)
    if any(_exists(candidate / MANIFEST) for candidate in candidates):
        return None
    return _problem(
        "data.prepared",
        N_("{reference} is neither a directory with a manifest.json nor a run that prepared data"),
        reference=printable(prepared),
    )


def _tokenizer_problem(given: str, base: Path) -> Problem | None:
    path = _place(given, base)
    if path.name != TOKENIZER_FILE and path.suffix != ".json":
        path = path / TOKENIZER_FILE
    if _exists(path) or all(_exists(path.with_name(name)) for name in VOCABULARY_FILES):
        return None
    return _problem("data.tokenizer.path", N_("there is no {path}"), path=printable(str(path)))


def _command_problems(profile: Profile, base: Path) -> Iterator[Problem]:
    command = profile.command
    assert command is not None
    directory = _place(command.directory, base) if command.directory is not None else base
    if not _exists(directory) or not directory.is_dir():
        yield _problem(
            "command.directory", N_("there is no directory {path}"), path=printable(str(directory))
        )
        return
    program = command.argv[0]
    search = profile.launch.env.get("PATH", os.environ.get("PATH", os.defpath))
    if "/" in program:
        runnable = shutil.which(str(directory / program)) is not None
    else:
        runnable = shutil.which(program, path=search) is not None
    if not runnable:
        yield _problem(
            "command.argv.0",
            N_("there is no program {program} that can be run"),
            program=printable(program),
        )
