"""Branching and deleting: what they refuse, what they change, and that nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.launch import operations
from runtime.messages import UsageError
from runtime.profile import read_frozen
from runtime.run.annotations import protect
from runtime.run.epochs import holder
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace
from tests.runtime.launch.conftest import await_end, events, flip, record_of, steps, until


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
