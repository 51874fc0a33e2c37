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
DTYPES = {"uint16": 2, "uint32": 4}
"""Bytes of a token by the type of a shard's tokens, little-endian."""

TEXTS = ("fingerprint", "content_fingerprint", "tokenizer_fingerprint")
NUMBERS = ("schema", "vocabulary_size", "end_of_text", "tokens", "documents", "bytes")
MAPPINGS = ("recipe", "request", "skipped")


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
    dtype = record["dtype"]
    if dtype not in DTYPES:
        raise ValueError(f"tokens of type {dtype}")
    return Manifest(
        splits={name: _split(split, DTYPES[dtype]) for name, split in record["splits"].items()},
        dtype=dtype,
        **{name: _typed(record, name, str) for name in TEXTS},
        **{name: _typed(record, name, int) for name in NUMBERS},
        **{name: _typed(record, name, dict) for name in MAPPINGS},
    )


def _typed(record: dict[str, Any], name: str, kind: type) -> Any:
    value = record[name]
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r}")
    return value


def _split(split: dict[str, Any], width: int) -> Split:
    shards = tuple(
        Shard(str(shard["name"]), int(shard["tokens"]), int(shard["bytes"]), str(shard["sha256"]))
        for shard in split["shards"]
    )
    if any(shard.bytes != shard.tokens * width for shard in shards):
        raise ValueError("a shard's bytes are not its tokens")
    return Split(int(split["tokens"]), int(split["documents"]), shards)
