"""Lines of a file are found by reading around a place, and survive whatever happens to the file."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tui.logs.file import BLOCK, LogFile, Piece


def opened(path: Path, data: bytes) -> LogFile:
    path.write_bytes(data)
    file = LogFile(path)
    file.poll()
    return file


def forwards(file: LogFile) -> list[Piece]:
    pieces, offset = [], 0
    while (piece := file.piece_at(offset)) is not None:
        pieces.append(piece)
        offset = piece.stop
    return pieces


def backwards(file: LogFile) -> list[Piece]:
    pieces, offset = [], file.size
    while (piece := file.piece_before(offset)) is not None:
        pieces.append(piece)
        offset = piece.start
    return pieces[::-1]


@pytest.mark.parametrize("seed", range(12))
def test_the_same_pieces_forwards_and_backwards_and_none_is_lost(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    lengths = [0, 1, 80, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]
    data = b"\n".join(bytes([97 + i % 26]) * chance.choice(lengths) for i in range(chance.randint(0, 40)))
    file = opened(tmp_path / "log", data)
    pieces = forwards(file)
    assert pieces == backwards(file)
    assert b"".join(piece.raw for piece in pieces) == data
    assert all(len(piece.raw) <= 2 * BLOCK for piece in pieces)
    for piece in pieces:
        assert file.start_of((piece.start + piece.stop) // 2) == piece.start


def test_a_line_without_end_comes_in_pieces_that_say_so(tmp_path: Path) -> None:
    file = opened(tmp_path / "log", b"a\n" + b"x" * 1_000_000)
    pieces = forwards(file)
    assert len(pieces) > 5
    assert [piece.continued for piece in pieces] == [False, False] + [True] * (len(pieces) - 2)
    assert [piece.complete for piece in pieces] == [True] * (len(pieces) - 1) + [False]


def test_growth_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = opened(path, b"one\ntw")
    assert file.poll() == "same"
    with path.open("ab") as stream:
        stream.write(b"o\nthree\n")
    assert file.poll() == "grown"
    assert [piece.raw for piece in forwards(file)] == [b"one\n", b"two\n", b"three\n"]


def test_truncation_is_seen_even_if_the_file_is_as_long_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = opened(path, b"old line\n" * 10)
    path.write_bytes(b"new\n")
    assert file.poll() == "replaced"
    assert [piece.raw for piece in forwards(file)] == [b"new\n"]
    path.write_bytes(b"another line\n" * 10)
    assert file.poll() == "replaced"
    assert forwards(file)[0].raw == b"another line\n"


def test_rotation_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = opened(path, b"same beginning, first file\n")
    path.rename(tmp_path / "log.1")
    path.write_bytes(b"same beginning, first file\nand more\n")
    assert file.poll() == "replaced"
    assert len(forwards(file)) == 2


def test_a_missing_file_may_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = LogFile(path)
    assert file.poll() == "same"
    assert not file.exists
    assert file.piece_at(0) is None
    path.write_bytes(b"here\n")
    assert file.poll() == "replaced"
    path.unlink()
    assert file.poll() == "missing"
    assert file.poll() == "same"
    assert file.piece_before(5) is None


def test_a_file_cut_short_between_polls_gives_less_and_no_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = opened(path, b"line\n" * 100_000)
    os.truncate(path, 7)
    assert file.piece_before(file.size) is not None
    assert file.poll() == "replaced"
    assert [piece.raw for piece in forwards(file)] == [b"line\n", b"li"]


def test_a_directory_or_a_fifo_in_its_place_is_no_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        file = LogFile(path)
        file.poll()
        assert forwards(file) == []
