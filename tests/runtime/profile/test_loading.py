"""Loading: by name and path, inheritance, overrides, and freezing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from runtime.profile import (
    Profile,
    ProfileError,
    apply_overrides,
    dump,
    find_profiles,
    load,
    loads,
    parents,
    read_frozen,
    source_of,
)
from tests.runtime.profile.samples import COMMAND, PREPARE, PRETRAIN


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


def problems(text: str, *overrides: str, workspace: Path | None = None) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        loads(text, overrides, workspace=workspace)
    return [str(problem) for problem in caught.value.problems]


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


def test_all_problems_are_reported_each_on_its_line() -> None:
    text = PRETRAIN.replace("steps: 100", "stpes: 100").replace("heads: 4", "heads: 5") + "  device: gpu\n"
    text = text.replace("learning_rate: 1.0e-3", "learning_rate: .nan").replace("layers: 2", "layers: two")
    assert problems(text) == [
        'untitled.yaml:4: model.layers: must be a whole number, not "two"',
        "untitled.yaml:18: train.stpes: there is no such key; did you mean steps?",
        "untitled.yaml:21: train.optimizer.learning_rate: .nan is not a finite number",
        'untitled.yaml:30: launch.device: must be one of auto, cpu, cuda, not "gpu"; did you mean cuda?',
    ]


def test_a_misspelt_key_does_not_hide_a_broken_rule_beside_it() -> None:
    text = PRETRAIN.replace("steps: 100", "stpes: 100").replace("batch: 8", "batch: 7")
    assert problems(text) == [
        "untitled.yaml:18: train.stpes: there is no such key; did you mean steps?",
        "untitled.yaml:19: train.batch: a batch of 7 sequences can't be divided among 2 processes",
    ]


def test_of_a_thousand_problems_twenty_are_listed() -> None:
    listed = problems(PRETRAIN + "".join(f"zz{number}: 1\n" for number in range(1000)))
    assert len(listed) == 21
    assert listed[-1] == "untitled.yaml: there are 980 more problems"


def test_overrides_are_yaml_values_laid_over_the_profile() -> None:
    profile = loads(
        PRETRAIN,
        [
            "train.tokens=1000000",
            "train.optimizer={learning_rate: 2e-3, betas: [0.8, 0.9]}",
            "train.clip=",
            "launch.processes = 4",
            "data.sources.0.path=texts",
            "launch.env.MODE=a=b",
            "description=two words",
            "evaluate.every_steps=null",
        ],
    )
    assert profile.train is not None
    assert profile.data is not None
    assert profile.data.sources is not None
    assert (profile.train.steps, profile.train.tokens, profile.train.clip) == (None, 1_000_000, None)
    assert profile.train.optimizer.learning_rate == 2e-3
    assert profile.train.optimizer.betas == (0.8, 0.9)
    assert profile.launch.processes == 4
    assert (profile.data.sources[0].path, profile.data.sources[0].builtin) == ("texts", None)
    assert profile.launch.env == {"MODE": "a=b"}
    assert profile.description == "two words"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.steps=-5", "train.steps: must be at least 1, not -5"),
        ("train.stpes=5", "train.stpes: there is no such key; did you mean steps?"),
        ("train.steps", "an override is written key=value, such as train.steps=100"),
        ("=5", "an override is written key=value, such as train.steps=100"),
        ("train..steps=5", "an override is written key=value, such as train.steps=100"),
        ("train.steps=[1", "train.steps: a list is not closed: “,” or “]” is missing"),
        (
            "train.steps=!!int 3",
            "train.steps: YAML tags (!…) are not allowed in a profile; write the plain value",
        ),
        ("launch.processes=3", "launch.processes: a batch of 8 sequences can't be divided among 3 processes"),
        ("data.sources.1.path=x", "data.sources: the list has 1 entries, counted from 0; there is no 1"),
        ("extends=other", "extends: can't be overridden; write a profile that extends another"),
        ("train=", "train: a job of kind pretrain needs this section"),
    ],
)
def test_an_error_in_an_override_names_the_override(override: str, message: str) -> None:
    assert problems(PRETRAIN, override) == [f"-o {override}: {message}"]


def test_an_error_in_an_override_shows_neither_a_secret_nor_a_control_character() -> None:
    secret = problems(PRETRAIN, "launch.env.HF_TOKEN=hf_secret")
    assert len(secret) == 1
    assert secret[0].startswith("-o launch.env.HF_TOKEN=…: launch.env.HF_TOKEN: looks like a secret")
    assert problems(PRETRAIN, "name=\x1b[31m") == [
        "-o name=\\x1b[31m: name: there is a control character (U+001B) in this line"
    ]


def test_errors_in_several_overrides_are_all_reported() -> None:
    assert len(problems(PRETRAIN, "a", "train.steps=[", "b")) == 3


@pytest.mark.parametrize("text", [PRETRAIN, PREPARE, COMMAND])
def test_a_frozen_profile_reads_back_equal(text: str, tmp_path: Path) -> None:
    profile = loads(text, ['description="a: b # 训练 🚀 \\"q\\" \\\\ null"', "launch.env.A=on"])
    path = tmp_path / "profile.yaml"
    path.write_text(dump(profile), encoding="utf-8")
    assert read_frozen(path) == profile
    assert dump(read_frozen(path)) == dump(profile)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "null",
            "~",
            "true",
            "1",
            "1e3",
            "0x1f",
            ".5",
            ".inf",
            "yes",
            "012",
            "",
            " a",
            "a ",
            "- a",
            "a: b",
            "a #b",
        ),
        *(
            "#",
            "'",
            '"',
            "\\",
            "{",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "a\nb",
            "\ta",
            "---",
            "...",
            "?",
            ": ",
            "=",
        ),
        *("<<", "a,b", "é", "🚀"),
    ],
)
def test_any_text_survives_freezing(value: str, tmp_path: Path) -> None:
    profile = loads(COMMAND)
    argv = ("echo", value)
    changed = Profile.model_validate({**profile.model_dump(by_alias=True), "command": {"argv": argv}})
    path = tmp_path / "profile.yaml"
    path.write_text(dump(changed), encoding="utf-8")
    frozen = read_frozen(path)
    assert frozen.command is not None
    assert frozen.command.argv == argv


def test_a_frozen_profile_has_everything_in_a_fixed_order() -> None:
    text = dump(loads(PRETRAIN))
    keys = [line.split(":")[0] for line in text.splitlines() if not line.startswith(" ")]
    assert keys == ["name", "description", "job", "model", "data", "train", "parallel", "checkpoint", "guard",
                    "evaluate", "launch", "plan"]  # fmt: skip
    assert "  rope_theta: 500000.0\n" in text
    assert "    import: 600.0\n" in text


def test_overrides_of_a_frozen_profile_follow_what_it_left_open() -> None:
    profile = apply_overrides(loads(PRETRAIN), ["model.heads=2", "train.epochs=2"])
    assert profile.model is not None
    assert profile.train is not None
    assert (profile.model.heads, profile.model.key_value_heads) == (2, 2)
    assert (profile.train.steps, profile.train.epochs) == (None, 2)
    with pytest.raises(ProfileError, match=r"-o model\.heads=5: model\.heads: 5 heads don't divide"):
        apply_overrides(loads(PRETRAIN), ["model.heads=5"])


def test_nothing_of_a_profile_can_be_changed() -> None:
    profile = loads(PRETRAIN)
    with pytest.raises(ValueError, match="frozen"):
        profile.train.steps = 5  # type: ignore[misc, union-attr]


def test_empty_sections_are_their_defaults_and_windows_files_are_read() -> None:
    text = PRETRAIN.replace("checkpoint:\n  every_steps: 50\n", "checkpoint:\n  # every_steps: 50\n")
    profile = loads("\ufeff" + text.replace("\n", "\r\n"))
    assert profile.checkpoint == type(profile.checkpoint)()


def test_gpus_say_how_many_processes_there_are() -> None:
    text = PRETRAIN.replace("  processes: 2\n", "  gpus: [2, 3]\n")
    assert loads(text).launch.processes == 2


def test_the_sequence_length_is_the_context_by_default() -> None:
    data = loads(PRETRAIN.replace("  sequence_length: 64\n", "")).data
    assert data is not None
    assert data.sequence_length == 128


@pytest.mark.parametrize(
    "kind", ["directory", "pipe", "socket", "device", "missing", "loop", "NUL", "too long"]
)
def test_what_is_no_file_is_named_and_never_waited_for(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("x.yaml")
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "socket":
            socket.socket(socket.AF_UNIX).bind("x.yaml")
        case "device":
            path = Path("/dev/zero")
        case "loop":
            path.symlink_to(path)
        case "NUL":
            path = Path("a\0b.yaml")
        case "too long":
            path = Path("x" * 5000 + ".yaml")
    with pytest.raises(ProfileError) as caught:
        load(path)
    line = str(caught.value)
    assert line.isprintable()
    assert {"directory": "is a directory", "pipe": "is a pipe", "socket": "is a socket", "device": "is a device",
            "missing": "no such file"}.get(kind, "can't be read") in line  # fmt: skip


def test_a_file_that_may_not_be_read_is_named() -> None:
    program = (
        "import os, sys, pathlib\n"
        "from runtime.profile import ProfileError, load\n"
        "if os.geteuid() == 0: os.setuid(65534)  # root may read everything\n"
        "try: load(pathlib.Path(sys.argv[1]))\n"
        "except ProfileError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory, "x.yaml")
        path.write_text(COMMAND)
        path.chmod(0)
        ran = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=directory,
        )
    assert ran.stdout == "x.yaml: you may not read this file\n"


def test_the_packages_face_costs_nothing_until_it_is_used() -> None:
    heavy = "{'pydantic', 'ruamel.yaml', 'torch', 'numpy', 'transformers'} & set(sys.modules)"
    program = (
        f"import sys, runtime.profile; first = {heavy}; runtime.profile.ProfileError; second = {heavy}; "
        "runtime.profile.load('demo'); runtime.profile.estimate(runtime.profile.load('demo')); "
        f"print(first, second, sorted({heavy}))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set() set() ['pydantic', 'ruamel.yaml']"
