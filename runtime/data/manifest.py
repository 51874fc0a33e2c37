"""manifest.json: what a prepared data directory holds. It is written last, so that where it is, everything
is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runtime.messages import N_, UsageError

SCHEMA = 1
MANIFEST = "manifest.json"
TRAIN, HOLDOUT = "train", "holdout"


@dataclass(frozen=True)
class Shard:
    """One file of token ids: little-endian, `tokens` of them, `bytes` long."""

    name: str
    tokens: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """One stream of tokens: its shards in order, each document followed by the end token."""

    tokens: int
    documents: int
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Manifest:
    """The record of a prepared data directory.

    `fingerprint` identifies the token streams: it depends on the documents (their texts, in order), the
    tokenizer and `recipe`, and on nothing else (no path, no time, no shard size). `request` is the part of
    the profile that it was made for, by which a resumed run recognises its own data.
    """

    fingerprint: str
    content_fingerprint: str
    tokenizer_fingerprint: str
    vocabulary_size: int
    end_of_text: int
    dtype: str
    tokens: int
    documents: int
    bytes: int
    splits: dict[str, Split]
    recipe: dict[str, Any]
    request: dict[str, Any]
    skipped: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def stream_fingerprint(content: str, tokenizer: str, recipe: dict[str, Any]) -> str:
    """The fingerprint of the token streams that this content, tokenizer and recipe make."""
    canonical = json.dumps([content, tokenizer, recipe], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Reads and checks a manifest.

    Raises:
        UsageError: there is none, it can't be read, or a newer Headnode wrote it.
    """
    path = directory / MANIFEST
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] > SCHEMA:
            raise UsageError(
                N_("{path} was written by a newer version of Headnode (schema {schema})."),
                path=str(path),
                schema=record["schema"],
            )
        return _parse(record)
    except FileNotFoundError:
        raise UsageError(
            N_("{path} holds no prepared data: it has no manifest.json."), path=str(directory)
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            N_("The manifest {path} can't be read ({error}). Prepare the data again."),
            path=str(path),
            error=repr(error),
        ) from error


def _parse(record: dict[str, Any]) -> Manifest:
    splits = {
        name: Split(
            tokens=int(split["tokens"]),
            documents=int(split["documents"]),
            shards=tuple(
                Shard(str(s["name"]), int(s["tokens"]), int(s["bytes"]), str(s["sha256"]))
                for s in split["shards"]
            ),
        )
        for name, split in record["splits"].items()
    }
    known = {
        name: record[name] for name in Manifest.__dataclass_fields__ if name in record and name != "splits"
    }
    return Manifest(splits=splits, **known)
