"""A deleted checkpoint can be brought back for a while, counts as none meanwhile, and is removed after."""

from __future__ import annotations

import pytest

from runtime.launch import trash
from runtime.launch.choosing import choose
from runtime.launch.removing import readers_of_data
from runtime.messages import UsageError
from runtime.run.annotations import protect
from runtime.run.checkpoints import find_checkpoint, list_checkpoints, newest_valid
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.workspace import Workspace
from tests.runtime.run import conftest as runs
from tests.runtime.run.saving import save

workspace, make_run, own_home = runs.workspace, runs.make_run, runs.own_home


@pytest.fixture
def run(make_run: runs.MakeRun) -> RunDirectory:
    made = make_run(state="stopped")
    save(made, 10)
    save(made, 20)
    return made


def steps(run: RunDirectory) -> list[int]:
    return [item.step for item in list_checkpoints(run)]


def over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window of what is deleted is over at once."""
    monkeypatch.setattr(trash, "WINDOW", -1.0)


def test_what_is_deleted_counts_no_more_and_comes_back_whole(run: RunDirectory) -> None:
    one = trash.move_to_trash(run, find_checkpoint(run, 20))
    assert steps(run) == [10]
    newest, rejected = newest_valid(run)
    assert newest is not None
    assert (newest.step, rejected) == (10, [])
    chosen = choose(run, None, branch=False, thorough=True).checkpoint
    assert chosen is not None
    assert chosen.step == 10
    record = read_record(run)
    assert record is not None
    assert (record.summary.checkpoint or {})["step"] == 10
    assert trash.trashed(run) == [one]
    assert 0 < one.seconds_left <= trash.WINDOW
    assert trash.empty_trash(run) == []
    trash.bring_back(run, one)
    assert steps(run) == [10, 20]
    record = read_record(run)
    assert record is not None
    assert (record.summary.checkpoint or {})["step"] == 20
    back = newest_valid(run)[0]
    assert back is not None
    assert back.step == 20
    told = [event.event for event in read_events(run)]
    assert told == ["checkpoint_deleted", "checkpoint_restored"]


def test_after_its_window_whoever_comes_by_removes_it(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(monkeypatch)
    one = trash.move_to_trash(run, find_checkpoint(run, 20))
    assert one.path.is_dir(), "not before somebody looks"
    assert trash.empty_trash(run) == [20]
    assert trash.empty_trash(run) == []
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["step-00000010"]
    with pytest.raises(UsageError, match="gone for good"):
        trash.bring_back(run, one)


def test_a_removal_that_was_cut_short_is_finished_later(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(monkeypatch)
    one = trash.move_to_trash(run, find_checkpoint(run, 20))
    one.path.rename(one.path.with_name(f"{one.path.name}.tmp"))  # killed here
    assert steps(run) == [10]
    assert trash.trashed(run) == []
    trash.empty_trash(run)
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["step-00000010"]


def test_the_same_step_saved_again_is_not_overwritten(run: RunDirectory) -> None:
    one = trash.move_to_trash(run, find_checkpoint(run, 20))
    save(run, 20)
    with pytest.raises(UsageError, match="another checkpoint of step 20"):
        trash.bring_back(run, one)
    assert steps(run) == [10, 20]
    again = trash.move_to_trash(run, find_checkpoint(run, 20))
    assert {again.path, one.path} == {item.path for item in trash.trashed(run)}


def test_protected_ones_and_those_of_active_runs_stay(run: RunDirectory, make_run: runs.MakeRun) -> None:
    protect(run, 20)
    with pytest.raises(UsageError, match="protected"):
        trash.move_to_trash(run, find_checkpoint(run, 20))
    active = make_run("other")
    save(active, 5)
    with pytest.raises(UsageError, match="running"):
        trash.move_to_trash(active, find_checkpoint(active, 5))
    assert (steps(run), steps(active)) == ([10, 20], [5])


def test_who_reads_the_data_of_a_prepare_run_is_known(workspace: Workspace, make_run: runs.MakeRun) -> None:
    data = make_run("data", job="prepare", state="completed")
    assert readers_of_data(data, workspace) == []
    (data.artifacts / "data").mkdir(parents=True)
    reader, other = make_run("reader"), make_run("other")
    reader.profile.write_text(f"name: reader\ndata:\n  prepared: {data.run_id}\n")
    other.profile.write_text("name: other\ndata:\n  prepared: null\n")
    profile = workspace.profiles / "pretrain" / "mine.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(f'name: mine\ndata:\n  prepared: "logs/{data.run_id}/artifacts/data"  # here\n')
    assert readers_of_data(data, workspace) == [reader.run_id, "profiles/pretrain/mine.yaml"]
