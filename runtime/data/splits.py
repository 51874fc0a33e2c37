"""Which documents are held out for evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runtime.data.documents import Document, share_position
from runtime.data.shards import ShardWriter
from runtime.data.tokenizer import TextTokenizer


class Splitter:
    """Sends each document to train or to hold-out, by its hash alone.

    Where the share is so small that no document falls into it, the one with the smallest hash is held out, if
    there are two at least: a small corpus can be evaluated too. To that end the present candidate waits.
    """

    def __init__(self, share: float, train: ShardWriter, holdout: ShardWriter) -> None:
        self.train, self.holdout = train, holdout
        self.content = hashlib.sha256()
        self.bytes = 0
        self._share = share
        self._candidate: tuple[float, NDArray[np.uint32]] | None = None

    def add(self, documents: Sequence[Document], tokenizer: TextTokenizer) -> None:
        """Tokenizes the documents, next in the corpus, and places them."""
        end = np.array([tokenizer.end], dtype=np.uint32)
        for document, ids in zip(documents, tokenizer.encode([d.text for d in documents]), strict=True):
            digest = document.digest()
            self.content.update(digest)
            self.bytes += len(document.text.encode("utf-8"))
            self._place(share_position(digest), np.concatenate([ids, end]))

    def _place(self, position: float, ids: NDArray[np.uint32]) -> None:
        if position < self._share:
            self.holdout.append(ids)
            self._release()
        elif not self._share or self.holdout.documents:
            self.train.append(ids)
        elif self._candidate is None or position < self._candidate[0]:
            self._release()
            self._candidate = (position, ids)
        else:
            self.train.append(ids)

    def _release(self) -> None:
        if self._candidate is not None:
            self.train.append(self._candidate[1])
            self._candidate = None

    def settle(self) -> None:
        """Decides about the candidate when all documents are there."""
        if self._candidate is not None and self.train.documents:
            self.holdout.append(self._candidate[1])
            self._candidate = None
        self._release()
