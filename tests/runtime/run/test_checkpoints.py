"""Checkpoints: complete, cut short, damaged; what is offered, and what becomes of the rest."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from runtime.messages import HeadnodeError, UsageError
from runtime.run.annotations import protect
from runtime.run.checkpoints import (
    Address,
    delete_checkpoint,
    finalize,
    find_checkpoint,
    invalidate,
    list_checkpoints,
    newest_valid,
    parse_address,
    remove_partial,
    verify,
)
from runtime.run.complete import COMPLETE, canonical_checksum
from runtime.run.layout import RunDirectory
from tests.runtime.run.saving import FILES, only, problems, save


def test_a_finished_checkpoint_is_listed_with_what_it_holds(run: RunDirectory) -> None:
    path = save(run, 400)
    checkpoint = only(run)
    assert (checkpoint.step, checkpoint.path, checkpoint.state) == (400, path, "complete")
    assert checkpoint.bytes == 5302
    assert checkpoint.complete is not None
    assert checkpoint.complete.tokens == 400 * 2048
    assert checkpoint.complete.versions == {"python": "3.11", "torch": "2.13"}
    assert [file.name for file in checkpoint.complete.files] == sorted(FILES)
    written = json.loads((path / COMPLETE).read_text())
    assert written["schema"] == 1
    assert written["metrics"] == {"eval/holdout/loss": "nan"}
    assert written["checksum"] == canonical_checksum(written)
    assert path == run.checkpoint(400)


def test_a_newer_format_is_foreign_and_stays_as_it_is(run: RunDirectory) -> None:
    path = save(run, 400)
    (path / COMPLETE).write_text('{"schema": 2}')
    checkpoint = only(run)
    assert checkpoint.state == "foreign"
    assert "newer version" in problems(run)
    with pytest.raises(HeadnodeError, match="newer version"):
        invalidate(checkpoint)
    assert newest_valid(run)[0] is None
    assert path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"schema": 1}', b'{"schema": 1, "step": 1, "files": [3]}']
)
def test_a_damaged_complete_file_is_invalid(run: RunDirectory, content: bytes) -> None:
    path = save(run, 400)
    (path / COMPLETE).write_bytes(content)
    assert only(run).state == "invalid"
    value = json.loads(content) if content[:1] == b"{" and len(content) > 1 else None
    if value is not None:
        value["checksum"] = canonical_checksum(value)
        (path / COMPLETE).write_text(json.dumps(value))
        assert "lacks a field" in problems(run)


def test_the_newest_that_holds_is_chosen_and_the_rejected_are_named(run: RunDirectory) -> None:
    for step in (100, 200, 300, 400):
        save(run, step)
    save(run, 500, finish=False)
    (run.checkpoint(400) / "model.safetensors").write_bytes(b"x" * 5000)
    (run.checkpoint(300) / COMPLETE).unlink()
    chosen, rejected = newest_valid(run)
    assert chosen is not None
    assert chosen.step == 200
    assert [each.checkpoint.step for each in rejected] == [400, 300]
    assert "model.safetensors" in str(rejected[0].problems[0])
    earlier, _ = newest_valid(run, before=200)
    assert earlier is not None
    assert earlier.step == 100
    assert newest_valid(run, before=100) == (None, [])
    assert {checkpoint.step: checkpoint.state for checkpoint in list_checkpoints(run)} == {
        100: "complete",
        200: "complete",
        300: "invalid",
        400: "complete",
        500: "partial",
    }


def test_what_failed_is_set_aside_with_its_reasons_and_never_offered(run: RunDirectory) -> None:
    save(run, 100)
    for _ in range(2):
        save(run, 200, {"model.safetensors": b"x"})
        (run.checkpoint(200) / "model.safetensors").write_bytes(b"y")
        _, rejected = newest_valid(run)
        invalidate(rejected[0].checkpoint, rejected[0].problems)
    names = [checkpoint.name for checkpoint in list_checkpoints(run)]
    assert names == ["step-00000100", "invalid-step-00000200", "invalid-step-00000200-2"]
    aside = list_checkpoints(run)[1]
    assert (aside.step, aside.state) == (200, "invalid")
    assert "model.safetensors" in str(aside.problem)
    reason = json.loads((aside.path / "INVALID.json").read_text())
    assert reason["was"] == "step-00000200"
    chosen, rejected = newest_valid(run)
    assert chosen is not None
    assert (chosen.step, rejected) == (100, [])


def test_a_name_that_is_taken_and_an_unfinished_one_are_refused(run: RunDirectory) -> None:
    save(run, 100)
    temporary = save(run, 100, finish=False)
    with pytest.raises(FileExistsError):
        finalize(temporary)
    (temporary / COMPLETE).unlink()
    with pytest.raises(ValueError, match="not finished"):
        finalize(temporary, run.checkpoint(101))


def test_protected_checkpoints_stay_and_others_go(run: RunDirectory) -> None:
    for step in (100, 200):
        save(run, step)
    protect(run, 100)
    protected, other = list_checkpoints(run)
    assert (protected.protected, other.protected) == (True, False)
    with pytest.raises(HeadnodeError, match="protected"):
        delete_checkpoint(protected)
    protect(run, 200)  # after it was listed
    with pytest.raises(HeadnodeError, match="protected"):
        delete_checkpoint(other)
    protect(run, 200, on=False)
    (run.checkpoints / "step-00000200.tmp").mkdir()  # left by a save that was cut short
    delete_checkpoint(other)
    assert only(run).step == 100


def test_what_was_cut_short_is_cleared_away(run: RunDirectory) -> None:
    save(run, 100)
    save(run, 200, finish=False)
    assert remove_partial(run) == [200]
    assert only(run).step == 100


def test_other_things_in_the_directory_are_no_checkpoints(run: RunDirectory) -> None:
    for name in ("step-1", "step-0000000x", "notes", ".step-00000001", "step-00000001.old"):
        (run.checkpoints / name).mkdir()
    (run.checkpoints / "step-00000003").write_text("a file")
    assert [checkpoint.state for checkpoint in list_checkpoints(run)] == ["invalid"]
    run.checkpoints.rename(run.path / "moved")
    assert list_checkpoints(run) == []


def test_a_checkpoint_is_found_by_its_step_or_the_steps_there_are_are_named(run: RunDirectory) -> None:
    with pytest.raises(UsageError, match="no complete checkpoint"):
        find_checkpoint(run, 1)
    save(run, 100)
    save(run, 200)
    assert find_checkpoint(run, 100).step == 100
    with pytest.raises(UsageError, match="100, 200"):
        find_checkpoint(run, 150)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("last", Address("last", None)),
        ("last@400", Address("last", 400)),
        (" demo-1f00@140,000 ", Address("demo-1f00", 140_000)),
        ("demo@140_000", Address("demo", 140_000)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "@", "@400", "demo@", "demo@x", "demo@-1", "demo@1.5", "demo@٤"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="RUN@STEP"):
        parse_address(text)


SAVER = """
import hashlib, sys, time
from dataclasses import replace
from pathlib import Path
from runtime.run.checkpoints import CheckpointInfo, finalize, write_complete
checkpoints = Path(sys.argv[1])
info = CheckpointInfo(0, 0, 1.0, 1, "single", None, {}, 0.0, 1, "run")
step = int(sys.argv[2])
print("ready", flush=True)
while True:
    step += 1
    temporary = checkpoints / f"step-{step:08d}.tmp"
    temporary.mkdir()
    files = []
    for name in ("model", "optim"):
        content = name.encode() * 20000
        (temporary / name).write_bytes(content)
        files.append((name, len(content), hashlib.sha256(content).hexdigest()))
    write_complete(temporary, replace(info, step=step), files)
    finalize(temporary)
"""


def test_a_save_killed_at_any_moment_leaves_nothing_that_is_offered_and_fails(run: RunDirectory) -> None:
    for number in range(8):
        highest = max((checkpoint.step for checkpoint in list_checkpoints(run)), default=0)
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(run.checkpoints), str(highest)], stdout=subprocess.PIPE
        )
        assert saver.stdout is not None
        saver.stdout.readline()
        time.sleep(0.02 + 0.0031 * number)
        saver.kill()
        saver.communicate()
        for checkpoint in list_checkpoints(run):
            assert checkpoint.state in ("complete", "partial")
            assert checkpoint.state == "partial" or verify(checkpoint).ok
        _, rejected = newest_valid(run)
        assert rejected == []
        remove_partial(run)
    assert list_checkpoints(run)


def test_a_deletion_cut_short_leaves_nothing_that_is_offered(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(run, 100)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        delete_checkpoint(only(run))
    assert only(run).state == "partial"
    assert newest_valid(run) == (None, [])
