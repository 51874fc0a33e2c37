"""Tab in a shell, and what stands behind it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tui.cli.conftest import CommandLine
from tui.cli.verbs import VERBS

ROOT = Path(__file__).parents[3]
NewRun = Callable[..., Path]


def _offered(cli: CommandLine, *words: str) -> list[str]:
    done = cli("__complete", *words)
    assert done.stderr == ""
    assert done.returncode == 0
    return [line.partition("\t")[0] for line in done.stdout.splitlines() if line]


def test_every_verb_is_offered_with_what_it_does(cli: CommandLine) -> None:
    done = cli("__complete", "")
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == list(VERBS)
    assert "stop\tsave a checkpoint, then stop" in done.stdout
    assert _offered(cli, "res") == ["resume"]
    assert "--read-only" in _offered(cli, "--")


def test_runs_are_offered_newest_first_and_found_by_any_part(cli: CommandLine, new_run: NewRun) -> None:
    older = new_run("20260101-000000-alpha-0001").name
    newer = new_run("20260102-000000-beta-0002").name
    assert _offered(cli, "show", "") == [newer, older, "last"]
    assert _offered(cli, "show", "alpha") == [older]
    assert _offered(cli, "--lang", "zh", "stop", "20260101") == [older]
    assert _offered(cli, "show", "nothing") == []


def test_checkpoints_are_offered_behind_the_at_sign(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("20260101-000000-alpha-0001")
    for step in (100, 2000):
        (run / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
    (run / "checkpoints" / "step-00003000.tmp").mkdir()
    assert _offered(cli, "branch", "last@") == ["last@2000", "last@100"]
    assert _offered(cli, "resume", "alpha@2") == ["alpha@2000"]


def test_profiles_options_and_their_values_are_offered(cli: CommandLine, workspace: Path) -> None:
    (workspace / "profiles" / "mine.yaml").write_text("job: command\n")
    (workspace / "profiles" / "two words.yaml").write_text("job: command\n")
    offered = _offered(cli, "launch", "")
    assert offered[0] == "mine"
    assert "demo" in offered
    assert "two words" not in offered
    assert {"--json", "--active"} <= set(_offered(cli, "ls", "--"))
    assert _offered(cli, "--lang", "") == ["en", "zh"]
    assert _offered(cli, "init", "") == ["!files"]
    assert _offered(cli, "launch", "./pro") == ["!files"]


def test_without_a_workspace_nothing_is_offered_and_nothing_said(cli: CommandLine, tmp_path: Path) -> None:
    cli.directory = tmp_path / "home"
    assert _offered(cli, "show", "") == []
    assert _offered(cli, "--workspace", str(tmp_path / "none"), "show", "") == []


def test_an_answer_needs_neither_the_panel_nor_the_schema() -> None:
    code = """
import sys
from tui.cli import main
main(["__complete", "show", ""]), main(["__complete", "launch", ""]), main(["__complete", ""])
heavy = {"textual", "rich", "pydantic", "ruamel", "numpy", "torch", "argparse"}
sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _in_shell(cli: CommandLine, command: list[str], tmp_path: Path) -> str:
    """What the shell prints, with a `headnode` on its PATH."""
    program = tmp_path / "bin" / "headnode"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tui.cli "$@"\n')
    program.chmod(0o755)
    environment = {**cli.environment, "PATH": f"{program.parent}:{cli.environment['PATH']}"}
    done = subprocess.run(
        command, cwd=cli.directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout


def test_bash_completes(cli: CommandLine, new_run: NewRun, tmp_path: Path) -> None:
    run = new_run("20260101-000000-alpha-0001")
    (run / "checkpoints" / "step-00000100").mkdir(parents=True)
    script = """
source <(headnode completion bash)
try() { COMP_LINE="$1"; COMP_POINT=${#1}; COMPREPLY=(); _headnode; echo "${COMPREPLY[*]}"; }
try "headnode res"
try "headnode show alp"
try "headnode resume last@"
try "headnode stop --no"
"""
    bash = shutil.which("bash")
    assert bash is not None
    assert _in_shell(cli, [bash, "-c", script], tmp_path).splitlines() == [
        "resume",
        run.name,
        "100",  # bash replaces only what stands behind the @
        "--no-save",
    ]


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(cli: CommandLine, new_run: Any, tmp_path: Path) -> None:
    run = new_run("20260101-000000-alpha-0001")
    script = 'headnode completion fish | source; complete -C "headnode show alp"; complete -C "headnode res"'
    lines = _in_shell(cli, ["fish", "--no-config", "-c", script], tmp_path).splitlines()
    assert lines[0] == run.name
    assert lines[1].startswith("resume\t")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_takes_the_script(cli: CommandLine, tmp_path: Path) -> None:
    script = (
        "autoload -Uz compinit; compinit -u -D; source <(headnode completion zsh); echo $_comps[headnode]"
    )
    assert _in_shell(cli, ["zsh", "-f", "-c", script], tmp_path) == "_headnode\n"
