"""Page 6: which logs there are, which one is shown, and keys alone to get there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.run.workspace import Workspace
from tests.tui.settling import press_character, screen_text, settle


def directory(workspace: Workspace, suffix: str) -> Any:
    return next(run for run in workspace.runs() if run.run_id.endswith(suffix))


@pytest.fixture
def ranks(sample: Workspace) -> Workspace:
    """The run 9c1e: three ranks in its second attempt, one in its first, and a supervisor."""
    run = directory(sample, "9c1e")
    for rank in (1, 2):
        run.attempt(2).log(rank).write_text(f"hello from rank {rank}\n")
    run.attempt(1).path.mkdir(parents=True, exist_ok=True)
    run.attempt(1).log(0).write_text("first attempt\n")
    run.supervisor_log.write_text("supervisor speaking\n")
    return sample


async def test_a_run_is_picked_and_its_ranks_are_read_by_keys_alone(panel: Any, ranks: Workspace) -> None:
    app = panel(ranks)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.show_page("logs", run_id=directory(ranks, "9c1e").run_id)
        await settle(pilot)
        text = screen_text(app)
        assert "step 451002" in text
        for name in ("rank 0", "rank 1", "rank 2", "supervisor", "attempt 1, rank 0"):
            assert name in text
        await pilot.press("tab")
        await pilot.press("down")
        await settle(pilot)
        assert "hello from rank 1" in screen_text(app)
        await pilot.press("down", "down")
        await settle(pilot)
        assert "[sup] supervisor speaking" in screen_text(app)
        assert "[1]   hello from rank 1" in screen_text(app)
        await pilot.press("down")
        await settle(pilot)
        assert "supervisor speaking" in screen_text(app)
        await pilot.press("down")
        await settle(pilot)
        assert "first attempt" in screen_text(app)
        await pilot.press("enter", "slash", *"first", "enter")
        await settle(pilot)
        assert app.screen.log_view.copy_text() == "first attempt"


async def test_brackets_go_from_log_to_log_and_a_page_opens_where_it_is_told(
    panel: Any, ranks: Workspace
) -> None:
    run = directory(ranks, "9c1e")
    app = panel(ranks)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.show_page("logs", run_id=run.run_id, rank=0, line=3)
        await settle(pilot)
        third = run.attempt(2).log(0).read_text().splitlines()[2]
        assert app.screen.log_view.copy_text() == third
        for title in ("rank 1", "rank 2", "all, by time", "supervisor", "attempt 1, rank 0"):
            await press_character(pilot, "]")
            await settle(pilot)
            assert f"olmo-1b-9c1e › {title}" in screen_text(app)
        await press_character(pilot, "[")
        await settle(pilot)
        assert "olmo-1b-9c1e › supervisor" in screen_text(app)
        app.show_page("logs", run_id=run.run_id, rank=1, text="from rank 1")
        await settle(pilot)
        assert app.screen.log_view.copy_text() == "hello from rank 1"
        assert not app.screen.log_view.lines.follow
        app.show_page("logs", run_id=run.run_id, source="merged", attempt=1)
        await settle(pilot)
        assert "olmo-1b-9c1e › attempt 1, all, by time" in screen_text(app)


async def test_another_run_is_opened_from_the_list(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.show_page("logs", run_id=directory(sample, "9c1e").run_id)
        await settle(pilot)
        await pilot.press("tab", "down", "enter")
        await settle(pilot)
        assert "demo-1f00 › rank 0" in screen_text(app)
        assert "step 400 loss" in screen_text(app)


async def test_the_run_that_one_looks_at_is_the_one_whose_log_opens(panel: Any, sample: Workspace) -> None:
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.open_run(directory(sample, "1f00").run_id)
        await settle(pilot)
        await pilot.press("6")
        await settle(pilot)
        assert "demo-1f00 › rank 0" in screen_text(app)
        await pilot.press("1")
        await settle(pilot)
        selected = app.page.selected.run_id
        await pilot.press("6")
        await settle(pilot)
        assert app.page.view.run_id == selected


async def test_a_failed_run_opens_at_the_rank_that_failed(panel: Any, sample: Workspace) -> None:
    run = directory(sample, "3f2a")
    run.attempt(1).log(2).write_text("RuntimeError: CUDA out of memory\n")
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.show_page("logs", run_id=run.run_id)
        await settle(pilot)
        assert "olmo-1b-3f2a › rank 2" in screen_text(app)


async def test_a_new_attempt_is_followed_by_who_watched_the_last_one(panel: Any, sample: Workspace) -> None:
    run = directory(sample, "9c1e")
    app = panel(sample)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.show_page("logs", run_id=run.run_id)
        await settle(pilot)
        run.attempt(3).path.mkdir(parents=True)
        run.attempt(3).log(0).write_text("third attempt\n")
        app.screen.refresh_page()
        await settle(pilot)
        assert "third attempt" in screen_text(app)
        assert "attempt 2, rank 0" in screen_text(app)


async def test_an_empty_workspace_names_the_next_key(panel: Any, empty: Workspace) -> None:
    app = panel(empty)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.show_page("logs")
        await settle(pilot)
        assert "No runs here yet: 2 shows the profiles" in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
def test_logs_page(snap_compare: Any, panel: Any, ranks: Workspace, size: tuple[int, int]) -> None:
    run = directory(ranks, "9c1e")
    with run.attempt(2).log(0).open("ab") as log:
        log.write("2026-11-24 14:31:58 WARNING 数据读取慢 0.8 s\n".encode())
        log.write(b'Traceback (most recent call last):\n  File "train.py", line 12\n')
        log.write(b"RuntimeError: \x1b[31mCUDA error\x1b[0m\n")

    async def before(pilot: Any) -> None:
        await settle(pilot)
        pilot.app.show_page("logs", run_id=run.run_id)
        await settle(pilot)
        await pilot.press("slash", *"loss", "enter")
        await settle(pilot)

    assert snap_compare(panel(ranks), terminal_size=size, run_before=before)


def test_only_what_a_run_has_is_listed(tmp_path: Path) -> None:
    from runtime.run.layout import RunDirectory
    from tui.logs.listing import choose, find_logs

    run = RunDirectory(tmp_path / "run")
    assert find_logs(run) == []
    assert choose([]) is None
    for attempt, rank in ((1, 0), (2, 1), (2, 0), (10, 0)):
        run.attempt(attempt).path.mkdir(parents=True, exist_ok=True)
        run.attempt(attempt).log(rank).write_text("x")
    run.supervisor_log.write_text("xy")
    found = find_logs(run)
    assert [(entry.kind, entry.attempt, entry.rank) for entry in found] == [
        ("rank", 10, 0), ("merged", 10, None), ("supervisor", None, None),
        ("rank", 2, 0), ("rank", 2, 1), ("merged", 2, None), ("rank", 1, 0), ("merged", 1, None),
    ]  # fmt: skip
    assert [entry.size for entry in found] == [1, 3, 2, 1, 1, 4, 1, 3]
    assert choose(found) == found[0]
    assert choose(found, 1) == found[4]
    assert choose(found, kind="merged") == found[1]
    run.attempt(10).log(0).write_text("")
    assert choose(find_logs(run)) == found[2]  # the supervisor has something to say
    assert (choose(find_logs(run), 0) or found[1]).attempt == 10
