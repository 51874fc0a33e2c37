"""Small corpora and data sections that the tests of data preparation share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runtime.profile.schema import Data

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "rain",
    "falls",
    "on",
    "seven",
    "small",
    "hills",
    "and",
]


def text(number: int, words: int = 60) -> str:
    """A text that differs for each number, and is the same every time."""
    return (
        " ".join(WORDS[(number * 7 + i * (3 + number % 5)) % len(WORDS)] for i in range(words))
        + f" {number}\n"
    )


def write_corpus(directory: Path, documents: int = 40, *, reverse: bool = False) -> Path:
    """A directory of text files; `reverse` creates them in the other order."""
    directory.mkdir(parents=True, exist_ok=True)
    numbers: Iterable[int] = range(documents)
    for number in reversed(list(numbers)) if reverse else numbers:
        directory.joinpath(f"document-{number:03d}.txt").write_text(text(number), encoding="utf-8")
    return directory


def write_jsonl(path: Path, records: Iterable[object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def section(*sources: Path | dict[str, Any], **settings: Any) -> Data:
    """A data section over these sources, with a small tokenizer trained on them."""
    tokenizer = settings.pop("tokenizer", {"train": {"vocabulary_size": 300}})
    listed = [source if isinstance(source, dict) else {"path": str(source)} for source in sources]
    return Data.model_validate({"sources": listed, "tokenizer": tokenizer, "sequence_length": 16, **settings})
