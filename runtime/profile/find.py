"""Where profiles are: names and groups in a workspace's `profiles/`, and those that come with Headnode."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runtime.messages import N_
from runtime.profile.errors import ProfileError, nearest, refusal, shortened, shown_path

SUFFIXES = (".yaml", ".yml")
SHIPPED = frozenset(
    {
        "command/script",
        "prepare/text",
        "pretrain/demo",
        "pretrain/gpt2-124m",
        "pretrain/olmo-1b",
        "pretrain/olmo-2-1b",
    }
)
"""Group and name of each profile that comes with Headnode; in a checkout people keep their own beside
them."""


def shipped_directory() -> Path:
    """The profiles that come with Headnode: inside the installed package, or at the top of a checkout."""
    packaged = Path(__file__).with_name("shipped")
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "profiles"


def is_shipped(path: Path) -> bool:
    """Whether this very file comes with Headnode."""
    real = Path(os.path.realpath(path))  # which, unlike resolve(), bears a loop of links
    directory = Path(os.path.realpath(shipped_directory()))
    if not real.is_relative_to(directory):
        return False
    checkout = Path(os.path.realpath(__file__)).parents[2] / "profiles"
    return directory != checkout or real.relative_to(directory).with_suffix("").as_posix() in SHIPPED


def directories(workspace: Path | None) -> list[Path]:
    """The directories that names are looked up in, the workspace's own first."""
    shipped = shipped_directory()
    if workspace is None:
        return [shipped]
    own = workspace / "profiles"
    return [own] if own.resolve() == shipped.resolve() else [own, shipped]


def profile_files(directory: Path) -> list[Path]:
    """The YAML files in a directory of profiles and in its groups, one level down; sorted by group and
    name."""

    def entries(of: Path) -> Iterator[Path]:
        try:
            found = sorted(of.iterdir())
        except OSError:
            return
        yield from (path for path in found if not path.name.startswith("."))

    files: list[Path] = []
    for entry in entries(directory):
        if entry.suffix in SUFFIXES:
            files.append(entry)
        elif entry.is_dir():
            files += [inner for inner in entries(entry) if inner.suffix in SUFFIXES]
    return files


def looks_like_path(reference: str) -> bool:
    """Whether a reference is a file's path rather than a profile's name."""
    return reference.endswith(SUFFIXES) or reference.startswith(("/", "./", "../", "~"))


def locate(
    reference: str,
    workspace: Path | None,
    *,
    near: Path | None = None,
    file: str | None = None,
    line: int | None = None,
) -> Path:
    """The file of a profile called by name (`demo`), group and name (`pretrain/demo`) or path.

    `near` is the file that calls it: paths are relative to its directory (else to the current one), and a
    neighbour of that name comes first. `file` and `line` say where the reference stands, for the error.

    Raises:
        ProfileError: there is none, or the name alone means several.
    """
    place: dict[str, Any] = {"file": file, "line": line, "key": "extends" if near is not None else None}
    if looks_like_path(reference):
        path = _home(Path(reference))
        return near.parent / path if near is not None else path
    if near is not None:
        for suffix in SUFFIXES:
            neighbour = near.parent / f"{reference}{suffix}"
            if neighbour.is_file() and not _same(neighbour, near):
                return neighbour
    known: dict[str, Path] = {}
    for directory in directories(workspace):
        matches = []
        for path in profile_files(directory):
            address = path.relative_to(directory).with_suffix("").as_posix()
            known.setdefault(address, path)
            if reference in (address, path.stem) and not (near is not None and _same(path, near)):
                matches.append((address, path))
        exact = [path for address, path in matches if address == reference]
        if exact or len(matches) == 1:
            return exact[0] if exact else matches[0][1]
        if matches:
            raise refusal(
                N_("the name {name} means several profiles: {choices}"),
                **place,
                name=shortened(reference),
                choices=", ".join(address for address, _ in matches),
            )
    raise _unknown(reference, known, place)


def _home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # no such user
        return path


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except (OSError, RuntimeError):
        return False


def _unknown(reference: str, known: dict[str, Path], place: Mapping[str, Any]) -> ProfileError:
    name = shortened(reference)
    meant = nearest(reference, [*known, *(path.stem for path in known.values())])
    if meant is not None:
        template = N_("there is no profile called {name}; did you mean {suggestion}?")
        return refusal(template, **place, name=name, suggestion=meant)
    return refusal(
        N_("there is no profile called {name}; headnode profiles lists those there are"), **place, name=name
    )


def shown_file(path: Path | None, fallback: str) -> str:
    """How messages call a file, or a text that has none."""
    return shown_path(path) if path is not None else fallback
