"""Checkpoints: complete, cut short, damaged; what is offered, and what becomes of the rest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.messages import HeadnodeError, UsageError
from runtime.run.annotations import protect
from runtime.run.checkpoints import (
    Address,
    Checkpoint,
    CheckpointInfo,
    delete_checkpoint,
    finalize,
    find_checkpoint,
    invalidate,
    list_checkpoints,
    newest_valid,
    parse_address,
    remove_partial,
    verify,
    write_complete,
)
from runtime.run.complete import COMPLETE, canonical_checksum
from runtime.run.layout import RunDirectory

FILES = {"model.safetensors": b"m" * 5000, "optim/part-0.safetensors": b"o" * 300, "random-0.json": b"{}"}


def save(run: RunDirectory, step: int, files: dict[str, bytes] = FILES, *, finish: bool = True) -> Path:
    temporary = run.checkpoints / f"step-{step:08d}.tmp"
    listed = []
    for name, content in files.items():
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        listed.append((name, len(content), hashlib.sha256(content).hexdigest()))
    info = CheckpointInfo(
        step=step,
        tokens=step * 2048,
        loss=2.5,
        world_size=2,
        strategy="ddp",
        data_fingerprint="abc",
        versions={"python": "3.11", "torch": "2.13"},
        time=time.time(),
        attempt=1,
        run_id=run.run_id,
        metrics={"eval/holdout/loss": float("nan")},
    )
    write_complete(temporary, info, listed)
    return finalize(temporary) if finish else temporary


def only(run: RunDirectory) -> Checkpoint:
    (checkpoint,) = list_checkpoints(run)
    return checkpoint


def problems(run: RunDirectory) -> str:
    result = verify(only(run))
    assert not result.ok
    return "; ".join(map(str, result.problems))


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


def test_verifying_tells_its_progress_and_is_remembered(run: RunDirectory) -> None:
    save(run, 400)
    checkpoint = only(run)
    assert checkpoint.verified is None
    seen: list[tuple[int, int]] = []
    result = verify(checkpoint, lambda done, total: seen.append((done, total)))
    assert result.ok
    assert result.bytes == 5302
    assert seen[-1] == (5302, 5302)
    assert seen == sorted(seen)
    verified = only(run).verified
    assert verified is not None
    assert abs(verified - time.time()) < 60
    assert not [path for path in run.path.rglob("*") if "verified" in path.name]


def test_the_memory_of_having_verified_goes_when_a_file_changes(run: RunDirectory) -> None:
    path = save(run, 400)
    verify(only(run))
    file = path / "model.safetensors"
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert only(run).verified is None
    assert verify(only(run)).ok
    assert only(run).verified is not None
    (path / "random-0.json").unlink()
    assert only(run).verified is None


def test_verifying_works_where_no_cache_can_be_written(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    save(run, 1)
    assert verify(only(run)).ok
    assert only(run).verified is None


@pytest.mark.parametrize("name", [*FILES, COMPLETE])
@pytest.mark.parametrize("where", [0, -2, 0.5])
def test_one_corrupted_byte_in_any_file_is_found(run: RunDirectory, name: str, where: float) -> None:
    path = save(run, 400) / name
    data = bytearray(path.read_bytes())
    position = int(where * len(data)) if isinstance(where, float) else where
    data[position] ^= 1
    path.write_bytes(data)
    result = verify(only(run))
    assert not result.ok
    assert name in str(result.problems[0])
    assert newest_valid(run)[0] is None


def test_every_kind_of_damage_is_named(run: RunDirectory) -> None:
    path = save(run, 400)
    (path / "model.safetensors").write_bytes(b"m" * 4999)
    assert "model.safetensors has 4999 bytes instead of 5000" in problems(run)
    (path / "model.safetensors").unlink()
    assert "model.safetensors is missing" in problems(run)
    (path / "elsewhere").write_bytes(b"m" * 5000)
    (path / "model.safetensors").symlink_to(path / "elsewhere")
    found = problems(run)
    assert "model.safetensors is not a regular file" in found
    assert "elsewhere doesn't belong" in found
    (path / COMPLETE).unlink()
    assert "COMPLETE.json is missing" in problems(run)
    assert only(run).state == "invalid"


def test_a_step_that_contradicts_the_directorys_name_is_not_trusted(run: RunDirectory) -> None:
    save(run, 400).rename(run.checkpoint(800))
    assert "named for step 800" in problems(run)
    checkpoint = only(run)
    assert checkpoint.state == "invalid"
    assert checkpoint.problem is not None


@pytest.mark.parametrize(
    "name", ["../run.json", "/etc/passwd", "a/../../b", "", ".", COMPLETE, "a\nb", "a\\b"]
)
def test_no_name_leads_out_of_a_checkpoint(run: RunDirectory, name: str) -> None:
    temporary = run.checkpoints / "step-00000001.tmp"
    temporary.mkdir()
    with pytest.raises(ValueError, match="inside"):
        write_complete(
            temporary, CheckpointInfo(1, 1, 1.0, 1, "single", None, {}, 0.0, 1, "x"), [(name, 1, "0" * 64)]
        )
    path = save(run, 2)
    value = json.loads((path / COMPLETE).read_text())
    value["files"][0]["name"] = name
    value["checksum"] = canonical_checksum(value)
    (path / COMPLETE).write_text(json.dumps(value))
    assert not verify(find_checkpoint(run, 2)).ok


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


def test_nothing_is_unpickled(run: RunDirectory, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    pickle = b"cposix\nsystem\n(S'touch " + os.fsencode(trap) + b"'\ntR."
    save(run, 100, {"model.safetensors": pickle, "random-0.json": pickle})
    assert verify(only(run)).ok
    assert not trap.exists()


Make = Callable[..., RunDirectory]


def test_a_copied_runs_checkpoints_are_judged_by_themselves(run: RunDirectory) -> None:
    save(run, 100)
    verify(only(run))
    copy = RunDirectory(run.path.with_name("a-copy"))
    subprocess.run(["cp", "-r", str(run.path), str(copy.path)], check=True)
    assert only(copy).verified is None
    assert verify(replace(only(run), path=copy.checkpoint(100))).ok
