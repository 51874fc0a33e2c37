"""Which files a profile's `data.sources` means, in an order that no file system decides."""

from __future__ import annotations

import glob
import os
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from runtime.messages import N_, UsageError

JSONL_SUFFIXES = (".jsonl", ".ndjson")

STDLIB_EXCLUDED = (
    "site-packages",
    "dist-packages",
    "__pycache__",
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "turtledemo",
    "ensurepip",
    "config-*",  # build left-overs and generated modules differ from machine to machine
    "_sysconfigdata*",
)
STDLIB_LEAST_FILES = 50


class SourceSpec(Protocol):
    """The shape of one entry of `data.sources`; `runtime.profile` has the real one."""

    @property
    def path(self) -> str | Path | None: ...
    @property
    def builtin(self) -> str | None: ...
    @property
    def include(self) -> Sequence[str]: ...
    @property
    def exclude(self) -> Sequence[str]: ...
    @property
    def format(self) -> str: ...
    @property
    def text_key(self) -> str: ...


@dataclass(frozen=True)
class SourceFile:
    """One file to read: `name` is its path relative to its source, `format` is text or jsonl, `size` in
    bytes.
    """

    path: Path
    name: str
    format: str
    text_key: str
    size: int


def resolve_sources(sources: Iterable[SourceSpec], base: Path) -> list[SourceFile]:
    """All files of all sources: sources in the profile's order, each one's files sorted by relative path.

    Relative paths are relative to `base` (the workspace). Hidden files and directories are left out of
    directories; symbolic links to directories are not followed.

    Raises:
        UsageError: a source that does not exist, or that holds no file.
    """
    files: list[SourceFile] = []
    for source in sources:
        found = list(_stdlib_files() if source.builtin is not None else _path_files(source, base))
        if not found:
            raise UsageError(
                N_("The source {source} has no file to read. Look at its include and exclude patterns."),
                source=str(source.path or source.builtin),
            )
        files += [
            SourceFile(path, name, _format(source.format, path), source.text_key, path.stat().st_size)
            for name, path in found
        ]
    return files


def _format(declared: str, path: Path) -> str:
    if declared != "auto":
        return declared
    return "jsonl" if path.suffix.lower() in JSONL_SUFFIXES else "text"


def place(given: str | Path, base: Path) -> Path:
    """The path that a profile means: `~` is the home directory, what is relative is relative to `base`."""
    return base / os.path.expanduser(given)  # noqa: PTH111 (an unknown user's ~ stays, instead of an error)


def _path_files(source: SourceSpec, base: Path) -> Iterator[tuple[str, Path]]:
    given = str(source.path)
    path = place(given, base)
    if path.is_file():
        yield path.name, path
    elif path.is_dir():
        yield from _directory_files(path, source.include, source.exclude)
    elif glob.has_magic(given):
        yield from _glob_files(place(given, Path()), base)
    else:
        raise UsageError(N_("The data source {path} does not exist."), path=str(path))


def _glob_files(pattern: Path, base: Path) -> list[tuple[str, Path]]:
    """Visible files that match, by path relative to the part before the first wildcard, sorted."""
    first = next(number for number, part in enumerate(pattern.parts) if glob.has_magic(part))
    root = base.joinpath(*pattern.parts[:first])
    found = [
        (path.relative_to(root).as_posix(), path)
        for path in root.glob(str(Path(*pattern.parts[first:])))
        if path.is_file()
    ]
    visible = [item for item in found if not any(part.startswith(".") for part in item[0].split("/"))]
    return sorted(visible, key=_by_name)


def _by_name(item: tuple[str, Path]) -> bytes:
    return os.fsencode(item[0])


def _directory_files(root: Path, include: Sequence[str], exclude: Sequence[str]) -> list[tuple[str, Path]]:
    """Files below `root` by relative POSIX path, sorted by that path's UTF-8 bytes.

    A pattern without a slash is compared with the file's name (include) or with every part of the path
    (exclude, so that `tests` leaves out whole directories); one with a slash with the whole relative path,
    where `*` also crosses slashes. No include pattern means every file.
    """
    found: list[tuple[str, Path]] = []
    for directory, directories, names in os.walk(root):
        relative = Path(directory).relative_to(root)
        directories[:] = [
            name
            for name in directories
            if not name.startswith(".") and not _excluded((relative / name).as_posix(), name, exclude)
        ]
        for name in names:
            path = Path(directory, name)
            key = (relative / name).as_posix()
            if name.startswith(".") or _excluded(key, name, exclude) or not path.is_file():
                continue
            if not include or any(fnmatchcase(key if "/" in p else name, p) for p in include):
                found.append((key, path))
    return sorted(found, key=_by_name)


def _excluded(key: str, name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(key if "/" in pattern else name, pattern) for pattern in patterns)


def _stdlib_files() -> list[tuple[str, Path]]:
    """The standard library of the running Python in source form, found through `sysconfig`.

    Raises:
        UsageError: it is not there as source files (zipped, stripped or only compiled).
    """
    root = Path(sysconfig.get_path("stdlib"))
    found = _directory_files(root, ["*.py"], STDLIB_EXCLUDED) if root.is_dir() else []
    if len(found) < STDLIB_LEAST_FILES:
        raise UsageError(
            N_(
                "This Python has no standard library in source form in {path} ({count} files found). "
                "Install it (on Debian and Ubuntu the package libpython3-stdlib), or name another text "
                "with data.sources."
            ),
            path=str(root),
            count=len(found),
        )
    return found
