"""Undoing a deletion, comparing two, the tree of runs, and new runs from a checkpoint: by keys alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from runtime.launch import trash
from runtime.profile import read_frozen
from runtime.profile.tensors import tensors
from runtime.run.checkpoints import list_checkpoints
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record, write_record
from runtime.run.workspace import Workspace
from tests.runtime.launch import conftest as launching
from tests.runtime.run.safetensors import write_safetensors
from tests.runtime.run.saving import save
from tests.tui.sample_checkpoints import fill, run_of
from tests.tui.settling import screen_text, settle
from tui.dialogs.checkpoint_new import NewRunDialog
from tui.dialogs.checkpoint_weights import WeightsDialog
from tui.pages.run import RunPage

workspace = launching.workspace
launch_worker = launching.launch_worker


@pytest.fixture
def saved(sample: Workspace) -> Workspace:
    fill(sample)
    return sample


async def _opened(pilot: Any, run: RunDirectory) -> None:
    await settle(pilot)
    pilot.app.show_page("checkpoints", run_id=run.run_id)
    await settle(pilot, rounds=3)


async def _until(pilot: Any, condition: Any) -> None:
    for _attempt in range(300):
        await settle(pilot, rounds=1)
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(screen_text(pilot.app))


def steps(run: RunDirectory) -> list[int]:
    return [item.step for item in list_checkpoints(run) if item.state == "complete"]


async def test_u_brings_back_what_was_just_deleted(panel: Any, saved: Workspace) -> None:
    run, app = run_of(saved, "3f2a"), panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, run)
        await pilot.press("x", "enter")
        await _until(pilot, lambda: steps(run) == [120_000, 130_000])
        await _until(pilot, lambda: "deleted; u brings it back" in screen_text(app))
        assert "u undo" in screen_text(app)
        await pilot.press("u")
        await _until(pilot, lambda: steps(run) == [120_000, 130_000, 140_000])
        await _until(pilot, lambda: "deleted; u brings it back" not in screen_text(app))
        assert trash.trashed(run) == []


async def test_after_its_window_it_is_removed(
    panel: Any, saved: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "WINDOW", 0.2)
    run, app = run_of(saved, "3f2a"), panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, run)
        await pilot.press("x", "enter")
        await _until(pilot, lambda: steps(run) == [120_000, 130_000])
        await _until(pilot, lambda: not list(run.checkpoints.glob("trash-*")))
        await _until(pilot, lambda: "deleted" not in screen_text(app))


async def test_what_a_killed_panel_left_is_removed_by_the_next(
    panel: Any, saved: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, app = run_of(saved, "3f2a"), panel(saved)
    monkeypatch.setattr(trash, "WINDOW", -1.0)
    newest = next(item for item in list_checkpoints(run) if item.step == 140_000)
    trash.move_to_trash(run, newest)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, run)
        await _until(pilot, lambda: not list(run.checkpoints.glob("trash-*")))


async def test_two_marked_ones_are_compared(panel: Any, saved: Workspace) -> None:
    run, app = run_of(saved, "3f2a"), panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, run)
        await pilot.press("space")
        await settle(pilot)
        assert "◆" in screen_text(app)
        await pilot.press("down", "space", "c")
        await settle(pilot)
        text = screen_text(app)
        assert "Compare checkpoints" in text
        assert "Compare checkpoints of olmo-1b-3f2a" in text
        assert "@130000  " in text
        assert "@140000 " in text
        assert "+10,000" in text
        assert "eval/holdout/loss" in text
        assert "10,000 steps, 41.9B tokens and 5h" in text
        await pilot.press("escape", "c")


async def test_without_marks_one_is_compared_with_the_one_before(panel: Any, saved: Workspace) -> None:
    app = panel(saved)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot, run_of(saved, "3f2a"))
        await pilot.press("c")
        await settle(pilot)
        text = screen_text(app)
        assert "Compare checkpoints of olmo-1b-3f2a" in text
        assert "@130000  " in text


async def test_a_branch_stands_under_its_parent(panel: Any, saved: Workspace) -> None:
    parent, child = run_of(saved, "3f2a"), run_of(saved, "08be")
    record = read_record(child)
    assert record is not None
    origin = {"run_id": parent.run_id, "step": 130_000, "kind": "branch"}
    write_record(child, replace(record, parent=origin))  # type: ignore[arg-type]
    app = panel(saved)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, parent)
        lines = screen_text(app).split("\n")
        at = next(number for number, line in enumerate(lines) if "olmo-1b-3f2a  " in line)
        under = next(number for number, line in enumerate(lines) if "└ " in line and "bert-base-08be" in line)
        assert under > at
        assert "branch at 130,000" in lines[under]


def with_weights(run: RunDirectory, step: int = 20) -> None:
    """A checkpoint whose tensors are those of the run's profile, with two parts of an optimizer."""
    model = read_frozen(run.profile).model
    assert model is not None
    shapes = {f"model.{name}": shape for name, shape in tensors(model, model.vocabulary_size).items()}
    content = write_safetensors(shapes | {"optim.x.exp_avg": (2, 2)})
    save(run, step, {"model.safetensors": content})


async def test_n_then_w_starts_a_new_run_from_weights(
    panel: Any, workspace: Workspace, launch_worker: launching.Launch
) -> None:
    run = launch_worker(steps=20, env={"CHECKPOINT_EVERY": "1000"})
    launching.await_end(run)
    for path in run.checkpoints.iterdir():
        trash.shutil.rmtree(path)
    with_weights(run)
    (run.artifacts / "data" / "manifest.json").write_text(
        '{"schema": 1, "fingerprint": "f", "vocabulary_size": 300}'
    )
    app = panel(workspace)
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot, run)
        await pilot.press("n")
        await settle(pilot)
        assert isinstance(app.screen, NewRunDialog)
        assert "new run from weights" in screen_text(app)
        await pilot.press("w")
        await settle(pilot)
        assert isinstance(app.screen, WeightsDialog)
        await _until(pilot, lambda: "fit this model" in screen_text(app))
        await pilot.press("o", *"model.layers=2")
        await _until(pilot, lambda: "12 tensors are missing in the" in screen_text(app))
        await pilot.press("escape")
        await _until(pilot, lambda: "enter   launch it" in screen_text(app))
        await pilot.press("enter")
        await _until(pilot, lambda: isinstance(app.screen, RunPage))
        new = next(other for other in workspace.runs() if other != run)
        record = read_record(new)
        assert record is not None
        assert record.parent == {"run_id": run.run_id, "step": 20, "kind": "weights"}
        assert record.resume is None
        await _until(pilot, lambda: launching.state(new) in ("completed", "failed"))
