"""Page 4 by keys alone, over real run directories."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest

from runtime.run import checkpoints
from runtime.run.annotations import protected_steps
from runtime.run.checkpoints import CheckpointInfo, finalize, list_checkpoints, write_complete
from runtime.run.workspace import Workspace
from tests.tui.sample_checkpoints import damage, fill, run_of, save_checkpoint
from tests.tui.sample_workspace import NOW, Plan, make_run
from tests.tui.settling import screen_text, settle
from tui.widgets.table import Table


@pytest.fixture
def saved(sample: Workspace) -> Workspace:
    """The sample workspace with checkpoints."""
    fill(sample)
    return sample


async def _opened(pilot: Any, workspace: Workspace, suffix: str | None = None) -> None:
    await settle(pilot)
    if suffix is None:
        await pilot.press("4")
    else:
        pilot.app.show_page("checkpoints", run_id=run_of(workspace, suffix).run_id)
    await settle(pilot)


def _line(app: Any, text: str) -> str:
    return next((line for line in screen_text(app).split("\n") if text in line), "")


async def test_each_kind_of_checkpoint_is_told_apart(panel: Any, saved: Workspace) -> None:
    app = panel(saved)
    async with app.run_test(size=(140, 50)) as pilot:
        await _opened(pilot, saved, "3f2a")
        assert "protected" in _line(app, "130,000 ")
        assert "best" in _line(app, "120,000 ")
        assert "not yet" in _line(app, "140,000 ")
        assert "297952 bytes instead of 300000" in _line(app, "139,500 ")
        assert "unfinished" in _line(app, "140,500 ")
        assert "5 checkpoints" in _line(app, "olmo-1b-3f2a ")


async def test_arriving_with_a_run_goes_to_its_newest_checkpoint(panel: Any, saved: Workspace) -> None:
    app = panel(saved)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot, saved, "08be")
        assert "▸" in _line(app, "12,000 ")
        assert "bert-base-08be@12000" in screen_text(app)


async def test_the_address_is_what_y_copies(panel: Any, saved: Workspace) -> None:
    app = panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved, "08be")
        await pilot.press("y")
        assert app.clipboard == f"{run_of(saved, '08be').run_id}@12000"


async def test_enter_and_arrows_fold_a_run(panel: Any, saved: Workspace) -> None:
    app = panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved, "3f2a")
        await pilot.press("left")
        await settle(pilot)
        assert not _line(app, "130,000 ")
        assert "▸ ▹ olmo-1b-3f2a" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert _line(app, "130,000 ")


async def test_verifying_finds_sound_and_damaged_ones(panel: Any, saved: Workspace) -> None:
    run = run_of(saved, "3f2a")
    damage(run.checkpoint(130_000))
    app = panel(saved)
    async with app.run_test(size=(140, 50)) as pilot:
        await _opened(pilot, saved, "3f2a")
        await pilot.press("left", "v", "right")
        await settle(pilot, rounds=3)
        assert "✓ verified" in _line(app, "140,000 ")
        assert "✓ verified" in _line(app, "120,000 ")
        assert "content of model.safetensors" in _line(app, "130,000 ")
        assert run.checkpoint(130_000).is_dir(), "verifying changes nothing"


async def test_a_checkpoint_deleted_while_it_waits_is_not_called_damaged(
    panel: Any, saved: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live run's retention deletes old ones at any time."""
    run, app = run_of(saved, "3f2a"), panel(saved)
    newest = run.checkpoint(140_000)
    verify = checkpoints.verify

    def delete_then_verify(checkpoint: Any, *rest: Any) -> Any:
        if checkpoint.path == newest:
            shutil.rmtree(newest)
        return verify(checkpoint, *rest)

    monkeypatch.setattr(checkpoints, "verify", delete_then_verify)
    async with app.run_test(size=(140, 50)) as pilot:
        await _opened(pilot, saved, "3f2a")
        await pilot.press("v")
        await settle(pilot, rounds=3)
        assert not newest.exists()
        assert "damaged" not in screen_text(app)
        (said,) = [notification.message for notification in app._notifications]
        assert said == "olmo-1b-3f2a@140000 was deleted before it was verified"
        assert not _line(app, "  140,000 ")


async def test_protecting_is_a_toggle(panel: Any, saved: Workspace) -> None:
    run, app = run_of(saved, "08be"), panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved, "08be")
        await pilot.press("p")
        await settle(pilot)
        assert protected_steps(run) == {12_000}
        assert "protected" in _line(app, "12,000 ")
        await pilot.press("p")
        await settle(pilot)
        assert protected_steps(run) == frozenset()


async def test_deleting_asks_and_says_what_it_costs(panel: Any, saved: Workspace) -> None:
    run, app = run_of(saved, "08be"), panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved, "08be")
        await pilot.press("x")
        await settle(pilot)
        assert "the only one: without it the run begins again at step 0" in screen_text(app)
        await pilot.press("escape")
        assert run.checkpoint(12_000).exists()
        await pilot.press("x", "enter")
        await settle(pilot)
        assert run.checkpoint(12_000).exists(), "the only one is asked for harder: enter alone is not enough"
        await pilot.press(*"12000", "enter")
        await settle(pilot, rounds=3)
        assert list_checkpoints(run) == []
        assert "deleted; u brings it back" in _line(app, "12,000 ")


@pytest.mark.parametrize(
    ("suffix", "moves", "reason"), [("3f2a", 2, "p lifts that"), ("9c1e", 0, "when it is over")]
)
async def test_what_may_not_be_deleted_is_refused_with_the_reason(
    panel: Any, saved: Workspace, suffix: str, moves: int, reason: str
) -> None:
    run, app = run_of(saved, suffix), panel(saved)
    before = [item.name for item in list_checkpoints(run)]
    async with app.run_test(size=(140, 50), notifications=True) as pilot:
        await _opened(pilot, saved, suffix)
        await pilot.press(*["down"] * moves, "x")
        await settle(pilot)
        assert reason in screen_text(app)
        assert [item.name for item in list_checkpoints(run)] == before


async def test_a_new_checkpoint_of_a_live_run_appears(panel: Any, saved: Workspace) -> None:
    run, app = run_of(saved, "9c1e"), panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved, "9c1e")
        assert not _line(app, "451,000 ")
        save_checkpoint(run, 451_000, age=1)
        for _second in range(5):
            app._tick()
        await settle(pilot)
        assert _line(app, "451,000 ")


async def test_only_the_newest_runs_are_read_until_one_is_unfolded(panel: Any, empty: Workspace) -> None:
    for number in range(40):
        plan = Plan("many", f"{number:04x}", "stopped", 1000.0 * number, 20, 40, 2.0, "user", ended=1.0,
                    checkpoint=(20, 60.0, 900_000))  # fmt: skip
        save_checkpoint(make_run(empty, plan), 20)
    app = panel(empty)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, empty)
        rows = [row.key for row in app.screen.query_one(Table).rows]
        assert sum(key.startswith("run:") for key in rows) == 40
        assert sum(key.startswith("checkpoint:") for key in rows) == 3
        assert "newest 20" in screen_text(app)
        await pilot.press("end", "enter")
        await settle(pilot)
        rows = [row.key for row in app.screen.query_one(Table).rows]
        assert sum(key.startswith("checkpoint:") for key in rows) == 4


async def test_nothing_to_go_on_from_names_the_next_key(panel: Any, empty: Workspace) -> None:
    app = panel(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot, empty)
        assert "No run here has saved anything yet." in screen_text(app)
        assert "2  picks a profile" in screen_text(app)


async def test_a_run_that_vanishes_is_no_trouble(panel: Any, saved: Workspace) -> None:
    app = panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved, "08be")
        shutil.rmtree(run_of(saved, "08be").path)
        await settle(pilot)
        await pilot.press("v", "p")
        await settle(pilot)
        assert not _line(app, "bert-base-08be ")


async def test_filter(panel: Any, saved: Workspace) -> None:
    app = panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved)
        await pilot.press("slash", *"bert", "enter")
        await settle(pilot)
        assert _line(app, "bert-base-08be ")
        assert not _line(app, "olmo-1b-3f2a ")
        await pilot.press("escape")
        await settle(pilot)
        assert _line(app, "olmo-1b-3f2a ")


async def test_a_long_verification_can_be_cancelled(panel: Any, saved: Workspace) -> None:
    run = run_of(saved, "08be")
    shutil.rmtree(run.checkpoint(12_000))
    temporary = run.checkpoints / "step-00013000.tmp"
    temporary.mkdir()
    with (temporary / "model.safetensors").open("wb") as file:
        file.truncate(64 << 30)  # no bytes on disk, and minutes to read
    info = CheckpointInfo(13_000, 1, 2.0, 1, "single", None, {}, NOW, 1, run.run_id)
    write_complete(temporary, info, [("model.safetensors", 64 << 30, "0" * 64)])
    finalize(temporary)
    app = panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, saved, "08be")
        await pilot.press("v")
        await pilot.pause(0.6)
        assert re.search(r"verifying \d+%; esc cancels", screen_text(app))
        assert "esc back" in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)  # waits for the thread: it must have ended
        assert "not yet" in _line(app, "13,000 ")
        assert app.screen.NAME == "checkpoints"
