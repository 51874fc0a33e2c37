"""Prepared data for reading: a manifest and its token streams."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.data.manifest import HOLDOUT, MANIFEST, TRAIN, Manifest, read_manifest
from runtime.data.shards import TokenStream
from runtime.data.sources import place
from runtime.data.tokenizer import TOKENIZER_FILE
from runtime.messages import N_, Message, UsageError

CHUNK = 1 << 20
ARTIFACT = Path("artifacts", "data")
"""Where a run keeps the data that it prepared, relative to its directory."""


@dataclass(frozen=True)
class PreparedData:
    """An open prepared data directory: `train` and `holdout` are memory-mapped token streams."""

    directory: Path
    manifest: Manifest
    train: TokenStream
    holdout: TokenStream

    @property
    def tokenizer_file(self) -> Path:
        return self.directory / TOKENIZER_FILE

    def verify(self, on_bytes: Callable[[int], None] = lambda count: None) -> list[Message]:
        """Reads every shard and compares its hash: what is wrong, or an empty list. `on_bytes` counts what
        was read.
        """
        problems: list[Message] = []
        for split in self.manifest.splits.values():
            for shard in split.shards:
                digest = hashlib.sha256()
                with self.directory.joinpath(shard.name).open("rb") as stream:
                    while chunk := stream.read(CHUNK):
                        digest.update(chunk)
                        on_bytes(len(chunk))
                if digest.hexdigest() != shard.sha256:
                    problems.append(Message(N_("The token shard {name} is damaged."), {"name": shard.name}))
        return problems


def open_prepared(directory: Path) -> PreparedData:
    """Opens a prepared data directory; the shards' sizes are checked, their content by `verify`.

    Raises:
        UsageError: there is none, or it is incomplete.
    """
    manifest = read_manifest(directory)
    if not {TRAIN, HOLDOUT} <= manifest.splits.keys():
        raise UsageError(
            N_("The manifest in {path} contradicts itself. Prepare the data again."), path=str(directory)
        )
    train, holdout = (
        TokenStream(directory, manifest.splits[name], manifest.dtype) for name in (TRAIN, HOLDOUT)
    )
    return PreparedData(directory, manifest, train, holdout)


def locate_prepared(reference: str | Path, base: Path, logs: Path) -> Path:
    """The directory that `data.prepared` means: a directory (of data, or of a run that has data), or a run's
    id.

    Relative paths are relative to `base`, run ids are looked for in `logs`.

    Raises:
        UsageError: neither is there.
    """
    given = place(reference, base)
    candidates = [given, given / ARTIFACT]
    if len(Path(reference).parts) == 1:
        candidates += [logs / reference / ARTIFACT]
    for candidate in candidates:
        if candidate.joinpath(MANIFEST).is_file():
            return candidate
    raise UsageError(
        N_(
            "There is no prepared data in {reference}: it is neither a directory with a manifest.json "
            "nor a run that prepared any."
        ),
        reference=str(reference),
    )
