"""A search finds the very next match, both ways, across the borders of the blocks that are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.logs import scan as log_scan
from tui.logs.search import Needle, Pattern, SearchError, needle_of, next_error, search
from tui.logs.text import read_line


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_scan, "BLOCK", 64)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("at", [0, 1, 59, 60, 61, 62, 63, 64, 65, 127, 128, 300])
def test_a_match_on_the_border_of_two_blocks_is_found(tmp_path: Path, at: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"." * at + b"needle" + b"." * (400 - at))
    assert search(path, Needle("needle"), 0) == at
    assert search(path, Needle("needle"), at) == at
    assert search(path, Needle("needle"), at + 1) is None
    assert search(path, Needle("needle"), 1 << 62, forwards=False) == at
    assert search(path, Needle("needle"), at + 1, forwards=False) == at
    assert search(path, Needle("needle"), at, forwards=False) is None


@pytest.mark.usefixtures("small_blocks")
def test_all_matches_in_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "log"
    data = b"xxabxxabababxx" * 40
    path.write_bytes(data)
    expected = [i for i in range(len(data)) if data.startswith(b"ab", i)]
    found, offset = [], 0
    while (match := search(path, Needle("ab"), offset)) is not None:
        found.append(match)
        offset = match + 1
    assert found == expected
    found, offset = [], len(data)
    while (match := search(path, Needle("ab"), offset, forwards=False)) is not None:
        found.append(match)
        offset = match
    assert found == expected[::-1]


def test_lower_case_finds_both_cases_and_a_capital_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes("first LOSS then loss 损失".encode())
    assert search(path, Needle("loss"), 0) == 6
    assert search(path, Needle("LOSS"), 0) == 6
    assert search(path, Needle("Loss"), 0) is None
    assert search(path, Needle("损失"), 0) == 21
    assert search(path, Needle(".*"), 0) is None  # literally


def test_what_is_highlighted_is_what_is_found() -> None:
    assert list(Needle("ab").spans("xAB ab aB")) == [(1, 3), (4, 6), (7, 9)]
    assert list(Needle("Ab").spans("xAB Ab")) == [(4, 6)]
    assert list(Needle("").spans("x")) == []
    assert list(Needle("i").spans("İi")) == [(1, 2)]


def test_a_stopped_search_ends(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100)
    assert search(path, Needle("x"), 0, stopped=lambda: True) is None
    assert next_error(path, 0, stopped=lambda: True) is None


@pytest.mark.parametrize("block", [64, 4 << 20])
def test_the_next_error_is_found_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(log_scan, "BLOCK", block)
    path = tmp_path / "log"
    lines = [b"step %d loss 2.4 finance nano" % i for i in range(50)]
    lines[10] = b"0 errors so far"
    lines[20] = b"RuntimeError: it broke"
    lines[30] = b"\x1b[31mloss nan\x1b[0m"
    path.write_bytes(b"\n".join(lines) + b"\n")
    starts = [sum(len(line) + 1 for line in lines[:i]) for i in range(50)]
    assert next_error(path, 0) == starts[20]
    assert next_error(path, starts[21]) == starts[30]
    assert next_error(path, starts[31]) is None


def test_an_error_in_a_last_line_without_newline_is_found(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"fine\nKilled")
    assert next_error(path, 0) == 5


def test_a_missing_file_is_an_error_that_can_be_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        search(tmp_path / "none", Needle("x"), 0)


def test_a_regular_expression_is_found_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"step 1 loss 2.5\nstep 2 loss 31.0\nstep 3 loss 2.25\n")
    pattern = Pattern(r"loss \d\.\d+$")
    assert search(path, pattern, 0) == 7
    assert pattern.matched == "loss 2.5"
    assert search(path, pattern, 8) == 40
    assert search(path, pattern, 40, forwards=False) == 7
    assert search(path, Pattern("LOSS"), 0) is None
    assert search(path, Pattern("STEP 2|step 2"), 0) == 16


def test_what_is_no_regular_expression_is_said_before_anything_is_read() -> None:
    with pytest.raises(SearchError, match="not a regular expression"):
        needle_of("re:(")
    assert isinstance(needle_of("re: a+"), Pattern)
    assert isinstance(needle_of("re：a+"), Pattern)
    assert isinstance(needle_of("a+"), Needle)


def test_an_expression_that_takes_for_ever_is_ended_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 60 + b"!\n")
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 5

    assert search(path, Pattern("(a+)+$"), 0, stopped=stopped) is None
    assert len(asked) == 6


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("0 errors", ""),
        ("errors: 0, warnings: 3", ""),
        ("finished without errors", ""),
        ("NCCL INFO Channel 00 error reporting", ""),
        ("ignore_errors: true", ""),
        ("RuntimeError: it broke", "error"),
        ("NCCL WARN Cuda failure 2 'out of memory'", "error"),
        ("no exception before, then ValueError: x", "error"),
        ("Killed", "error"),
        ("/usr/bin/python: error: unrecognised", "error"),
    ],
)
def test_what_speaks_of_errors_only_to_deny_them_is_none(line: str, level: str) -> None:
    assert read_line(line.encode()).level == level
