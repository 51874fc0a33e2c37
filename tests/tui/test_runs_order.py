"""Order, groups, tags, notes and the archive on the home page, by keys alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from runtime.run.annotations import archived, notes, tags
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.workspace import Workspace
from tests.tui.sample_workspace import NOW, Plan, make_run
from tests.tui.settling import screen_text, settle
from tests.tui.test_runs_page import ORDER
from tui.widgets.filter_line import FilterNote
from tui.widgets.lines import Lines
from tui.widgets.run_list import RunList
from tui.widgets.run_table import columns, waits


def _run(workspace: Workspace, suffix: str) -> RunDirectory:
    return next(run for run in workspace.runs() if run.run_id.endswith(suffix))


def _shown(app: Any) -> list[str]:
    return [row.key[-4:] for row in app.screen.query_one(RunList).rows]


async def test_the_chosen_order_is_remembered(panel: Any, sample: Workspace) -> None:
    for visit in range(2):
        app = panel(sample)
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot)
            if not visit:
                await pilot.press("o", "l")
            await pilot.pause()
            assert _shown(app)[:4] == ["77aa", "08be", "9c1e", "3f2a"]


async def test_runs_of_a_profile_stand_together_and_fold(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("o", "g")
        await settle(pilot)
        runs = app.screen.query_one(RunList)
        keys = [row.key for row in runs.rows]
        at = keys.index("group:olmo-1b")
        assert [key[-4:] for key in keys[at + 1 : at + 3]] == ["9c1e", "3f2a"]
        runs.cursor = "group:olmo-1b"
        await pilot.press("enter")
        await settle(pilot)
        assert len(runs.rows) == len(keys) - 2
        assert "olmo-1b   2 runs   1 active   1 failed" in screen_text(app)
        await pilot.press("enter", "down", "enter")
        await settle(pilot)
        assert app.screen.run_id.endswith("9c1e")


async def test_tags_and_a_note_are_given_by_keys_and_found_by_the_filter(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "e", *"base ok", "tab", *"try 2", "enter")
        await settle(pilot)
        assert tags(_run(sample, "9c1e")) == ["base", "ok"]
        assert [note.text for note in notes(_run(sample, "9c1e"))] == ["try 2"]
        assert "#base #ok" in screen_text(app)
        await pilot.press("slash", *"tag:base try")
        await settle(pilot)
        assert _shown(app) == ["9c1e"]
        await pilot.press("enter", "e", "backspace", "backspace", "backspace", "tab")
        await pilot.press(*["backspace"] * 5, "enter")
        await settle(pilot)
        assert (tags(_run(sample, "9c1e")), notes(_run(sample, "9c1e"))) == (["base"], [])


async def test_marked_runs_get_a_tag_together_and_keep_their_own(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("e", *"mine", "enter")
        await settle(pilot)
        await pilot.press("home", "space", "space", "e", *"both", "enter")
        await settle(pilot)
        assert tags(_run(sample, "51d0")) == ["both", "mine"]
        assert tags(_run(sample, "77aa")) == ["both"]
        assert not app.screen.query_one(RunList).marked


async def test_an_archived_run_is_hidden_shown_by_the_filter_and_brought_back(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("end", "x", "a")
        await settle(pilot)
        assert _shown(app) == ORDER[:-1]
        assert archived(_run(sample, "e0e0"))
        await pilot.press("slash", *"archived", "enter")
        await settle(pilot)
        assert _shown(app) == ["e0e0"]
        await pilot.press("u")
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert _shown(app) == ORDER


async def test_archived_runs_are_no_longer_marked_and_the_note_counts_what_is_there_now(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("end", "space", "up", "space", "x", "a")
        await settle(pilot)
        assert len(_shown(app)) == len(ORDER) - 2
        assert not app.screen.query_one(RunList).marked  # what x would now delete without showing it
        await pilot.press("slash", *"archived", "enter")
        await settle(pilot)
        note = app.screen.query_one(FilterNote)
        assert note.plain() == "2 of 8 runs"
        await pilot.press("u")
        await settle(pilot)
        assert note.plain() == "1 of 8 runs"


async def test_a_mistake_in_the_filter_is_told_below_it_and_tab_completes(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"stat:x")
        await pilot.pause()
        note = app.screen.query_one(FilterNote)
        assert note.plain() == "✗ there is no key stat; did you mean state?"
        assert _shown(app) == ORDER
        await pilot.press(*["backspace"] * 3, "tab", *"fai", "tab")
        await settle(pilot)
        assert _shown(app) == ["3f2a", "c4d2"]
        assert note.plain() == "2 of 8 runs"
        await pilot.press("escape")
        await pilot.pause()
        assert not note.display


async def test_a_copy_can_be_neither_tagged_nor_archived(panel: Any, sample: Workspace) -> None:
    copy = sample.logs / "20200101-000000-copy-0000"
    shutil.copytree(_run(sample, "1f00").path, copy)
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("end")
        await settle(pilot)
        assert not {"annotate", "remove", "unarchive"} & set(app.screen.footer_actions())


async def test_two_marked_runs_can_be_compared(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        assert "compare" not in app.screen.footer_actions()
        await pilot.press("space", "space")
        assert "compare" in app.screen.footer_actions()


async def test_what_was_deleted_is_no_longer_said_to_have_ended(panel: Any, sample: Workspace) -> None:
    app = panel(sample, left=9 * 3600, language="zh")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        line = app.screen.query_one("#since", Lines).lines[0]
        assert "olmo-1b-3f2a" in line.plain
        assert line.cell_len <= 78
        shutil.rmtree(_run(sample, "3f2a").path)
        await settle(pilot)
        assert "olmo" not in app.screen.query_one("#since", Lines).plain()
        shutil.rmtree(_run(sample, "1f00").path)
        await settle(pilot)
        assert not app.screen.query_one("#since").display


def test_narrow_screens_keep_what_says_most() -> None:
    def names(width: int) -> set[str]:
        return {column.key for column in columns(width)}

    assert names(60) == {"state", "run", "percent", "loss", "eta"}
    assert {"progress", "loss", "eta", "rate"} <= names(80)
    assert {"curve", "step", "gpus"} <= names(120)
    assert {"job", "age"} <= names(180)
    for width in range(40, 220):
        needed = 3 + sum(column.width + 2 for column in columns(width)) - 2
        assert needed <= width, width


def test_waiting_runs_say_what_they_wait_for(sample: Workspace) -> None:
    run = make_run(sample, Plan("late", "aaaa", "queued", 300))
    record = read_record(run)
    assert record is not None
    assert waits(record, NOW) == "waits for devices"
    queue = {"kind": "gpu", "wants": 4, "ahead": 2, "since": NOW - 200}
    assert waits(replace(record, queue=queue), NOW) == "waits for 4 GPUs, 2 ahead · 3m"
    restart = {"at": NOW + 12.4, "next_attempt": 3, "of": 5}
    again = replace(record, state="starting", restarts=2, evidence={"restart": restart})
    assert waits(again, NOW) == "restarts in 12s · restarted 2 times"
    assert waits(again, NOW + 12) == ""
