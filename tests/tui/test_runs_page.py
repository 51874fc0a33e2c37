"""The home page by keys alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from runtime.run.control import pending
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace, init_workspace
from tests.tui.sample_workspace import HOUR, NOW, PLANS, Plan, make_run
from tests.tui.settling import press_character, screen_text, settle
from tui import i18n
from tui.widgets.gpu_strip import DeviceStrip
from tui.widgets.lines import Lines
from tui.widgets.table import Table

ORDER = ["51d0", "77aa", "9c1e", "1f00", "3f2a", "08be", "c4d2", "e0e0"]


def _suffixes(app: Any) -> list[str]:
    return [row.key[-4:] for row in app.screen.query_one(Table).rows]


def _cursor(app: Any) -> str:
    return str(app.screen.query_one(Table).cursor)[-4:]


def _run(workspace: Workspace, suffix: str) -> RunDirectory:
    return next(run for run in workspace.runs() if run.run_id.endswith(suffix))


async def test_active_runs_come_first_each_part_newest_first(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert _suffixes(app) == ORDER
        await pilot.press("o", "n")
        assert _suffixes(app) == sorted(ORDER, key=lambda end: _run(sample, end).run_id, reverse=True)


async def test_arrows_hjkl_and_ends_move_the_cursor(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        seen = []
        for key in ("down", "j", "k", "end", "home"):
            await pilot.press(key)
            seen.append(_cursor(app))
        assert seen == [ORDER[1], ORDER[2], ORDER[1], ORDER[-1], ORDER[0]]


async def test_full_width_keys_of_an_input_method_work(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press_character(pilot, "？")
        assert type(app.screen).__name__ == "HelpDialog"
        await pilot.press("escape")
        await press_character(pilot, "／")
        await pilot.press(*"bert")
        await settle(pilot, 1)
        assert _suffixes(app) == ["08be"]


async def test_filter_narrows_at_each_letter_and_esc_shows_all_again(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"olmo failed")
        await settle(pilot, 1)
        assert _suffixes(app) == ["3f2a"]
        await pilot.press("enter")
        await pilot.press("j", "k")  # back on the table: letters are keys again
        assert _suffixes(app) == ["3f2a"]
        await pilot.press("escape")
        await settle(pilot, 1)
        assert _suffixes(app) == ORDER


async def test_letters_typed_ahead_of_the_screen_go_into_the_filter(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in ("slash", *"sonx"):
            app.post_message(events.Key(key, "/" if key == "slash" else key))
        await settle(pilot)
        assert isinstance(app.focused, Input)
        assert app.focused.value == "sonx"
        assert len(app.screen_stack) == 1


async def test_a_filter_that_matches_nothing_says_how_to_get_back(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"nowhere")
        await settle(pilot, 1)
        assert "No run matches “nowhere”" in screen_text(app)


async def test_enter_opens_the_run_and_esc_comes_back_to_the_same_row(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "enter")
        await settle(pilot)
        assert app.screen.run_id == _run(sample, "9c1e").run_id
        await pilot.press("escape")
        await settle(pilot)
        assert (type(app.screen).__name__, _cursor(app)) == ("RunsPage", "9c1e")


@pytest.mark.parametrize(
    ("keys", "wished"),
    [
        (["enter"], {"save": True, "kill": False}),
        (["n"], {"save": False, "kill": False}),
        (["k"], {"save": False, "kill": True}),
        (["escape"], None),
    ],
)
async def test_stop_asks_and_sends_what_was_chosen(
    panel: Any, sample: Workspace, keys: list[str], wished: dict[str, bool] | None
) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "s")
        await pilot.pause()
        assert "Stop olmo-1b-9c1e?" in screen_text(app)
        assert "loses 1,002 steps (4m)" in screen_text(app)
        assert "about 6s" in screen_text(app)
        await pilot.press(*keys)
        await pilot.pause()
        requests = pending(_run(sample, "9c1e"))
        assert [request.args for request in requests] == ([] if wished is None else [wished])
        assert type(app.screen).__name__ == "RunsPage"


async def test_marked_runs_are_stopped_together(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down", "space", "space", "s")
        await pilot.pause()
        assert "Stop 2 runs?" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert [len(pending(_run(sample, suffix))) for suffix in ("77aa", "9c1e", "51d0")] == [1, 1, 0]


async def test_the_footer_shows_only_what_can_be_done(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        assert "stop" in app.screen.footer_actions()
        assert "resume" not in app.screen.footer_actions()
        await pilot.press("end")
        await pilot.pause()
        assert "stop" not in app.screen.footer_actions()
        assert {"resume", "remove"} <= set(app.screen.footer_actions())
        await pilot.press("s")
        await pilot.pause()
        assert type(app.screen).__name__ == "RunsPage"


async def test_deleting_asks_and_removes_the_directory(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("end", "x")
        await pilot.pause()
        assert "Delete probe-e0e0?" in screen_text(app)
        await pilot.press("escape", "x", "enter")
        await settle(pilot)
        assert "e0e0" not in _suffixes(app)
        assert not [run for run in sample.runs() if run.run_id.endswith("e0e0")]


async def test_on_return_the_cursor_is_on_what_failed_meanwhile(panel: Any, sample: Workspace) -> None:
    app = panel(sample, left=9 * 3600)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        said = app.screen.query_one("#since", Lines).plain()
        assert said.startswith("Since you left (9h): 1 finished, 1 failed: out of device memory")
        assert said.endswith("(olmo-1b-3f2a), enter to see why")
        assert _cursor(app) == "3f2a"
        await pilot.press("escape")
        assert not app.screen.query_one("#since").display


async def test_an_empty_workspace_names_the_next_key(panel: Any, empty: Workspace) -> None:
    app = panel(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "n  picks a profile" in screen_text(app)


async def test_a_run_that_vanishes_takes_the_cursor_to_its_neighbour(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        shutil.rmtree(_run(sample, "9c1e").path)
        await settle(pilot)
        assert _cursor(app) == "1f00"


async def test_only_the_changed_row_is_made_again(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        before = {row.key: row for row in app.screen.query_one(Table).rows}
        record = _run(sample, "77aa").record
        record.write_text(record.read_text().replace("1760", "1761"))
        await settle(pilot, 1)
        after = {row.key: row for row in app.screen.query_one(Table).rows}
        assert [key[-4:] for key in after if after[key] is not before[key]] == ["77aa"]


async def test_a_thousand_runs_are_shown_and_walked(panel: Any, tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "train")
    first = make_run(workspace, Plan("many", "0000", "completed", 100, 10, 10, 2.0, "finished", ended=50))
    content = first.record.read_text()
    for number in range(1, 1000):
        directory = workspace.logs / f"20250101-000000-many-{number:04x}"
        directory.mkdir()
        (directory / "run.json").write_text(content.replace(first.run_id, directory.name))
    app = panel(workspace)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        table = app.screen.query_one(Table)
        assert len(table.rows) == 1000
        await pilot.press("end")
        await pilot.pause()
        assert table.cursor == table.rows[-1].key
        assert table.rows[-1].key[-4:] in screen_text(app)


@pytest.mark.parametrize("size", [(40, 10), (60, 15), (80, 24), (100, 30), (119, 29), (250, 80), (20, 5)])
async def test_every_size_can_be_shown(panel: Any, sample: Workspace, size: tuple[int, int]) -> None:
    app = panel(sample, left=9 * 3600)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.resize_terminal(*size)
        await settle(pilot)
        assert len(screen_text(app).split("\n")) == size[1]
        await pilot.resize_terminal(120, 40)
        await settle(pilot)
        assert "olmo-1b-9c1e" in screen_text(app)


async def test_another_language_and_theme_take_effect_at_once_and_are_remembered(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down")
        await app.set_language("zh")
        await app.set_theme("light")
        await settle(pilot)
        assert "运行中" in screen_text(app)
        assert app.theme == "headnode-light"
        assert len(app.screen.query_one(Table).rows) == len(ORDER)
        assert app.screen.query_one(DeviceStrip).lines
        assert app.services.memory.get("language") == "zh"
    i18n.setup("en")


async def test_the_palette_finds_a_run(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press(*"bert-base")
        await _until(pilot, lambda: "bert-base-08be" in screen_text(app))
        await pilot.press("enter")
        await settle(pilot)
        assert app.screen.run_id == _run(sample, "08be").run_id


async def test_an_end_while_one_watches_is_announced(panel: Any, sample: Workspace) -> None:
    from dataclasses import replace

    from runtime.run.record import read_record, write_record

    app = panel(sample)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        run = _run(sample, "9c1e")
        record = read_record(run)
        assert record is not None
        write_record(run, replace(record, state="failed", reason="hang", ended=NOW))
        await settle(pilot)
        assert [notification.message for notification in app._notifications] == ["failed: it hung"]


async def test_hostile_names_reach_the_screen_without_their_escapes(panel: Any, sample: Workspace) -> None:
    run = _run(sample, "77aa")
    record = run.record.read_text().replace(
        '"by": "launch"', '"by": "\\u001b[31m[bold]mallory[/bold]\\u202e"'
    )
    run.record.write_text(record)
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down")
        await settle(pilot)
        assert "by [bold]mallory[/bold]" in screen_text(app)
        assert "\x1b" not in screen_text(app)


async def _until(pilot: Pilot[Any], condition: Any) -> None:
    for _round in range(50):
        if condition():
            return
        await pilot.pause(0.1)
    raise AssertionError("did not happen")


async def test_rows_that_vanish_above_leave_the_cursor_on_the_screen(panel: Any, empty: Workspace) -> None:
    """With a filter open too, whose margin once took two cells from the table."""
    ended = [plan for plan in PLANS if plan.state == "completed"]
    for number in range(60):
        make_run(empty, replace(ended[0], suffix=f"{number:04x}", age=(number + 1) * HOUR))
    app = panel(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*["down"] * 40)
        for run in empty.runs()[:25]:
            shutil.rmtree(run.path)
        await settle(pilot)
        assert "▸" in screen_text(app)
        assert "▸ ✓ completed  demo-0028" in screen_text(app)
        await pilot.press("slash", *"demo")
        await settle(pilot)
        assert "3m ago" in screen_text(app)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_deleting_one_run_names_it(panel: Any, sample: Workspace, language: str) -> None:
    """Chinese has no plural: its one text for both must not be what a single run is asked about by."""
    app = panel(sample, language=language)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("end", "x")
        await settle(pilot)
        (title,) = [line for line in screen_text(app).split("\n") if "╭─" in line]
        assert ORDER[-1] in title
