"""Verifying: every byte counts, and a good result is remembered as long as nothing changes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.run.checkpoints import (
    CheckpointInfo,
    find_checkpoint,
    newest_valid,
    verify,
    write_complete,
)
from runtime.run.complete import COMPLETE, canonical_checksum
from runtime.run.layout import RunDirectory
from tests.runtime.run.saving import FILES, only, problems, save


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


def test_nothing_is_unpickled(run: RunDirectory, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    pickle = b"cposix\nsystem\n(S'touch " + os.fsencode(trap) + b"'\ntR."
    save(run, 100, {"model.safetensors": pickle, "random-0.json": pickle})
    assert verify(only(run)).ok
    assert not trap.exists()


def test_a_copied_runs_checkpoints_are_judged_by_themselves(run: RunDirectory) -> None:
    save(run, 100)
    verify(only(run))
    copy = RunDirectory(run.path.with_name("a-copy"))
    subprocess.run(["cp", "-r", str(run.path), str(copy.path)], check=True)
    assert only(copy).verified is None
    assert verify(replace(only(run), path=copy.checkpoint(100))).ok
