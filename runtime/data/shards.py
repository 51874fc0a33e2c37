"""Token shards on disk: written as a stream, read as one array whatever the number of files."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from runtime.data.manifest import Shard, Split
from runtime.messages import N_, UsageError

Tokens = NDArray[np.int64]


def token_dtype(vocabulary_size: int) -> np.dtype[np.unsignedinteger]:
    """The smallest little-endian unsigned type that holds every id: uint16 up to 65,536 ids, else uint32."""
    return np.dtype("<u2") if vocabulary_size <= 1 << 16 else np.dtype("<u4")


class ShardWriter:
    """Appends documents to the shards of one split; a document may go on in the next shard."""

    def __init__(
        self, directory: Path, split: str, dtype: np.dtype[np.unsignedinteger], shard_tokens: int
    ) -> None:
        self._directory, self._split, self._dtype, self._shard_tokens = directory, split, dtype, shard_tokens
        self._stream: BinaryIO | None = None
        self._room = 0
        self._hash = hashlib.sha256()
        self._shards: list[Shard] = []
        self.tokens = 0
        self.documents = 0

    def append(self, document: NDArray[np.unsignedinteger]) -> None:
        """Writes one document's ids, its end token included."""
        ids = document.astype(self._dtype, copy=False)
        self.tokens += len(ids)
        self.documents += 1
        while len(ids):
            if self._stream is None:
                self._open()
            part, ids = ids[: self._room], ids[self._room :]
            data = part.tobytes()
            assert self._stream is not None
            self._stream.write(data)
            self._hash.update(data)
            self._room -= len(part)
            if not self._room:
                self._close()

    def finish(self) -> Split:
        self._close()
        return Split(self.tokens, self.documents, tuple(self._shards))

    def abandon(self) -> None:
        """Closes the open file without recording it; what it still held in memory may be lost."""
        if self._stream is not None:
            with contextlib.suppress(OSError):  # closing flushes, which fails again on a full disk
                self._stream.close()
            self._stream = None

    def _open(self) -> None:
        name = f"{self._split}-{len(self._shards):05d}.bin"
        self._stream = self._directory.joinpath(name).open("wb", buffering=1 << 20)
        self._room = self._shard_tokens
        self._hash = hashlib.sha256()

    def _close(self) -> None:
        if self._stream is None:
            return
        name = Path(self._stream.name).name
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._stream = None
        tokens = self._shard_tokens - self._room
        self._shards.append(Shard(name, tokens, tokens * self._dtype.itemsize, self._hash.hexdigest()))


class TokenStream:
    """The tokens of one split as one long array over memory-mapped shards.

    A *sequence* i of length L is trained on the window of L + 1 tokens that starts at i · L: its inputs are
    the first L, its labels the last L. Windows overlap by that one token, so every token but the very first
    is a label once an epoch.
    """

    def __init__(self, directory: Path, split: Split, dtype: str) -> None:
        self.tokens = split.tokens
        self.documents = split.documents
        self._maps = [
            np.memmap(
                _checked(directory, shard),
                dtype=np.dtype(dtype).newbyteorder("<"),
                mode="r",
                shape=(shard.tokens,),
            )
            for shard in split.shards
        ]
        self._starts = np.cumsum([0, *(shard.tokens for shard in split.shards)])
        if int(self._starts[-1]) != split.tokens:
            raise UsageError(
                N_("The manifest in {path} contradicts itself. Prepare the data again."), path=str(directory)
            )

    def sequences(self, length: int) -> int:
        """How many sequences of `length` tokens the stream holds; a rest shorter than that is left out."""
        return max(0, (self.tokens - 1) // length)

    def read(self, start: int, count: int) -> Tokens:
        """Tokens [start, start + count), [count]."""
        if start < 0 or start + count > self.tokens:
            raise IndexError(f"tokens {start}:{start + count} lie outside the stream of {self.tokens}")
        out = np.empty(count, dtype=np.int64)
        done = 0
        while done < count:
            shard = int(np.searchsorted(self._starts, start + done, side="right")) - 1
            offset = start + done - int(self._starts[shard])
            part = self._maps[shard][offset : offset + count - done]
            out[done : done + len(part)] = part
            done += len(part)
        return out

    def windows(self, indices: NDArray[np.int64], length: int) -> Tokens:
        """The windows of these sequences, [n] → [n, length + 1] token ids."""
        out = np.empty((len(indices), length + 1), dtype=np.int64)
        for row, index in enumerate(indices):
            out[row] = self.read(int(index) * length, length + 1)
        return out


def _checked(directory: Path, shard: Shard) -> Path:
    path = directory / shard.name
    if path.parent != directory or not path.is_file() or path.stat().st_size != shard.bytes:
        raise UsageError(
            N_("The token shard {path} is missing or has the wrong size. Prepare the data again."),
            path=str(path),
        )
    return path
