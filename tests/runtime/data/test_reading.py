"""Files to documents: nothing usable lost, nothing unusable dropped without being counted, memory bounded."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from runtime.data import reading
from runtime.data.documents import Document, Skipped
from runtime.data.reading import read_documents
from runtime.data.sources import resolve_sources
from runtime.profile.schema import Source


def read(path: Path, **source: str) -> tuple[list[Document], Skipped, int]:
    files = resolve_sources([Source(path=str(path), **source)], path.parent)  # type: ignore[arg-type]
    skipped, consumed = Skipped(), []
    documents = list(read_documents(files, skipped, consumed.append))
    return documents, skipped, sum(consumed)


def test_every_bad_line_is_counted_by_reason_and_named_and_the_good_ones_survive(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    lines = [
        b'\xef\xbb\xbf{"text": "first"}',
        b'{"text": "broken \xff"}',
        b'{"text": "cut o',
        b"[1, 2]",
        b'{"other": "x"}',
        b'{"text": 7}',
        b'{"text": "   "}',
        b'{"text": "\\ud800"}',
        b"",
        b"[" * 100_000,
        '{"text": "last 中文"}'.encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    documents, skipped, consumed = read(path)
    assert [document.text for document in documents] == ["first", "last 中文"]
    assert dict(skipped.counts) == {"not_utf8": 2, "not_json": 3, "no_text": 2, "empty": 1}
    assert skipped.examples["no_text"] == ["mixed.jsonl:5", "mixed.jsonl:6"]
    assert consumed == path.stat().st_size


def test_a_line_above_the_limit_is_skipped_and_the_next_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_LINE", 100)
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"text": "x" * 1000}) + "\n" + json.dumps({"text": "short"}) + "\n")
    documents, skipped, consumed = read(path)
    assert [document.text for document in documents] == ["short"]
    assert dict(skipped.counts) == {"too_long": 1}
    assert consumed == path.stat().st_size


def test_another_key_holds_the_text(tmp_path: Path) -> None:
    path = tmp_path / "keyed.data"
    path.write_text(json.dumps({"body": "here", "text": "not here"}) + "\n")
    assert [d.text for d in read(path, format="jsonl", text_key="body")[0]] == ["here"]


def test_a_text_file_is_one_document_and_a_broken_one_is_counted(tmp_path: Path) -> None:
    tmp_path.joinpath("a.txt").write_text("one\n\ntwo\n")
    tmp_path.joinpath("b.txt").write_bytes(b"caf\xe9")
    tmp_path.joinpath("c.txt").write_text(" \n")
    documents, skipped, _ = read(tmp_path)
    assert [document.text for document in documents] == ["one\n\ntwo\n"]
    assert skipped.as_json() == {
        "empty": {"count": 1, "examples": ["c.txt"]},
        "not_utf8": {"count": 1, "examples": ["b.txt"]},
    }


@pytest.mark.parametrize(
    "content",
    ["para graph\n\n" * 60_000, "line\n" * 120_000, "中" * 200_000, "é" * 300_001],
    ids=["blank lines", "lines", "three-byte characters", "two-byte characters"],
)
def test_a_long_text_is_cut_into_pieces_that_add_up_to_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "long.txt"
    path.write_text(content, encoding="utf-8")
    documents, skipped, consumed = read(path)
    assert "".join(document.text for document in documents) == content
    assert max(len(document.text.encode()) for document in documents) <= reading.PIECE
    assert not skipped.total
    assert consumed == path.stat().st_size
    if "\n\n" in content:
        assert all(document.text.endswith("\n\n") for document in documents)


def test_a_file_that_vanished_is_counted(tmp_path: Path) -> None:
    tmp_path.joinpath("a.txt").write_text("stays")
    tmp_path.joinpath("b.txt").write_text("goes")
    files = resolve_sources([Source(path=str(tmp_path))], tmp_path)
    tmp_path.joinpath("b.txt").unlink()
    skipped = Skipped()
    assert [document.text for document in read_documents(files, skipped)] == ["stays"]
    assert dict(skipped.counts) == {"unreadable": 1}


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"large{suffix}"
    line = json.dumps({"text": "word " * 2000}) + "\n"
    with path.open("w") as stream:
        for _ in range(3000):
            stream.write(line)
    files, skipped = resolve_sources([Source(path=str(path))], tmp_path), Skipped()
    tracemalloc.start()
    try:
        read_bytes = sum(len(document.text) for document in read_documents(files, skipped))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read_bytes > 29_000_000
    assert peak < 2_000_000
