"""`annotations/`: what people add to a run, one small JSON file a fact, so that nobody's write meets
another's.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.run.files import ForeignSchema, number, read_json, write_json_atomic
from runtime.run.layout import RunDirectory

_TAG = re.compile(r"\w[^\s,\"“”()（）]*")
ARCHIVED = "archived.json"
_PROTECTED = re.compile(r"protected-(\d{8,})\.json")


LONGEST_TAG, LONGEST_NOTE = 64, 4096
"""Characters."""


@dataclass(frozen=True)
class Note:
    """A note by a person. `time` in Unix seconds."""

    id: str
    text: str
    by: str
    time: float


@dataclass(frozen=True)
class Annotations:
    """What people have added to a run, as a list shows it: `tags` in order of name, `notes` oldest first."""

    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    archived: bool = False


NOTHING = Annotations()


def user_name() -> str:
    """Who a fact is from, when nobody else is named: the user of this process."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry
        return str(os.getuid())


def _write(path: Path, **fact: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_json_atomic(path, {**fact, "time": time.time()})


def _names(run: RunDirectory) -> list[str]:
    try:
        return sorted(os.listdir(run.annotations))  # noqa: PTH208 (names only)
    except OSError:
        return []


def _facts(run: RunDirectory, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in _names(run):
        if name.startswith(f"{kind}-") and name.endswith(".json"):
            try:
                value = read_json(run.annotations / name)
            except ForeignSchema:
                continue
            if value is not None:
                yield name.removeprefix(f"{kind}-").removesuffix(".json"), value


def protect(run: RunDirectory, step: int, on: bool = True, by: str = "") -> None:
    """Protects the checkpoint of `step` from being deleted (by retention and by people), or lifts that."""
    path = run.annotations / f"protected-{step:08d}.json"
    if on:
        _write(path, fact="protected", step=step, by=by)
    else:
        path.unlink(missing_ok=True)


def protected_steps(run: RunDirectory) -> frozenset[int]:
    """The steps whose checkpoints are protected. The file's being there is the fact: a damaged one still
    protects.
    """
    return frozenset(int(match[1]) for name in _names(run) if (match := _PROTECTED.fullmatch(name)))


def read_annotations(run: RunDirectory) -> Annotations:
    """Tags, notes and whether it is archived. Never raises: what can't be read isn't there."""
    names = _names(run)
    if not names:
        return NOTHING
    return Annotations(tuple(tags(run)), tuple(notes(run)), ARCHIVED in names)


def valid_tag(name: str) -> bool:
    """Whether this can be a tag: one printable word of at most 64 characters that begins with a letter, digit
    or underscore, and has no quotes, commas or parentheses, so that a filter can name it."""
    return len(name) <= LONGEST_TAG and _TAG.fullmatch(name) is not None and name.isprintable()


def tag(run: RunDirectory, name: str, on: bool = True, by: str = "") -> None:
    """Puts a tag (any short text) on a run, or takes it off."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    path = run.annotations / f"tag-{digest}.json"
    if on:
        _write(path, fact="tag", tag=name, by=by)
    else:
        path.unlink(missing_ok=True)


def tags(run: RunDirectory) -> list[str]:
    """The run's tags in order of name."""
    return sorted(value["tag"] for _, value in _facts(run, "tag") if isinstance(value.get("tag"), str))


def add_note(run: RunDirectory, text: str, by: str = "") -> str:
    """Adds a note and returns its id."""
    note_id = f"{time.time_ns():020d}-{os.urandom(3).hex()}"
    _write(run.annotations / f"note-{note_id}.json", fact="note", text=text, by=by)
    return note_id


def remove_note(run: RunDirectory, note_id: str) -> None:
    """Removes a note; one that is gone already is no error."""
    assert re.fullmatch(r"\d{20}-[0-9a-f]{6}", note_id), note_id
    (run.annotations / f"note-{note_id}.json").unlink(missing_ok=True)


def set_note(run: RunDirectory, text: str, by: str = "") -> None:
    """Puts this note in the place of the newest one; an empty text takes that one away."""
    before = notes(run)
    if before and before[-1].text == text:
        return
    if text:
        add_note(run, text, by)
    if before:
        remove_note(run, before[-1].id)


def notes(run: RunDirectory) -> list[Note]:
    """The run's notes, oldest first."""
    return [
        Note(note_id, value["text"], str(value.get("by") or ""), number(value.get("time")) or 0.0)
        for note_id, value in _facts(run, "note")
        if isinstance(value.get("text"), str)
    ]


def archive(run: RunDirectory, on: bool = True, by: str = "") -> None:
    """Marks a run as archived (lists leave it out), or lifts that."""
    path = run.annotations / ARCHIVED
    if on:
        _write(path, fact="archived", by=by)
    else:
        path.unlink(missing_ok=True)


def archived(run: RunDirectory) -> bool:
    """Whether the run is archived."""
    return (run.annotations / ARCHIVED).exists()
