"""Reading: files that are none, accidents in files, and all problems at once."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from runtime.profile import (
    ProfileError,
    load,
    loads,
)
from tests.runtime.profile.samples import COMMAND, PREPARE, PRETRAIN, problems


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


def test_no_accident_in_a_file_ends_in_anything_but_readable_errors() -> None:
    """Thousands of profiles, each with a few characters or lines changed at random."""
    chance = random.Random(0)
    strange = [
        *"[]{}:,-#&*!|>'\"%@`?~ \t\n\r.0\\",
        "<<",
        "---",
        "\x00",
        "\x1b",
        "\ufeff",
        "é",
        "null",
        "1e999",
        "0x",
    ]
    outcomes = set()
    for _ in range(1500):
        lines = chance.choice((PRETRAIN, PREPARE, COMMAND)).splitlines(keepends=True)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(lines))
            column = chance.randrange(len(lines[at]))
            match chance.randrange(4):
                case 0:
                    lines[at] = lines[at][:column] + chance.choice(strange) + lines[at][column:]
                case 1:
                    lines[at] = lines[at][:column] + chance.choice(strange) + lines[at][column + 1 :]
                case 2:
                    lines.insert(at, chance.choice(lines))
                case 3:
                    lines[at] = "  " * chance.randrange(4) + lines[at].lstrip(" ")
        try:
            loads("".join(lines))
            outcomes.add("valid")
        except ProfileError as error:
            outcomes.add("refused" if str(error).replace("\n", "").isprintable() else repr(str(error)))
    assert outcomes == {"valid", "refused"}


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
    unreadable = dict.fromkeys(("loop", "NUL", "too long"), "can't be read")
    says = {**unreadable, "missing": "no such file"}
    assert says.get(kind, f"is a {kind}") in line


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


def test_empty_sections_are_their_defaults_and_windows_files_are_read() -> None:
    text = PRETRAIN.replace("checkpoint:\n  every_steps: 50\n", "checkpoint:\n  # every_steps: 50\n")
    profile = loads("\ufeff" + text.replace("\n", "\r\n"))
    assert profile.checkpoint == type(profile.checkpoint)()


def test_the_packages_face_costs_nothing_until_it_is_used() -> None:
    heavy = "{'pydantic', 'ruamel.yaml', 'torch', 'numpy', 'transformers'} & set(sys.modules)"
    program = (
        f"import sys, runtime.profile; first = {heavy}; runtime.profile.ProfileError; second = {heavy}; "
        "runtime.profile.load('demo'); runtime.profile.estimate(runtime.profile.load('demo')); "
        f"print(first, second, sorted({heavy}))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set() set() ['pydantic', 'ruamel.yaml']"
