"""Resume, branch, delete: what they refuse, what they change, and that only what is on disk counts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runtime.launch import operations
from runtime.launch.plan import PlanRefused
from runtime.launch.preflight import PreflightFailed
from runtime.messages import HeadnodeError, UsageError
from runtime.profile import read_frozen
from runtime.run.annotations import protect
from runtime.run.checkpoints import list_checkpoints
from runtime.run.epochs import holder
from runtime.run.events import read_events
from runtime.run.files import read_json
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.workspace import Workspace
from tests.runtime.launch.conftest import Launch, await_end, await_state, events, until


@pytest.fixture
def stopped(launch_worker: Launch) -> RunDirectory:
    """A run of 60 steps that was stopped with checkpoints at hand; the last one was asked for by the stop."""
    run = launch_worker(steps=60)
    until(lambda: len([item for item in list_checkpoints(run) if item.state == "complete"]) >= 2)
    operations.stop(run)
    assert await_end(run).state == "stopped"
    return run


def flip(path: Path) -> None:
    """Damages one byte in the middle of a file, without changing its size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def steps(run: RunDirectory) -> list[int]:
    return [item.step for item in list_checkpoints(run) if item.state == "complete"]


def record_of(run: RunDirectory) -> object:
    record = read_record(run)
    assert record is not None
    return record


def test_a_resume_goes_on_from_the_newest_checkpoint_to_the_end(stopped: RunDirectory) -> None:
    newest = steps(stopped)[-1]
    assert operations.resume(stopped, by="test") == stopped
    record = await_end(stopped)
    assert (record.state, record.attempt, record.restarts) == ("completed", 2, 0)
    assert (record.resume or {})["step"] == newest
    assert f"from step {newest}\n" in stopped.attempt(2).log(0).read_text()
    assert record.summary.step == 60
    command = read_json(stopped.attempt(2).command)
    assert command is not None
    assert command["resume"] == {"step": newest, "checkpoint": f"step-{newest:08d}"}
    resumed = next(event for event in read_events(stopped) if event.event == "resumed")
    assert (resumed.attempt, resumed.detail["by"]) == (2, "test")


def test_a_plan_says_what_is_the_same(stopped: RunDirectory) -> None:
    plan = operations.resume_plan(stopped)
    assert plan.step == steps(stopped)[-1]
    assert plan.world_size == 1
    assert plan.rejected == ()
    assert [row.key for row in plan.rows if not row.same] == []
    shown = {row.key for row in plan.rows}
    assert {
        "step",
        "tokens",
        "learning_rate",
        "data.fingerprint",
        "data.tokenizer",
        "train.seed",
        "train.precision",
        "launch.processes",
        "threads",
    } <= shown
    assert {"train.micro_batch", "train.optimizer.learning_rate", "train.steps", "versions.python"} <= shown
    assert {"parallel.strategy"} <= shown


@pytest.mark.parametrize(
    ("override", "key", "severity"),
    [
        ("train.steps=90", "train.steps", "note"),
        ("train.steps=1", "train.steps", "refuse"),
        ("train.seed=5", "train.seed", "acknowledge"),
        ("train.batch=8", "train.batch", "acknowledge"),
        ("data.sequence_length=16", "data.sequence_length", "acknowledge"),
        ("train.micro_batch=2", "train.micro_batch", "note"),
        ("train.optimizer.learning_rate=1e-5", "train.optimizer.learning_rate", "note"),
        ("train.schedule.minimum_ratio=0.5", "train.schedule.minimum_ratio", "note"),
        ("launch.processes=2", "launch.processes", "note"),
        ("train.threads=2", "threads", "note"),
        ("model.layers=2", "model.layers", "refuse"),
        ("model.dropout=0.1", "model.dropout", "note"),
        ("data.tokenizer.train.vocabulary_size=301", "data.tokenizer", "refuse"),
    ],
)
def test_a_plan_tells_what_an_override_changes(
    stopped: RunDirectory, override: str, key: str, severity: str
) -> None:
    changed = {row.key: row for row in operations.resume_plan(stopped, None, [override]).rows if not row.same}
    assert changed[key].severity == severity
    assert changed[key].message is not None
    assert key == "launch.processes" or set(changed) - {
        "train.micro_batch",
        "train.batch",
        "learning_rate",
    } <= {key}


def edit_complete(run: RunDirectory, **fields: object) -> None:
    """Rewrites the newest COMPLETE.json with a valid checksum, as another machine would have written it."""
    from runtime.run.complete import canonical_checksum

    path = list_checkpoints(run)[-1].path / "COMPLETE.json"
    value = json.loads(path.read_text()) | fields
    value["checksum"] = canonical_checksum(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"versions": {"python": "3.8.1"}}, "versions.python"),
        ({"versions": {"torch": "1.0"}}, "versions.torch"),
        ({"data_fingerprint": "e" * 64}, "data.fingerprint"),
    ],
)
def test_what_changed_behind_ones_back_has_to_be_acknowledged(
    stopped: RunDirectory, fields: dict[str, object], key: str
) -> None:
    edit_complete(stopped, **fields)
    with pytest.raises(PlanRefused, match=key) as refused:
        operations.resume(stopped)
    assert [row.key for row in refused.value.rows] == [key]
    assert record_of(stopped).state == "stopped"  # type: ignore[attr-defined]
    operations.resume(stopped, acknowledge=[key])
    assert await_end(stopped).state == "completed"
    resumed = next(event for event in read_events(stopped) if event.event == "resumed")
    assert resumed.detail["acknowledged"] == [key]


def test_other_threads_by_another_machine_have_to_be_acknowledged(stopped: RunDirectory) -> None:
    path = stopped.attempt(1).command
    path.write_text(json.dumps(json.loads(path.read_text()) | {"threads": 64}))
    with pytest.raises(PlanRefused, match="threads"):
        operations.resume(stopped)


def test_a_damaged_checkpoint_is_passed_over_and_told_where_none_was_named(stopped: RunDirectory) -> None:
    *_, before, newest = steps(stopped)
    flip(stopped.checkpoint(newest) / "model.safetensors")
    plan = operations.resume_plan(stopped)
    assert (plan.step, [item.checkpoint.step for item in plan.rejected]) == (before, [newest])
    operations.resume(stopped)
    record = await_end(stopped)
    assert ((record.resume or {})["step"], record.state) == (before, "completed")
    told = next(event for event in read_events(stopped) if event.event == "checkpoint_invalid")
    assert (told.detail["step"], told.detail["renamed"]) == (newest, f"invalid-step-{newest:08d}")
    assert (stopped.checkpoints / f"invalid-step-{newest:08d}").is_dir()


@pytest.mark.parametrize("damage", ["byte", "truncated", "missing", "record"])
def test_a_named_checkpoint_that_is_damaged_is_refused_and_nothing_is_changed(
    stopped: RunDirectory, damage: str
) -> None:
    newest = steps(stopped)[-1]
    path = stopped.checkpoint(newest) / "model.safetensors"
    if damage == "byte":
        flip(path)
    elif damage == "truncated":
        os.truncate(path, 10)
    elif damage == "missing":
        path.unlink()
    else:
        flip(path.with_name("COMPLETE.json"))
    before = stopped.record.read_bytes(), events(stopped)
    with pytest.raises(UsageError, match="damaged"):
        operations.resume(stopped, newest)
    assert (stopped.record.read_bytes(), events(stopped)) == before
    assert not stopped.attempt(2).path.exists()


def test_without_any_whole_checkpoint_there_is_nothing_to_resume(stopped: RunDirectory) -> None:
    for step in steps(stopped):
        flip(stopped.checkpoint(step) / "model.safetensors")
    with pytest.raises(UsageError, match="no checkpoint that is whole"):
        operations.resume(stopped)


def test_a_resume_from_an_older_checkpoint_is_refused_in_favour_of_a_branch(stopped: RunDirectory) -> None:
    older, *_ = steps(stopped)
    with pytest.raises(UsageError, match="branch"):
        operations.resume(stopped, older)


def test_a_verified_mark_does_not_spare_the_resume_its_reading(stopped: RunDirectory) -> None:
    operations.resume_plan(stopped)  # remembers that it is whole
    newest = steps(stopped)[-1]
    path = stopped.checkpoint(newest) / "model.safetensors"
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a disk damages: no time stamp tells
    operations.resume(stopped)
    assert (await_end(stopped).resume or {})["step"] < newest


def test_a_completed_run_is_resumed_only_for_more_steps(launch_worker: Launch) -> None:
    run = launch_worker(steps=20)
    assert await_end(run).state == "completed"
    with pytest.raises(PlanRefused, match=r"train\.steps"):
        operations.resume(run)
    operations.resume(run, None, ["train.steps=30"])
    record = await_end(run)
    assert (record.state, record.summary.step, record.summary.total_steps) == ("completed", 30, 30)
    assert read_frozen(run.profile).train.steps == 20  # type: ignore[union-attr]
    assert read_frozen(run.attempt(2).profile).train.steps == 30  # type: ignore[union-attr]


def test_an_active_run_is_not_resumed_nor_deleted(launch: Launch) -> None:
    run = launch("sleep", "60")
    await_state(run, "running")
    with pytest.raises(UsageError, match="running"):
        operations.resume(run)
    with pytest.raises(UsageError, match="running"):
        operations.remove_run(run)
    with pytest.raises(UsageError, match="running"):
        operations.remove_checkpoint(run, 5)
    assert run.path.exists()


def test_a_program_is_resumed_by_starting_it_again(launch: Launch) -> None:
    run = launch("sh", "-c", "test $HEADNODE_ATTEMPT = 2")
    assert await_end(run).state == "failed"
    plan = operations.resume_plan(run)
    assert (plan.step, plan.checkpoint) == (0, None)
    operations.resume(run)
    assert (await_end(run).state, record_of(run).attempt) == ("completed", 2)  # type: ignore[attr-defined]
    with pytest.raises(PlanRefused, match="finished"):
        operations.resume(run)


def test_two_who_resume_at_once_make_one_attempt(stopped: RunDirectory) -> None:
    import threading

    failures: list[HeadnodeError] = []

    def resume() -> None:
        try:
            operations.resume(stopped)
        except HeadnodeError as error:
            failures.append(error)

    threads = [threading.Thread(target=resume) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 2
    record = await_end(stopped)
    assert (record.state, record.attempt) == ("completed", 2)
    assert events(stopped).count("resumed") == 1


# Branches


def stamps(run: RunDirectory) -> dict[Path, int]:
    """When each file was changed last; but for what a supervisor that is just leaving still writes."""
    files = [path for path in run.path.rglob("*") if path.is_file() and "supervisor" not in path.name]
    return {path: path.stat().st_mtime_ns for path in files}


def test_a_branch_is_a_new_run_with_its_parent_named_and_the_old_one_untouched(stopped: RunDirectory) -> None:
    older, *_ = steps(stopped)
    before = stamps(stopped)
    new = operations.branch(stopped, older, ["train.optimizer.learning_rate=1e-5"])
    record = await_end(new)
    assert new != stopped
    assert (record.state, record.parent, (record.resume or {})["step"]) == (
        "completed",
        {"run_id": stopped.run_id, "step": older, "kind": "branch"},
        older,
    )
    assert f"from step {older}\n" in new.attempt(1).log(0).read_text()
    assert stamps(stopped) == before
    assert read_frozen(new.profile).train.optimizer.learning_rate == 1e-5  # type: ignore[union-attr]
    own, theirs = (run.checkpoint(older) / "model.safetensors" for run in (new, stopped))
    assert own.stat().st_ino == theirs.stat().st_ino
    assert (new.artifacts / "data" / "manifest.json").is_file()
    assert "branched" in events(new)


def test_a_branch_can_be_resumed_from_what_it_brought_along(stopped: RunDirectory) -> None:
    older, *_ = steps(stopped)
    new = operations.branch(stopped, older, ["launch.env.FAULT=1:crash@" + str(older + 1)])
    assert await_end(new).state == "failed"
    assert steps(new) == [older]
    operations.resume(new)
    assert await_end(new).state == "completed"


def test_a_branch_from_a_damaged_checkpoint_leaves_nothing_behind(
    stopped: RunDirectory, workspace: Workspace
) -> None:
    older, *_ = steps(stopped)
    operations.resume_plan(stopped, older, branch=True)
    path = stopped.checkpoint(older) / "model.safetensors"
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(UsageError, match="damaged"):
        operations.branch(stopped, older)
    assert [path.name for path in workspace.logs.iterdir() if path.is_dir()] == [stopped.run_id]


def test_a_branch_copies_where_links_are_impossible(
    stopped: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "cross-device link")

    from runtime.launch import linking

    monkeypatch.setattr(linking.os, "link", refuse)
    older, *_ = steps(stopped)
    target = stopped.path.parent / "copy"
    linking.link_tree(stopped.checkpoint(older), target)
    own, theirs = target / "model.safetensors", stopped.checkpoint(older) / "model.safetensors"
    assert own.read_bytes() == theirs.read_bytes()
    assert own.stat().st_ino != theirs.stat().st_ino


# Deleting


def test_deleting_a_run_and_its_branch_keeps_what_it_brought_along(stopped: RunDirectory) -> None:
    older, *_ = steps(stopped)
    new = operations.branch(stopped, older)
    await_end(new)
    operations.remove_run(stopped)
    assert not stopped.path.exists()
    assert older in steps(new)
    assert operations.resume_plan(new, None, ["train.steps=70"]).step == 60


def test_what_is_protected_is_not_deleted(stopped: RunDirectory) -> None:
    older, *_ = steps(stopped)
    protect(stopped, older)
    with pytest.raises(UsageError, match="protected"):
        operations.remove_checkpoint(stopped, older)
    with pytest.raises(UsageError, match="protected"):
        operations.remove_run(stopped)
    protect(stopped, older, on=False)
    operations.remove_checkpoint(stopped, older)
    assert older not in steps(stopped)
    assert "checkpoint_deleted" in events(stopped)
    held = holder(stopped)
    assert held is not None
    assert held.released


def test_deleting_the_newest_checkpoint_changes_the_summary(stopped: RunDirectory) -> None:
    *_, before, newest = steps(stopped)
    operations.remove_checkpoint(stopped, newest)
    assert record_of(stopped).summary.checkpoint["step"] == before  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="no checkpoint"):
        operations.remove_checkpoint(stopped, newest)


def test_a_moved_copy_is_read_only(stopped: RunDirectory, workspace: Workspace) -> None:
    import shutil

    until(lambda: (found := holder(stopped)) is not None and found.released)  # no temporary file passes by
    copy = RunDirectory(workspace.logs / "a-copy")
    shutil.copytree(stopped.path, copy.path)
    with pytest.raises(UsageError, match="read-only"):
        operations.resume(copy)
    operations.remove_run(copy)
    assert not copy.path.exists()
    assert stopped.path.exists()


def test_a_restart_passes_over_a_damaged_checkpoint(launch_worker: Launch) -> None:
    run = launch_worker(steps=40, env={"FAULT": "1:crash@23 "}, max_restarts=1, restart_delay=1.0)
    until(lambda: 20 in steps(run))
    flip(run.checkpoint(20) / "model.safetensors")
    record = await_end(run)
    assert (record.state, record.attempt) == ("completed", 2)
    restart = next(event for event in read_events(run) if event.event == "restart")
    assert restart.detail["resume"]["step"] == 15
    assert "checkpoint_invalid" in events(run)


def test_resume_checks_the_machine_again(stopped: RunDirectory) -> None:
    with pytest.raises(PreflightFailed, match="GPU"):
        operations.resume(stopped, None, ["launch.device=cuda"])
    assert not stopped.attempt(2).path.exists()


def test_progress_counts_towards_the_new_end_from_the_start(launch_worker: Launch) -> None:
    run = launch_worker(steps=3)
    assert await_end(run).state == "completed"
    operations.resume(run, overrides=["train.steps=400"], by="test")
    record = read_record(run)
    assert record is not None
    assert record.summary.progress is not None
    assert record.summary.progress < 0.5
    operations.stop(run)
    await_end(run)


def test_the_plan_shows_the_last_and_the_next_learning_rate(stopped: RunDirectory) -> None:
    plan = operations.resume_plan(stopped, None, ["train.optimizer.learning_rate=1e-5"])
    (row,) = [row for row in plan.rows if row.key == "learning_rate"]
    last, following = str(row.now).split(" → ")
    assert str(row.then).startswith(f"{last} → ")
    assert float(following) < float(last)
    assert (row.same, row.severity) == (False, "note")


def test_a_name_stands_for_all_rows_below_it(stopped: RunDirectory) -> None:
    from runtime.launch.plan import accepts

    assert accepts(["versions"], "versions.torch")
    assert accepts(["versions.torch"], "versions.torch")
    assert not accepts(["version", "versions.t", ""], "versions.torch")
    plan = operations.resume_plan(stopped, None, ["train.seed=5", "data.holdout=0.1"])
    assert {row.key for row in plan.unacknowledged(["data"])} == {"train.seed"}
    with pytest.raises(PlanRefused):
        operations.resume(stopped, None, ["train.seed=5"], acknowledge=["data"])


def test_a_plan_says_what_it_believed_and_a_resume_reads_every_byte(stopped: RunDirectory) -> None:
    read: list[tuple[int, int, int]] = []
    first = operations.resume_plan(stopped, progress=lambda *facts: read.append(facts))
    assert first.trusted is None
    assert read[-1] == (first.step, read[-1][2], read[-1][2])
    second = operations.resume_plan(stopped)
    assert second.trusted is not None
    read.clear()
    operations.resume(stopped, by="test", progress=lambda *facts: read.append(facts))
    assert read[-1][1] == read[-1][2] > 0
    await_end(stopped)


def test_a_run_ended_before_its_first_checkpoint_begins_again_at_step_0(launch_worker: Launch) -> None:
    run = launch_worker(steps=10_000, env={"CHECKPOINT_EVERY": "100000"})
    await_state(run, "running")
    operations.stop(run, kill=True)
    assert await_end(run).state == "stopped"
    assert list_checkpoints(run) == []
    plan = operations.resume_plan(run)
    (row,) = [row for row in plan.rows if row.key == "step"]
    assert (plan.step, plan.checkpoint, row.now, row.severity) == (0, None, 0, "note")
    assert "begins again at step 0" in str(row.message)
    operations.resume(run, by="test")
    await_state(run, "running")
    record = read_record(run)
    assert record is not None
    assert (record.attempt, record.resume) == (2, None)
    operations.stop(run, kill=True)
    await_end(run)
    assert (read_json(run.attempt(2).command) or {})["resume"] is None


def test_a_run_whose_checkpoints_were_deleted_begins_again_only_if_that_is_meant(
    stopped: RunDirectory,
) -> None:
    for step in steps(stopped):
        operations.remove_checkpoint(stopped, step)
    with pytest.raises(PlanRefused, match="trained anew"):
        operations.resume(stopped, by="test")
    operations.resume(stopped, acknowledge=["step"], by="test")
    assert await_end(stopped).state == "completed"
