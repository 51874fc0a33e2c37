"""Prepared data as its readers see it: windows over shards, damage found, references resolved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from runtime.data.manifest import MANIFEST
from runtime.data.prepare import prepare
from runtime.data.prepared import PreparedData, locate_prepared, open_prepared
from runtime.data.shards import ShardWriter, TokenStream, token_dtype
from runtime.messages import UsageError

from .corpora import section, write_corpus


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("prepared")
    data = section(write_corpus(root / "corpus", 80), holdout=0.1, shard_tokens=1024)
    prepare(data, root / "data", base=root)
    return root / "data"


@pytest.fixture
def prepared(original: Path, tmp_path: Path) -> PreparedData:
    shutil.copytree(original, tmp_path / "data")
    return open_prepared(tmp_path / "data")


def test_windows_overlap_by_one_token_and_cross_shards(prepared: PreparedData) -> None:
    stream, length = prepared.train, 100
    assert len(prepared.manifest.splits["train"].shards) > 2
    count = stream.sequences(length)
    assert count == (stream.tokens - 1) // length
    windows = stream.windows(np.arange(count), length)
    assert windows.shape == (count, length + 1)
    assert (windows[1:, 0] == windows[:-1, -1]).all()
    whole = stream.read(0, stream.tokens)
    assert (windows[:, :-1].reshape(-1) == whole[: count * length]).all()
    assert (windows[:, 1:].reshape(-1) == whole[1 : count * length + 1]).all()


def test_the_streams_are_memory_mapped(prepared: PreparedData) -> None:
    with pytest.raises(IndexError):
        prepared.train.read(prepared.train.tokens - 1, 2)
    before = int(prepared.train.read(5, 1)[0])
    path = prepared.directory / prepared.manifest.splits["train"].shards[0].name
    content = bytearray(path.read_bytes())
    content[10:12] = (before ^ 1).to_bytes(2, "little")
    with path.open("r+b") as stream:
        stream.write(content)
    assert int(prepared.train.read(5, 1)[0]) == before ^ 1


def test_verify_finds_one_changed_byte_in_any_shard(prepared: PreparedData) -> None:
    assert prepared.verify() == []
    for split in prepared.manifest.splits.values():
        for shard in split.shards:
            path = prepared.directory / shard.name
            content = path.read_bytes()
            path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
            assert [str(problem) for problem in prepared.verify()] == [
                f"The token shard {shard.name} is damaged."
            ]
            path.write_bytes(content)
    read = []
    assert prepared.verify(read.append) == []
    assert sum(read) == prepared.manifest.tokens * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "newer version"),
        ({"splits": {}}, "contradicts itself"),
        ({"splits": 3}, "can't be read"),
        ({"fingerprint": None}, "can't be read"),
        ({"dtype": "object"}, "can't be read"),
    ],
)
def test_a_foreign_or_senseless_manifest_is_one_clear_error(
    prepared: PreparedData, change: dict[str, object], message: str
) -> None:
    path = prepared.directory / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError, match=message):
        open_prepared(prepared.directory)


def test_a_shard_cannot_lie_elsewhere(prepared: PreparedData) -> None:
    path = prepared.directory / MANIFEST
    shard = prepared.manifest.splits["train"].shards[0]
    outside = prepared.directory.parent / shard.name
    prepared.directory.joinpath(shard.name).rename(outside)
    path.write_text(path.read_text().replace(f'"{shard.name}"', f'"../{shard.name}"'))
    with pytest.raises(UsageError, match="is missing"):
        open_prepared(prepared.directory)


def test_a_reference_is_a_directory_or_a_run(original: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    run = logs / "20261124-073012-prepare-ab12"
    shutil.copytree(original, run / "artifacts" / "data")
    shutil.copytree(original, tmp_path / "texts")
    assert locate_prepared("texts", tmp_path, logs) == tmp_path / "texts"
    assert locate_prepared(original, tmp_path, logs) == original
    assert locate_prepared(run.name, tmp_path, logs) == run / "artifacts" / "data"
    assert locate_prepared(run, tmp_path, logs) == run / "artifacts" / "data"
    for nothing in ("20261124-073012-prepare-0000", "nowhere/at/all", "logs"):
        with pytest.raises(UsageError, match="no prepared data"):
            locate_prepared(nothing, tmp_path, logs)


@pytest.mark.parametrize("vocabulary", [1 << 16, (1 << 16) + 1])
def test_the_highest_id_survives_its_type_and_documents_cross_shards(tmp_path: Path, vocabulary: int) -> None:
    dtype = token_dtype(vocabulary)
    writer = ShardWriter(tmp_path, "train", dtype, 7)
    tokens = np.arange(vocabulary - 30, vocabulary, dtype=np.uint32)
    for start, end in ((0, 3), (3, 7), (7, 7), (7, 29), (29, 30)):
        writer.append(tokens[start:end])
    split = writer.finish()
    assert [shard.tokens for shard in split.shards] == [7, 7, 7, 7, 2]
    assert split.documents == 5
    stream = TokenStream(tmp_path, split, dtype.name)
    assert stream.read(0, 30).tolist() == tokens.tolist()
    assert dtype.itemsize == (2 if vocabulary == 1 << 16 else 4)
