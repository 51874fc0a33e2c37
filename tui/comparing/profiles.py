"""In what two or more runs differ but for their values: the resolved profiles, and what they ran on.

Reads a few small files of each run: for a thread of the panel, and for the command line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.record import RunRecord

Value = str | int | float | bool | None
_LEFT_OUT = {"extends", "description"}
_LONGEST = 200


@dataclass(frozen=True)
class Difference:
    """A key and its value in each run, in the runs' order; None where the run has no such key."""

    key: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Facts:
    """What is known of a run but for its metrics, by dotted key; `problem` says why its profile isn't part of
    it.
    """

    values: Mapping[str, Value]
    problem: str | None = None


def read_facts(run: RunDirectory, record: RunRecord | None) -> Facts:
    """The resolved profile, versions, devices, data and world size of a run."""
    values: dict[str, Value] = {}
    problem = None
    try:
        values.update(flatten(_profile(run)))
    except Exception as error:  # noqa: BLE001 (told; another version's profile must not hide the rest)
        problem = str(error) or type(error).__name__
    values.update(_surroundings(run, record))
    return Facts(values, problem)


def differences(facts: Sequence[Facts]) -> list[Difference]:
    """The keys whose values are not the same in all runs, in the order of the profile."""
    keys = dict.fromkeys(key for each in facts for key in each.values)
    rows = (Difference(key, tuple(each.values.get(key) for each in facts)) for key in _ordered(keys))
    return [row for row in rows if any(not _same(value, row.values[0]) for value in row.values[1:])]


def _same(one: Value, other: Value) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _ordered(keys: Mapping[str, None]) -> list[str]:
    """Sections together, in the order in which they first come: runs may have other keys in them."""
    sections = {key.partition(".")[0]: None for key in keys}
    order = {section: number for number, section in enumerate(sections)}
    return sorted(keys, key=lambda key: order[key.partition(".")[0]])


def _profile(run: RunDirectory) -> Mapping[str, Any]:
    """The profile with every default filled in; as it is written, where this version has another schema."""
    from runtime.profile import ProfileError, read_frozen

    try:
        dumped: Mapping[str, Any] = read_frozen(run.profile).model_dump(mode="json")
    except ProfileError:
        from runtime.profile.nodes import plain
        from runtime.profile.parsing import parse

        tree = plain(parse(run.profile.read_text("utf-8", "replace"), run.profile.name, []))
        if not isinstance(tree, Mapping):
            raise
        return tree
    return dumped


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """`{"train": {"steps": 4}}` as `{"train.steps": 4}`; a list of plain values is one value."""
    flat: dict[str, Value] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if not prefix and name in _LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{name}."))
        elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
            items = {str(number): each for number, each in enumerate(value)}
            flat.update(flatten(items, f"{name}."))
        elif isinstance(value, str | int | float | bool | None):
            flat[name] = value
        else:
            text = json.dumps(value, ensure_ascii=False, default=str)
            flat[name] = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return flat


def _surroundings(run: RunDirectory, record: RunRecord | None) -> Iterator[tuple[str, Value]]:
    """On what the newest attempt ran."""
    from runtime.run.files import ForeignSchema, read_json

    if record is not None:
        yield "run.world_size", record.world_size
        yield "run.strategy", record.strategy
        yield "run.nodes", ", ".join(record.nodes) or None
        yield "run.devices", ", ".join(getattr(record, "devices", ())) or None
        yield "run.parent", f"{record.parent['run_id']}@{record.parent['step']}" if record.parent else None
    yield "run.data_fingerprint", _fingerprint(run)
    numbers = run.attempt_numbers()
    try:
        found = read_json(run.attempt(numbers[-1]).environment) if numbers else None
    except (ForeignSchema, OSError):
        found = None
    for name, version in ((found or {}).get("versions") or {}).items():
        yield f"versions.{name}", str(version)
    git = (found or {}).get("git") or {}
    if git.get("commit"):
        yield "versions.commit", str(git["commit"])[:12] + (" + changes" if git.get("changed") else "")


def _fingerprint(run: RunDirectory) -> str | None:
    """Of the data that the run trains on: its own, or what its newest complete checkpoint says."""
    from runtime.run.checkpoints import list_checkpoints
    from runtime.run.files import ForeignSchema, read_json

    try:
        manifest = read_json(run.artifacts / "data" / "manifest.json") or {}
    except (ForeignSchema, OSError):
        manifest = {}
    found = manifest.get("fingerprint")
    if found is None:
        complete = [each.complete for each in list_checkpoints(run) if each.complete is not None]
        newest = max(complete, key=lambda each: each.step, default=None)
        found = newest.data_fingerprint if newest is not None else None
    return str(found)[:16] if found else None


def shown(value: Value) -> str:
    """A value as YAML would have it; "–" for none."""
    if value is None:
        return "–"
    return str(value).lower() if isinstance(value, bool) else str(value)
