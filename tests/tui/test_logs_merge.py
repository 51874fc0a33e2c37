"""Several logs as one: every line once, in the order of time, found and reached like those of one file."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from runtime.run.arrivals import ArrivalWriter
from tui.logs import merge as log_merge
from tui.logs.merge import MergedLog, Part
from tui.logs.search import Errors, Needle, Pattern, find_place
from tui.logs.text import read_line

NOW = 1_795_530_720.0


class Ranks:
    """Logs of so many ranks, and the agent's note of when they grew."""

    def __init__(self, directory: Path, count: int) -> None:
        self.logs = [directory / f"rank-{rank}.log" for rank in range(count)]
        self.times = [directory / f"rank-{rank}.times" for rank in range(count)]
        for log in self.logs:
            log.write_bytes(b"")
        self.writers = [ArrivalWriter(*pair) for pair in zip(self.logs, self.times, strict=True)]

    def print(self, rank: int, text: str) -> None:
        with self.logs[rank].open("a") as log:
            log.write(text)

    def look(self, now: float) -> None:
        for writer in self.writers:
            writer.note(now)

    def merged(self, now: float = NOW) -> MergedLog:
        pairs = zip(self.logs, self.times, strict=True)
        merged = MergedLog([Part(f"[{n}]", *pair) for n, pair in enumerate(pairs)], lambda: now)
        merged.load()
        return merged


@pytest.fixture
def ranks(tmp_path: Path) -> Ranks:
    return Ranks(tmp_path, 3)


def lines(merged: MergedLog) -> list[str]:
    """All lines from the top, in order."""
    found, place = [], 0
    while (piece := merged.piece_at(place)) is not None:
        found.append(f"{piece.label}{read_line(piece.raw).text}")
        place = piece.stop
    return found


def lines_backwards(merged: MergedLog) -> list[str]:
    found, place = [], merged.size
    while (piece := merged.piece_before(place)) is not None:
        found.append(f"{piece.label}{read_line(piece.raw).text}")
        place = piece.start
    return found[::-1]


def test_lines_stand_in_the_order_in_which_they_came(ranks: Ranks) -> None:
    ranks.print(1, "first\n")
    ranks.look(NOW - 9)
    ranks.print(0, "second\nthird\n")
    ranks.look(NOW - 8)
    ranks.print(2, "fourth\n")
    ranks.print(0, "of the same second\n")
    ranks.look(NOW - 7)
    merged = ranks.merged()
    expected = ["[1]first", "[0]second", "[0]third", "[0]of the same second", "[2]fourth"]
    assert lines(merged) == expected
    assert lines_backwards(merged) == expected
    assert not merged.estimated
    assert merged.size == sum(log.stat().st_size for log in ranks.logs)
    third = merged.piece_at(merged.place_of(NOW - 8))
    assert third is not None
    assert third.raw == b"second\n"
    assert third.time == NOW - 8


def test_a_line_that_was_caught_in_the_middle_is_whole_and_stands_where_it_began(ranks: Ranks) -> None:
    ranks.print(0, "begun ")
    ranks.look(NOW - 9)
    ranks.print(1, "between\n")
    ranks.look(NOW - 8)
    ranks.print(0, "and ended\nafter\n")
    ranks.look(NOW - 7)
    merged = ranks.merged()
    assert lines(merged) == ["[0]begun and ended", "[1]between", "[0]after"]
    assert lines_backwards(merged) == lines(merged)
    for place in range(merged.size):  # from wherever one comes
        start = merged.start_of(place)
        piece = merged.piece_at(start)
        assert piece is not None
        assert piece.start == start


def test_what_comes_later_is_added_at_the_end_and_nothing_moves(ranks: Ranks) -> None:
    now = [NOW]
    ranks.print(0, "one\n")
    ranks.look(NOW - 1)
    merged = ranks.merged()
    merged._now = lambda: now[0]
    before = lines(merged)
    ranks.print(2, "two\n")
    now[0] += 1
    assert merged.poll() == "same"  # the agent's word is waited for
    ranks.look(now[0])
    now[0] += 1
    assert merged.poll() == "grown"
    assert lines(merged) == [*before, "[2]two"]
    ranks.print(1, "nobody notes any more\n")
    for _second in range(5):
        now[0] += 1
        merged.poll()
    assert lines(merged)[-1] == "[1]nobody notes any more"


def test_a_log_that_was_cut_is_read_anew(ranks: Ranks) -> None:
    now = [NOW]
    ranks.print(0, "long enough\n")
    ranks.look(NOW - 1)
    merged = ranks.merged()
    merged._now = lambda: now[0]
    ranks.logs[0].write_text("new\n")
    ranks.look(NOW)
    now[0] += 1
    assert merged.poll() == "replaced"
    assert lines(merged) == ["[0]new"]


def test_lines_that_say_when_they_were_written_are_believed(tmp_path: Path) -> None:
    day = time.strftime("%Y-%m-%d", time.localtime(NOW))
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text(f"{day} 14:00:00 a\n  of a\n{day} 14:00:04 c\n")
    other.write_text(f"{day} 14:00:02 b\n")
    merged = MergedLog([Part("", one), Part("", other)], lambda: NOW)
    merged.load()
    assert [line[-1] for line in lines(merged)] == ["a", "a", "b", "c"]
    assert not merged.estimated
    silent = tmp_path / "c"
    silent.write_text("says nothing\n")
    os.utime(silent, (NOW, NOW))
    merged = MergedLog([Part("", one), Part("", silent, begun=NOW - 60)], lambda: NOW)
    merged.load()
    assert merged.estimated


@pytest.mark.parametrize("window", [64 << 20, 40])
def test_a_search_goes_through_all_logs_in_the_order_of_time(
    ranks: Ranks, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(log_merge, "WINDOW", window)
    for second in range(20):
        ranks.print(second % 3, f"step {second}\n")
        ranks.look(NOW - 60 + second)
    merged = ranks.merged()

    def texts(needle: Needle | Pattern, forwards: bool) -> list[str]:
        found, place = [], 0 if forwards else merged.size
        while (hit := find_place(merged, needle, place, forwards)) is not None:
            start = merged.start_of(hit)
            piece = merged.piece_at(start)
            assert piece is not None
            found.append(read_line(piece.raw).text)
            place = merged.stop_after(start) if forwards else start
        return found

    expected = [f"step {second}" for second in range(20)]
    assert texts(Needle("step"), True) == expected
    assert texts(Needle("step"), False) == expected[::-1]
    assert texts(Pattern(r"p 1\d$"), True) == expected[10:]
    assert texts(Pattern(r"p 1\d$"), False) == expected[:9:-1]


def test_errors_are_found_both_ways(ranks: Ranks) -> None:
    ranks.print(0, "fine\n")
    ranks.look(NOW - 9)
    ranks.print(1, "RuntimeError: one\n")
    ranks.look(NOW - 8)
    ranks.print(2, "0 errors, no exception\n")
    ranks.look(NOW - 7)
    ranks.print(0, "ValueError: two\n")
    ranks.look(NOW - 6)
    merged = ranks.merged()
    first = find_place(merged, Errors(), 0, True)
    last = find_place(merged, Errors(), merged.size, False)
    assert first is not None
    assert last is not None
    assert (merged.piece_at(first) or last).raw == b"RuntimeError: one\n"  # type: ignore[union-attr]
    assert (merged.piece_at(last) or first).raw == b"ValueError: two\n"  # type: ignore[union-attr]


def test_many_notes_cost_memory_for_some_only(tmp_path: Path) -> None:
    log, times = tmp_path / "rank-0.log", tmp_path / "rank-0.times"
    count = 60_000
    log.write_bytes(b"x\n" * count)
    times.write_bytes(b"".join(f"{NOW + n:014.3f} {2 * n + 2:016d}\n".encode() for n in range(count)))
    merged = MergedLog([Part("", log, times)], lambda: NOW + count)
    merged.load()
    assert merged.size == 2 * count
    assert merged.time_at(merged.size - 2) == NOW + count - 1
    early = merged.time_at(0)
    assert early is not None
    assert NOW <= early < NOW + 10
