"""What a terminal would act on never reaches it, and what a person wants to see does."""

from __future__ import annotations

import random

import pytest
from rich.cells import cell_len

from tui.logs.text import SHOWN_BYTES, crop, read_line, wrap


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain\n", "plain"),
        (b"dos line\r\n", "dos line"),
        (b"\x1b[31mred\x1b[0m text", "red text"),
        (b"\x1b[38;2;1;2;3mtrue\x1b[m colour", "true colour"),
        (b"\x1b]0;title\x07after", "after"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bPq#0;2;0;0;0\x1b\\sixel", "sixel"),
        (b"\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\done", "done"),
        (b"\x1b(Bcharset \x1b7\x1b8\x1bc", "charset "),
        (b"nul\x00bell\x07bs\x08del\x7f", "nulbellbsdel"),
        ("c1 \x9b31mcsi \x85nel".encode(), "c1 csi nel"),
        ("bidi \u202etxt\u202c \u2066x\u2069 \u200f".encode(), "bidi txt x "),
        ("zero\u200bwidth\ufeff soft\u00adhyphen".encode(), "zerowidth softhyphen"),
        (b"invalid \xff\xfe utf-8", "invalid �� utf-8"),
        (b"a\tb", "a       b"),
        ("训练 损失 2.41".encode(), "训练 损失 2.41"),
        (b"[bold]no markup[/bold] [link=x]", "[bold]no markup[/bold] [link=x]"),
        (b" 10%|# |\r 50%|##|\r100%|###| 10/10\n", "100%|###| 10/10"),
        (b" 10%|# |\r 50%|##|\r", " 50%|##|"),
        (b"\x1b[2K\r progress 7\r\x1b[K", " progress 7"),
        (b"\r\r\n", ""),
        (b"", ""),
    ],
)
def test_text_of_a_line(raw: bytes, shown: str) -> None:
    assert read_line(raw).text == shown


def test_no_bytes_at_all_bring_a_control_character_through() -> None:
    chance = random.Random(0)
    pool = [
        b"\x1b", b"[", b"]", b"P", b"\x9b", b"\xc2\x9b", b"\xc2\x85", b"\x07", b"\x1b\\", b"0", b";", b"m",
        b"x", b"\r", "\u202e".encode(), b"\xff", b"\x00", "长".encode(), b"\t", b"\x08",
    ]  # fmt: skip
    for _round in range(3000):
        text = read_line(b"".join(chance.choices(pool, k=chance.randint(0, 25)))).text
        for character in text:
            assert ord(character) >= 32
            assert not 0x7F <= ord(character) <= 0x9F
            assert ord(character) not in {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def test_a_long_line_is_bounded_and_says_how_much_is_left_out() -> None:
    line = read_line(b"x" * 100_000)
    assert len(line.text) == SHOWN_BYTES
    assert line.cut == 100_000 - SHOWN_BYTES


@pytest.mark.parametrize(
    ("text", "stamp", "clock"),
    [
        ("2026-11-24 14:32:05 step 1", "2026-11-24 14:32:05 ", "14:32:05"),
        ("2026-11-24T14:32:05.123Z INFO x", "2026-11-24T14:32:05.123Z ", "14:32:05"),
        ("[2026-11-24 14:32:05,123] INFO", "[2026-11-24 14:32:05,123] ", "14:32:05"),
        ("14:32:05 | hello", "14:32:05 | ", "14:32:05"),
        ("step 12 at 14:32:05", "", ""),
        ("451000 loss", "", ""),
    ],
)
def test_times_at_the_start_are_recognised(text: str, stamp: str, clock: str) -> None:
    line = read_line(text.encode())
    assert text[: line.timestamp] == stamp
    assert line.clock == clock


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Traceback (most recent call last):", "error"),
        ("RuntimeError: CUDA out of memory. Tried to allocate", "error"),
        ("torch.cuda.OutOfMemoryError: x", "error"),
        ("[rank3]: ncclInternalError: NCCL error in: x", "error"),
        ("step 12 loss nan", "error"),
        ("loss=NaN at step 3", "error"),
        ("Killed", "error"),
        ("Segmentation fault (core dumped)", "error"),
        ("ERROR: it broke", "error"),
        ("terminate called after throwing an instance of 'std::exception'", ""),
        ("0 errors found", ""),
        ("step 12 loss 2.41", ""),
        ("finance and nanotron", ""),
        ("CUDA_VISIBLE_DEVICES=0,1", ""),
        ("UserWarning: x", "warning"),
        ("WARNING loader is slow", "warning"),
    ],
)
def test_errors_are_told_from_what_looks_like_them(text: str, level: str) -> None:
    assert read_line(text.encode()).level == level


@pytest.mark.parametrize(
    "text", ["plain text that is long", "训练 mixed 损失 text", "", "宽宽宽宽", "e\u0301 combining"]
)
@pytest.mark.parametrize("width", [2, 3, 7, 80])
def test_wrapped_rows_fit_and_lose_nothing(text: str, width: int) -> None:
    starts = wrap(text, width)
    rows = [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    assert "".join(rows) == text
    assert all(cell_len(row) <= width for row in rows)


@pytest.mark.parametrize("start", range(9))
def test_cropped_text_never_cuts_a_wide_character(start: int) -> None:
    text = "a宽b宽c宽d"
    first, last = crop(text, start, 4)
    assert cell_len(text[first:last]) <= 4
    assert cell_len(text[:first]) >= start or first == len(text)
