"""The tokenizer that a profile asks for: a given one, or one trained on the corpus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.data.corpus import Corpus
from runtime.data.documents import Skipped, share_position
from runtime.data.progress import Progress, in_background
from runtime.data.sources import place
from runtime.data.tokenizer import TextTokenizer, load_tokenizer, train_tokenizer

if TYPE_CHECKING:
    from runtime.profile.schema import Data


def tokenizer_for(data: Data, corpus: Corpus, base: Path) -> TextTokenizer:
    """The tokenizer of `data.tokenizer`; a relative path is relative to `base`.

    It is trained on documents that are not held out, on a sample of them chosen by their hash where
    `sample_bytes` says so.

    Raises:
        UsageError: a given tokenizer is missing or unusable.
        Stopped: a stop was asked for.
    """
    wanted = data.tokenizer
    assert wanted is not None, "the schema demands a tokenizer for sources"
    if wanted.path is not None:
        return load_tokenizer(place(wanted.path, base))
    training = wanted.train
    assert training is not None, "the schema demands one of path and train"
    sample = training.sample_bytes
    share = 1.0 if sample is None else min(1.0, sample / max(corpus.total_bytes, 1))
    watched = _Watched(corpus, data.holdout, share)
    return in_background(
        lambda: train_tokenizer(watched.texts(), training.vocabulary_size, training.minimum_frequency),
        watched.look,
    )


class _Watched:
    """The texts that a tokenizer is trained on, and what can be told while the library works on them."""

    def __init__(self, corpus: Corpus, holdout: float, share: float) -> None:
        self._corpus, self._holdout, self._share = corpus, holdout, share
        self._read_at: float | None = None
        self._told = 0

    def texts(self) -> Iterator[str]:
        # What is skipped here is skipped again, and counted, when the tokens are made.
        for document in self._corpus.documents("tokenizer", Skipped()):
            digest = document.digest()
            held_out = share_position(digest) < self._holdout
            if not held_out and share_position(digest, purpose="tokenizer") < self._share:
                yield document.text
        self._corpus.progress(Progress("merges", 0, None, "seconds", None))
        self._read_at = time.monotonic()

    def look(self) -> None:
        """While the library finds its merges, of which it tells nothing, the passing seconds are the
        progress.
        """
        self._corpus.check_stop()
        if self._read_at is None:
            return
        seconds = int(time.monotonic() - self._read_at)
        if seconds > self._told:
            self._told = seconds
            self._corpus.progress(Progress("merges", seconds, None, "seconds", None))
