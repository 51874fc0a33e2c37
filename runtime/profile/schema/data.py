"""`data`: texts and a tokenizer, or what an earlier `prepare` run made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from runtime.messages import N_
from runtime.profile.schema.base import (
    Count,
    FilePattern,
    Listed,
    Section,
    Share,
    Text,
    Violation,
    available_later,
    enforce,
    exactly_one,
    violation,
)

BYTES_AND_END = 257
"""The least vocabulary of a byte-level tokenizer: 256 bytes and the end of a document."""


class Source(Section):
    """A file, a glob, a directory, or a text that every machine has.

    `include` and `exclude` choose files of a directory; no `include` means all of them.
    """

    path: Text | None = None
    builtin: Literal["python-stdlib"] | None = None
    include: Annotated[tuple[FilePattern, ...], Listed] = ()
    exclude: Annotated[tuple[FilePattern, ...], Listed] = ()
    format: Annotated[
        Literal["auto", "text", "jsonl"], available_later("parquet", "csv", "arrow", "json")
    ] = "auto"
    text_key: Text = "text"

    @model_validator(mode="after")
    def _check_rules(self) -> Source:
        found = exactly_one(self, ("path", "builtin"))
        if self.builtin is not None:
            found += [
                violation(key, N_("a builtin source has its own choice of files; remove {key}"), key=key)
                for key in ("include", "exclude")
                if getattr(self, key)
            ]
        enforce(found)
        return self


class TokenizerTraining(Section):
    """A byte-level BPE tokenizer to be trained. `sample_bytes`: how much text it sees (bytes); None means
    all."""

    vocabulary_size: Annotated[int, Field(ge=BYTES_AND_END, le=16_777_216)] = 4096
    minimum_frequency: Count = 2
    sample_bytes: Count | None = None


class Tokenizer(Section):
    """A tokenizer that exists (`path`: a directory or a tokenizer.json), or one to be trained."""

    path: Text | None = None
    train: TokenizerTraining | None = None

    @model_validator(mode="after")
    def _check_rules(self) -> Tokenizer:
        enforce(exactly_one(self, ("path", "train")))
        return self


class Data(Section):
    """What is read.

    `prepared`: a directory of token shards, or the id of a `prepare` run. `holdout`: the share of documents,
    chosen by their hash, that evaluation sees and training doesn't. `sequence_length` and `shard_tokens` in
    tokens.
    """

    prepared: Text | None = None
    sources: Annotated[tuple[Source, ...], Listed, Field(min_length=1)] | None = None
    tokenizer: Tokenizer | None = None
    holdout: Share = 0.02
    sequence_length: Annotated[int, Field(ge=2, le=134_217_728)] = 256
    shard_tokens: Annotated[int, Field(ge=1024)] = 67_108_864

    @model_validator(mode="after")
    def _check_rules(self) -> Data:
        enforce([*exactly_one(self, ("prepared", "sources")), *self._tokenizer_rules()])
        return self

    def _tokenizer_rules(self) -> list[Violation]:
        if self.prepared is not None and self.tokenizer is not None:
            return [violation("tokenizer", N_("prepared data has its own tokenizer; remove one of the two"))]
        if self.sources is not None and self.tokenizer is None:
            return [violation("", N_("sources need a tokenizer: set tokenizer.path or tokenizer.train"))]
        return []
