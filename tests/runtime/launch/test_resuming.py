"""Resume: what it refuses, what it changes, and that only what is on disk counts."""

from __future__ import annotations

import json
import os

import pytest

from runtime.launch import operations
from runtime.launch.plan import PlanRefused
from runtime.launch.preflight import PreflightFailed
from runtime.messages import HeadnodeError, UsageError
from runtime.profile import read_frozen
from runtime.run.checkpoints import list_checkpoints
from runtime.run.events import read_events
from runtime.run.files import read_json
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from tests.runtime.launch.conftest import (
    Launch,
    await_end,
    await_state,
    events,
    flip,
    record_of,
    steps,
    until,
)


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
