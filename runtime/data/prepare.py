"""Sources to a prepared data directory: tokenizer.json, token shards and, last, the manifest.

Everything is written to `<target>.tmp` and renamed when complete, so that a killed preparation leaves nothing
that looks like data, and the next one starts clean.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.data.corpus import Corpus
from runtime.data.documents import Document, Skipped
from runtime.data.manifest import HOLDOUT, MANIFEST, TRAIN, Manifest, read_manifest, stream_fingerprint
from runtime.data.prepared import PreparedData, open_prepared
from runtime.data.progress import (
    ProgressCallback,
    ShouldStop,
    Stopped,
    ignore_progress,
    never_stop,
)
from runtime.data.shards import ShardWriter, token_dtype
from runtime.data.sources import resolve_sources
from runtime.data.splits import Splitter
from runtime.data.tokenizer import TextTokenizer
from runtime.data.vocabulary import tokenizer_for
from runtime.messages import N_, UsageError
from runtime.run.files import fsync_directory, write_json_atomic

if TYPE_CHECKING:
    from runtime.profile.schema import Data

PACKING = "documents, each followed by the end token; version 1"
BATCH_BYTES = 1 << 20
"""Bytes of text that are tokenized together: enough to keep every core busy, little enough to stop promptly.
"""
REQUEST_KEYS = {"sources", "tokenizer", "holdout", "shard_tokens"}


def prepare(
    data: Data,
    target: Path,
    progress: ProgressCallback = ignore_progress,
    should_stop: ShouldStop = never_stop,
    *,
    base: Path,
) -> Manifest:
    """Makes the prepared data that `data` (the profile's section) describes in `target`, or reuses what is
    there.

    What is in `target` already is reused when it is complete and was made for the same request; anything else
    there is replaced. Relative paths are relative to `base`.

    Raises:
        UsageError: sources or tokenizer are missing or unusable, or hold no text.
        Stopped: `should_stop` became true (asked between documents).
        OSError: the disk is full or not writable; nothing half-made is left behind.
    """
    existing = find_prepared(data, target)
    if existing is not None:
        return existing.manifest
    assert data.sources is not None, "the schema demands sources where there is no prepared data"
    files = resolve_sources(data.sources, base)
    working = target.with_name(target.name + ".tmp")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    try:
        manifest = _build(Corpus(files, progress, should_stop), data, working, base)
        _publish(manifest, working, target)
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise
    return manifest


def request_of(data: Data) -> dict[str, Any]:
    """The part of the profile's data section that decides what prepared data holds, as JSON."""
    return data.model_dump(mode="json", include=REQUEST_KEYS)


def find_prepared(data: Data, target: Path) -> PreparedData | None:
    """The complete data in `target` if it was made for this request, else None."""
    if not target.joinpath(MANIFEST).is_file():
        return None
    try:
        if read_manifest(target).request != request_of(data):
            return None
        return open_prepared(target)
    except UsageError:
        return None


def wait_for_prepared(
    data: Data,
    target: Path,
    on_wait: Callable[[], None],
    should_stop: ShouldStop = never_stop,
    *,
    poll: float = 0.2,
) -> PreparedData:
    """What the other ranks do while rank 0 prepares: waits until the data is there, `on_wait` at each look.

    There is no time limit of its own: when rank 0 fails, whoever supervises the ranks ends the others.

    Raises:
        Stopped: `should_stop` became true.
    """
    while (found := find_prepared(data, target)) is None:
        if should_stop():
            raise Stopped
        on_wait()
        time.sleep(poll)
    return found


def _build(corpus: Corpus, data: Data, working: Path, base: Path) -> Manifest:
    tokenizer = tokenizer_for(data, corpus, base)
    tokenizer.save(working)
    dtype = token_dtype(tokenizer.vocabulary_size)
    skipped = Skipped()
    split = Splitter(
        data.holdout,
        ShardWriter(working, TRAIN, dtype, data.shard_tokens),
        ShardWriter(working, HOLDOUT, dtype, data.shard_tokens),
    )
    try:
        _tokenize(corpus.documents("tokens", skipped), tokenizer, split)
        split.settle()
        splits = {TRAIN: split.train.finish(), HOLDOUT: split.holdout.finish()}
    except BaseException:
        split.train.abandon()
        split.holdout.abandon()
        raise
    if not splits[TRAIN].tokens:
        raise UsageError(
            N_(
                "The sources hold no text to train on (files read: {files}, documents skipped: {skipped}; "
                "{reasons})."
            ),
            files=len(corpus.files),
            skipped=skipped.total,
            reasons=", ".join(f"{reason} {count}" for reason, count in sorted(skipped.counts.items()))
            or "none",
        )
    recipe: dict[str, Any] = {"packing": PACKING, "holdout": data.holdout, "end_of_text": tokenizer.end}
    content = split.content.hexdigest()
    return Manifest(
        fingerprint=stream_fingerprint(content, tokenizer.fingerprint, recipe),
        content_fingerprint=content,
        tokenizer_fingerprint=tokenizer.fingerprint,
        vocabulary_size=tokenizer.vocabulary_size,
        end_of_text=tokenizer.end,
        dtype=dtype.name,
        tokens=sum(part.tokens for part in splits.values()),
        documents=sum(part.documents for part in splits.values()),
        bytes=split.bytes,
        splits=splits,
        recipe=recipe,
        request=request_of(data),
        skipped=skipped.as_json(),
    )


def _tokenize(documents: Iterator[Document], tokenizer: TextTokenizer, split: Splitter) -> None:
    batch: list[Document] = []
    held = 0
    for document in documents:
        batch.append(document)
        held += len(document.text)
        if held >= BATCH_BYTES:
            split.add(batch, tokenizer)
            batch, held = [], 0
    split.add(batch, tokenizer)


def _publish(manifest: Manifest, working: Path, target: Path) -> None:
    """Makes the directory durable, then visible under its name in one step."""
    write_json_atomic(working / MANIFEST, manifest.as_json())
    fsync_directory(working)
    if target.exists():
        stale = target.with_name(target.name + ".stale")
        shutil.rmtree(stale, ignore_errors=True)
        target.rename(stale)
        working.rename(target)
        shutil.rmtree(stale, ignore_errors=True)
    else:
        working.rename(target)
    fsync_directory(target.parent)
