"""Loading: by name and path, inheritance, and defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.profile import (
    ProfileError,
    find_profiles,
    load,
    loads,
    parents,
    source_of,
)
from tests.runtime.profile.samples import COMMAND, PRETRAIN


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for group in ("pretrain", "command"):
        (tmp_path / "profiles" / group).mkdir(parents=True)
    (tmp_path / "profiles" / "pretrain" / "base.yaml").write_text(PRETRAIN)
    return tmp_path


def write(workspace: Path, name: str, text: str) -> Path:
    path = workspace / "profiles" / name
    path.write_text(text)
    return path


def test_a_profile_is_found_by_name_by_group_and_name_and_by_path(workspace: Path) -> None:
    by_path = load(workspace / "profiles" / "pretrain" / "base.yaml")
    assert by_path.name == "base"
    for reference in (
        "base",
        "pretrain/base",
        "profiles/pretrain/base.yaml",
        "./profiles/pretrain/base.yaml",
    ):
        assert load(reference, workspace=workspace) == by_path


def test_a_profile_of_the_workspace_stands_in_for_a_shipped_one(workspace: Path) -> None:
    assert load("demo", workspace=workspace).model is not None
    write(workspace, "pretrain/demo.yaml", COMMAND)
    assert load("demo", workspace=workspace).job == "command"
    listed = {entry.name: entry for entry in find_profiles(workspace)}
    assert not listed["demo"].shipped
    assert listed["olmo-1b"].shipped


def test_a_name_in_two_groups_must_be_said_with_its_group(workspace: Path) -> None:
    write(workspace, "command/base.yaml", COMMAND)
    with pytest.raises(ProfileError, match="several profiles: command/base, pretrain/base"):
        load("base", workspace=workspace)
    assert load("command/base", workspace=workspace).job == "command"


def test_an_unknown_name_is_answered_with_the_nearest(workspace: Path) -> None:
    with pytest.raises(ProfileError, match=r"no profile called bsae; did you mean base\?"):
        load("bsae", workspace=workspace)


def test_a_broken_profile_is_listed_with_its_problem(workspace: Path) -> None:
    write(workspace, "command/broken.yaml", "job: command\n")
    (workspace / "profiles" / "command" / "notes.txt").write_text("no profile")
    (workspace / "profiles" / "command" / ".hidden.yaml").write_text(COMMAND)
    entries = {entry.name: entry for entry in find_profiles(workspace)}
    assert "needs this section" in str(entries["broken"].problem)
    assert entries["base"].problem is None
    assert source_of(entries["base"]) == PRETRAIN
    assert not {"notes", ".hidden"} & entries.keys()


def test_a_child_lays_its_keys_over_its_parents(workspace: Path) -> None:
    child = write(
        workspace,
        "pretrain/child.yaml",
        "extends: base\ndescription: mine\ntrain:\n  batch: 16\n  optimizer: {weight_decay: 0.0}\n",
    )
    profile = load(child, workspace=workspace)
    base = load("base", workspace=workspace)
    assert profile.train is not None
    assert base.train is not None
    assert profile.name == "child"
    assert profile.train.batch == 16
    assert profile.train.optimizer.weight_decay == 0.0
    assert profile.train.optimizer.learning_rate == base.train.optimizer.learning_rate == 1e-3
    assert (profile.model, profile.data) == (base.model, base.data)
    assert [path.name for path in parents(child, workspace=workspace)] == ["child.yaml", "base.yaml"]


def test_of_several_parents_the_later_wins_and_name_and_description_are_not_inherited(
    workspace: Path,
) -> None:
    write(workspace, "one.yaml", "name: one\ndescription: first\ntrain: {seed: 1, z_loss: 0.1}\n")
    write(workspace, "two.yaml", "train: {seed: 2}\n")
    child = write(workspace, "child.yaml", "extends: [base, ./one.yaml, two]\n")
    profile = load(child, workspace=workspace)
    assert profile.train is not None
    assert (profile.name, profile.description) == ("child", "")
    assert (profile.train.seed, profile.train.z_loss, profile.train.batch) == (2, 0.1, 8)


def test_a_child_may_say_in_other_words_what_its_parent_said(workspace: Path) -> None:
    child = write(
        workspace,
        "child.yaml",
        "extends: base\ntrain: {tokens: 1000000, batch_tokens: 1024}\ndata: {prepared: old-run}\n",
    )
    profile = load(child, workspace=workspace)
    assert profile.train is not None
    assert profile.data is not None
    assert (profile.train.steps, profile.train.tokens, profile.train.batch) == (None, 1_000_000, None)
    assert (profile.data.sources, profile.data.tokenizer) == (None, None)


def test_an_error_points_to_the_file_and_line_where_the_value_was_written(workspace: Path) -> None:
    write(workspace, "pretrain/base.yaml", PRETRAIN.replace("heads: 4", "heads: 5"))
    child = write(workspace, "child.yaml", "extends: base\n\ntrain:\n  steps: -1\n")
    with pytest.raises(ProfileError) as caught:
        load(child, workspace=workspace)
    assert [(problem.file, problem.line, problem.key) for problem in caught.value.problems] == [
        ("profiles/child.yaml", 4, "train.steps"),
        ("profiles/pretrain/base.yaml", 6, "model.heads"),
    ]


def test_a_circle_of_parents_is_named_with_the_line_that_closes_it(workspace: Path) -> None:
    write(workspace, "a.yaml", "job: command\nextends: ./b.yaml\n")
    write(workspace, "b.yaml", "extends: ./c.yaml\n")
    write(workspace, "c.yaml", "\n\nextends: [./a.yaml]\n")
    with pytest.raises(ProfileError) as caught:
        load(workspace / "profiles" / "a.yaml", workspace=workspace)
    assert str(caught.value).startswith("profiles/c.yaml:3: extends: ")
    assert "a.yaml → b.yaml → c.yaml → a.yaml" in str(caught.value)


def test_a_diamond_of_parents_is_no_circle(workspace: Path) -> None:
    write(workspace, "left.yaml", "extends: base\ntrain: {seed: 1}\n")
    write(workspace, "right.yaml", "extends: base\nmodel: {layers: 3}\n")
    child = write(workspace, "child.yaml", "extends: [left, right]\n")
    profile = load(child, workspace=workspace)
    assert profile.model is not None
    assert profile.model.layers == 3


def test_a_profile_may_extend_one_of_its_own_name_elsewhere(workspace: Path) -> None:
    own = write(workspace, "pretrain/demo.yaml", "extends: demo\ntrain: {seed: 7}\n")
    profile = load(own, workspace=workspace)
    assert profile.train is not None
    assert profile.train.seed == 7
    assert profile.model == load("demo").model


def test_an_endless_chain_of_parents_is_refused(workspace: Path) -> None:
    for number in range(40):
        write(workspace, f"p{number}.yaml", f"extends: ./p{number + 1}.yaml\n")
    write(workspace, "p40.yaml", COMMAND)
    with pytest.raises(ProfileError, match="more than 16 profiles extend one another"):
        load(workspace / "profiles" / "p0.yaml", workspace=workspace)


def test_gpus_say_how_many_processes_there_are() -> None:
    text = PRETRAIN.replace("  processes: 2\n", "  gpus: [2, 3]\n")
    assert loads(text).launch.processes == 2


def test_the_sequence_length_is_the_context_by_default() -> None:
    data = loads(PRETRAIN.replace("  sequence_length: 64\n", "")).data
    assert data is not None
    assert data.sequence_length == 128
