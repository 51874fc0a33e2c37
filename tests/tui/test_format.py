"""Numbers and outside text as people read them."""

# ruff: noqa: E501 (tables)

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tui import i18n
from tui.clean import clean
from tui.format import (
    ago,
    count,
    device_ranges,
    duration,
    loss,
    number,
    pad,
    percent,
    rate,
    short_count,
    size,
    truncate,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (41, "41s"), (60, "1m"), (185, "3m 5s"), (3 * 3600, "3h"), (52 * 3600, "2d 4h"), (12.4 * 86400, "12d"), (None, "–"),
     (float("nan"), "–"), (-5, "0s")],
)  # fmt: skip
def test_durations_have_at_most_two_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_ages_have_one_unit_and_what_just_happened_is_now() -> None:
    assert [ago(0.2), ago(185), ago(9 * 3600 + 900)] == ["now", "3m ago", "9h ago"]


def test_durations_in_chinese_take_no_space() -> None:
    i18n.setup("zh")
    assert duration(52 * 3600) == "2天4时"


@pytest.mark.parametrize(
    ("shown", "text"),
    [(size(512), "512 B"), (size(2.1 * 2**30), "2.1 GiB"), (size(1000 * 2**20), "1.0 GiB"), (count(451002), "451,002"),
     (rate(371_200), "371.2k"), (rate(950), "950.0"), (short_count(1.89e12), "1.89T"), (short_count(587e9), "587B"),
     (percent(0.999), "99%"), (percent(1.0), "100%"), (loss(2.41349), "2.413"), (loss("nan"), "nan"), (loss("-inf"), "-inf"),
     (number(2.1e-4), "2.1e-4"), (number(0.31), "0.31"), (number(0), "0"), (device_ranges([3, 0, 1, 2, 6]), "0-3,6")],
)  # fmt: skip
def test_numbers_are_short_and_have_units(shown: str, text: str) -> None:
    assert shown == text


def test_text_is_padded_and_cut_by_cells_not_characters() -> None:
    assert cell_len(pad("显存不足", 6)) == 6
    assert pad("显存不足", 6) == "显存… "
    assert truncate("显存不足", 8) == "显存不足"
    assert pad("abc", 6, "right") == "   abc"


@pytest.mark.parametrize(
    "attack",
    ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07red", "\x1b]52;c;ZXZpbA==\x1b\\red", "\x9b31mred", "re\x08d\x1b[2J", "\x1bPq#0\x1b\\red",
     "re\u202ed", "r\x00e\x7fd", "\x1b]8;;http://x\x07red\x1b]8;;\x07", "red\x1b", "red\x1b[", "red\x1b]0;never ended"],
)  # fmt: skip
def test_no_escape_or_control_character_gets_through(attack: str) -> None:
    assert clean(attack) == "red"


def test_clean_keeps_what_people_write_and_undecodable_names() -> None:
    assert clean("损失 – naïve ☃") == "损失 – naïve ☃"
    assert clean("a\tb\nc") == "a    b c"
    assert clean("bad\udcff name") == "bad? name"
