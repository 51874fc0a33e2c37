"""Going to places of a log, from error to error, and the times of its lines, by keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tests.tui.settling import press_character, screen_text
from tui.logs.jump import Target, line_offset, target
from tui.logs.search import SearchError
from tui.widgets.log_view import LogView, Part

BEGUN = 1_795_530_000.0  # 14:20:00


class LogApp(App[None]):
    """One log view."""

    def compose(self) -> ComposeResult:
        yield LogView()

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"muted": "#8a8a8a", "faint": "#4e4e4e"}


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await (press_character(pilot, key) if key in ":%[]" else pilot.press(key))
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def show(pilot: Pilot[Any], path: Path, times: Path | None = None) -> LogView:
    view = pilot.app.log_view  # type: ignore[attr-defined]
    view.show(path, times=times)
    view.lines.focus()
    await pilot.pause()
    assert isinstance(view, LogView)
    return view


def write_times(path: Path, log_path: Path) -> None:
    """One line a second."""
    log = log_path.read_bytes()
    sizes = [len(b"".join(log.splitlines(keepends=True)[: n + 1])) for n in range(log.count(b"\n"))]
    path.write_text("".join(f"{BEGUN + n:014.3f} {size:016d}\n" for n, size in enumerate(sizes)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "rank-0.log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(1, 1001)))
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", Target("line", 120)),
        ("1,200", Target("line", 1200)),
        ("50%", Target("share", 0.5)),
        ("14:20", Target("clock", 51_600)),
        ("14:20:07", Target("clock", 51_607)),
        ("start", Target("start")),
        ("END", Target("end")),
    ],
)
def test_places_as_people_write_them(text: str, expected: Target) -> None:
    assert target(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-3", "25:00", "12:61", "somewhere", "1e9"])
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(SearchError, match="no place in a log"):
        target(text)


def test_lines_are_counted_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100 + b"\n" + b"y\n" * 3_000_000)
    assert line_offset(path, 1) == 0
    assert line_offset(path, 2) == 101
    assert line_offset(path, 3_000_000) == 101 + 2 * 2_999_998
    assert line_offset(path, 9_999_999) == path.stat().st_size


async def test_one_goes_to_a_line_a_share_a_time_and_back_to_the_end(log: Path, tmp_path: Path) -> None:
    times = tmp_path / "rank-0.times"
    write_times(times, log)
    app = LogApp()
    async with app.run_test(size=(60, 12)) as pilot:
        view = await show(pilot, log, times)
        for keys, expected in (((":", *"500"), "line 500"), ((":", *"50", "%"), "line 507")):
            await press(pilot, *keys, "enter")
            assert view.copy_text() == expected
        await press(pilot, ":", *"14", ":", *"25", "enter")
        assert view.copy_text() == "line 301"
        await press(pilot, ":", *"start", "enter")
        assert view.copy_text() == "line 1"
        await press(pilot, ":", *"nowhere", "enter")
        assert "no place in a log" in view.status
        assert view.copy_text() == "line 1"
        await press(pilot, "f")
        assert view.copy_text() == "line 1000"


async def test_times_as_printed_then_when_lines_came_then_none(tmp_path: Path) -> None:
    log, times = tmp_path / "rank-0.log", tmp_path / "rank-0.times"
    log.write_bytes(b"2026-11-24 09:00:00 with a time\nwithout\n")
    write_times(times, log)
    app = LogApp()
    async with app.run_test(size=(60, 12)) as pilot:
        await show(pilot, log, times)
        shown = []
        for _time in range(4):
            shown.append([line.strip() for line in screen_text(app).splitlines()][:2])
            await press(pilot, "t")
        assert shown == [
            ["2026-11-24 09:00:00 with a time", "without"],
            ["09:00:00 with a time", "14:20:01 without"],
            ["with a time", "without"],
            ["2026-11-24 09:00:00 with a time", "without"],
        ]


async def test_from_error_to_error_both_ways_and_never_twice_into_one_traceback(tmp_path: Path) -> None:
    log = tmp_path / "rank-0.log"
    traceback = "Traceback (most recent call last):\n  File 'a.py'\n    x()\nValueError: {}\n"
    parts = ["fine\n" * 30, traceback.format(1), "0 errors\n" * 30, traceback.format(2), "fine\n" * 30]
    log.write_text("".join(parts))
    app = LogApp()
    async with app.run_test(size=(60, 12)) as pilot:
        view = await show(pilot, log)
        places = []
        for key in ("e", "e", "e", "n"):
            await press(pilot, key)
            places.append(view.lines.cursor)
            assert view.copy_text() == "Traceback (most recent call last):"
        first, second = len(parts[0]), sum(map(len, parts[:3]))
        assert places == [first, second, first, second]
        await press(pilot, "p")
        assert view.copy_text() == "ValueError: 1"
        await press(pilot, "p")
        assert view.lines.cursor == first
        await press(pilot, "escape")
        assert not view.check_action("find_next", ())


async def test_a_regular_expression_is_searched_and_its_match_shown(log: Path) -> None:
    app = LogApp()
    async with app.run_test(size=(60, 12)) as pilot:
        view = await show(pilot, log)
        await press(pilot, "home", "slash")
        view.prompt.value = r"re:e \d{3}$"
        await press(pilot, "enter")
        assert view.copy_text() == "line 100"
        await press(pilot, "n")
        assert view.copy_text() == "line 101"
        await press(pilot, "p", "p")
        assert view.copy_text() == "line 999"
        assert "from the end again" in view.status
        await press(pilot, "slash")
        view.prompt.value = "re:("
        await press(pilot, "enter")
        assert "not a regular expression" in view.status


async def test_logs_merged_by_time_are_read_searched_and_followed(tmp_path: Path) -> None:
    parts = []
    for rank in (0, 1):
        log, times = tmp_path / f"rank-{rank}.log", tmp_path / f"rank-{rank}.times"
        text = b"".join(b"step %d of rank %d\n" % (step, rank) for step in range(100))
        log.write_bytes(text)
        write_times(times, log)
        parts.append(Part(f"[{rank}]", log, times))
    app = LogApp()
    async with app.run_test(size=(60, 12)) as pilot:
        view = app.log_view
        view.show_merged(parts)
        await app.workers.wait_for_complete()
        await pilot.pause()
        view.lines.focus()
        lines = [line.strip() for line in screen_text(app).splitlines() if line.strip()]
        assert lines[-2:] == ["14:21:39 [0] step 99 of rank 0", "14:21:39 [1] step 99 of rank 1"]
        await press(pilot, "slash", *"step", "space", *"42", "enter")
        assert view.copy_text() == "step 42 of rank 1"
        await press(pilot, "p")
        assert view.copy_text() == "step 42 of rank 0"
        await press(pilot, ":", *"14", ":", *"20", ":", *"30", "enter")
        assert view.copy_text() == "step 30 of rank 0"
        for expected in ("step 30 of rank 1", "step 31 of rank 0"):
            await press(pilot, "down")
            assert view.copy_text() == expected
        await press(pilot, ":", *"7", "enter")
        assert "lines are numbered in one log" in view.status
