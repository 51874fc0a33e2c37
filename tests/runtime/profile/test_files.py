"""What a profile names on disk is checked apart from it, and what is missing is named with its key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.profile import Profile, check_files, find_profiles, load, loads
from runtime.profile.files import MANIFEST, PREPARED_IN_RUN
from runtime.profile.find import SHIPPED, is_shipped, profile_files, shipped_directory
from tests.runtime.profile.samples import COMMAND, PREPARE, PRETRAIN


def missing(profile: Profile, workspace: Path) -> list[str | None]:
    return [problem.key for problem in check_files(profile, workspace)]


def test_sources_are_files_directories_or_globs_relative_to_the_workspace(tmp_path: Path) -> None:
    profile = loads(PREPARE)
    assert [str(problem) for problem in check_files(profile, tmp_path)] == [
        f"data.sources.0.path: there is no file or directory {tmp_path}/texts"
    ]
    (tmp_path / "texts").mkdir()
    assert "is empty" in str(check_files(profile, tmp_path)[0])
    (tmp_path / "texts" / "a.txt").write_text("a")
    assert missing(profile, tmp_path) == []
    globbed = loads(PREPARE, ["data.sources.0.path=texts/*.jsonl"])
    assert "no file matches" in str(check_files(globbed, tmp_path)[0])
    assert missing(loads(PREPARE, ["data.sources.0.path=texts/*.txt"]), tmp_path) == []
    assert missing(loads(PREPARE, [f"data.sources.0.path={tmp_path}/texts/a.txt"]), Path("/")) == []


def test_the_builtin_text_is_there() -> None:
    assert check_files(loads(PRETRAIN)) == []


def test_a_tokenizer_is_a_file_or_a_directory_with_one(tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("a")
    profile = loads(PREPARE, ["data.tokenizer={path: tok}"])
    assert missing(profile, tmp_path) == ["data.tokenizer.path"]
    (tmp_path / "tok").mkdir()
    (tmp_path / "tok" / "tokenizer.json").write_text("{}")
    assert missing(profile, tmp_path) == []
    assert missing(loads(PREPARE, ["data.tokenizer={path: tok/tokenizer.json}"]), tmp_path) == []


def test_a_tokenizer_may_be_a_vocabulary_with_its_merges(tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("a")
    (tmp_path / "tok").mkdir()
    profile = loads(PREPARE, ["data.tokenizer={path: tok}"])
    (tmp_path / "tok" / "vocab.json").write_text("{}")
    assert missing(profile, tmp_path) == ["data.tokenizer.path"]
    (tmp_path / "tok" / "merges.txt").write_text("")
    assert missing(profile, tmp_path) == []


def test_prepared_data_is_a_directory_or_a_run(tmp_path: Path) -> None:
    from runtime.data.manifest import MANIFEST as written
    from runtime.data.prepared import ARTIFACT

    assert (written, ARTIFACT) == (MANIFEST, PREPARED_IN_RUN)
    profile = loads(PRETRAIN, ["data.prepared=some-run"])
    assert missing(profile, tmp_path) == ["data.prepared"]
    place = tmp_path / "logs" / "some-run" / PREPARED_IN_RUN
    place.mkdir(parents=True)
    (place / MANIFEST).write_text("{}")
    assert missing(profile, tmp_path) == []
    assert missing(loads(PRETRAIN, ["data.prepared=logs/some-run"]), tmp_path) == []


def test_a_program_is_looked_for_as_it_will_be_started(tmp_path: Path) -> None:
    absolute = loads(COMMAND, [f"command.argv=[{sys.executable}, x]"])
    assert missing(absolute, tmp_path) == []
    assert missing(loads(COMMAND, ["command.argv=[no-such-program]"]), tmp_path) == ["command.argv.0"]
    assert missing(loads(COMMAND, ["command.directory=nowhere"]), tmp_path) == ["command.directory"]
    script = tmp_path / "train.sh"
    script.write_text("#!/bin/sh\n")
    relative = loads(COMMAND, ["command.argv=[./train.sh]"])
    assert missing(relative, tmp_path) == ["command.argv.0"]
    script.chmod(0o755)
    assert missing(relative, tmp_path) == []


def test_every_shipped_profile_is_valid_and_says_what_it_is() -> None:
    entries = find_profiles(None)
    names = {"demo", "olmo-1b", "olmo-2-1b", "gpt2-124m", "text", "script"}
    assert names <= {entry.name for entry in entries}
    for entry in entries:
        assert entry.problem is None, f"{entry.path}: {entry.problem}"
        assert entry.description
        assert entry.job == entry.path.parent.name
        assert entry.shipped


@pytest.mark.parametrize("name", ["demo", "text", "script"])
def test_shipped_profiles_of_small_jobs_need_nothing_that_is_not_there(name: str) -> None:
    assert check_files(load(name), shipped_directory().parent) == []


@pytest.mark.parametrize("name", ["olmo-1b", "olmo-2-1b", "gpt2-124m"])
def test_shipped_profiles_of_large_models_say_what_to_bring(name: str, tmp_path: Path) -> None:
    assert missing(load(name), tmp_path) == ["data.sources.0.path", "data.tokenizer.path"]


def test_profiles_that_come_with_headnode_are_told_from_those_that_people_put_beside_them(
    tmp_path: Path,
) -> None:
    directory = shipped_directory()
    there = {path.relative_to(directory).with_suffix("").as_posix() for path in profile_files(directory)}
    assert there >= SHIPPED, "what is listed as shipped is in the repository"
    assert is_shipped(directory / "pretrain" / "demo.yaml")
    assert not is_shipped(directory / "pretrain" / "demo-copy.yaml")
    link = tmp_path / "link.yaml"
    link.symlink_to(directory / "pretrain" / "demo.yaml")
    assert is_shipped(link)
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert not is_shipped(loop)


def test_every_profile_in_the_repository_is_listed_as_shipped() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "profiles"], cwd=shipped_directory().parent, capture_output=True, text=True
    )
    if listed.returncode == 0 and listed.stdout:  # not from an unpacked archive
        names = [Path(line) for line in listed.stdout.split() if line.endswith((".yaml", ".yml"))]
        assert {path.relative_to("profiles").with_suffix("").as_posix() for path in names} == SHIPPED
