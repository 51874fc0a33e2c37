"""Mistakes, streams and languages: one readable line, the right exit code, and never a traceback."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from tui.cli.verbs import VERBS

from .conftest import CommandLine
from .runs import add_checkpoint, add_log
from .terminal import Terminal, plain

NewRun = Callable[..., Path]
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_teaches(cli: CommandLine, verb: str) -> None:
    done = cli(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: headnode {verb}")
    assert f"  headnode {verb}" in done.stdout.split("Examples:")[1]
    assert max(cell_len(line) for line in done.stdout.splitlines()) <= 100


def test_help_and_mistakes_speak_chinese(cli: CommandLine) -> None:
    done = cli("launch", "--help", "--lang", "zh")
    assert done.stdout.startswith("用法：headnode launch [-o")
    assert "示例" in done.stdout
    assert max(cell_len(line) for line in done.stdout.splitlines()) <= 100
    wrong = cli("launch", "--lang", "zh")
    assert wrong.returncode == 2
    assert "缺少以下参数：PROFILE" in wrong.stderr
    assert "用法：headnode launch" in wrong.stderr


def test_the_help_names_every_verb_and_the_exit_codes(cli: CommandLine) -> None:
    done = cli("--help")
    assert all(verb in done.stdout for verb in VERBS)
    assert "3 stopped" in done.stdout
    assert cli("--version").stdout.startswith("headnode ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lss"], "did you mean ls"),
        (["ls", "--jsn"], "--jsn"),
        (["show"], "RUN"),
        (["show", "nope"], "nope"),
        (["show", "demo"], "matches 2 runs"),
        (["launch", "nope"], "nope"),
        (["launch", "broken"], "broken.yaml:2: train.stepz"),
        (["launch", "script", "train.steps"], "KEY=VALUE"),
        (["launch", "script", "-o", "nonsense"], "KEY=VALUE"),
        (["launch", "script", "launch.processes=-1"], "launch.processes"),
        (["check", "./missing.yaml"], "missing.yaml"),
        (["plan", "broken"], "train.stepz"),
        (["logs", "last", "--attempt", "9"], "attempt"),
        (["logs", "last", "--attempt", "one"], "'one' is no whole number"),
        (["logs", "last", "-n", "-5"], "'-5' is no whole number"),
        (["verify", "last"], "no complete checkpoint"),
        (["verify", "last@7"], "checkpoint"),
        (["resume", "last@x"], "RUN@STEP"),
        (["branch", "last"], "@400"),
        (["protect", "last"], "@400"),
        (["rm", "last@7", "--yes"], "checkpoint"),
        (["save", "last"], "isn't running"),
        (["ls", "--workspace", "/nonexistent"], "/nonexistent"),
        (["metrics", "last", "--csv", "--json"], "--csv"),
        ([], "terminal"),
        (["ls", "--lang", "xx"], "xx"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_told_in_a_line_with_exit_code_2(
    cli: CommandLine, new_run: NewRun, workspace: Path, arguments: list[str], said: str
) -> None:
    new_run("demo-1f00")
    new_run("demo-2f00", stamp=1_795_000_001.0)
    (workspace / "profiles" / "broken.yaml").write_text("train:\n  stepz: 4\n")
    before = sorted(path.name for path in (workspace / "logs").iterdir())
    done = cli(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("headnode: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(path.name for path in (workspace / "logs").iterdir()) == before


def test_without_a_workspace_it_says_how_to_make_one(cli: CommandLine, tmp_path: Path) -> None:
    cli.directory = tmp_path / "home"
    done = cli("ls")
    assert done.returncode == 2
    assert "headnode init" in done.stderr


def test_the_workspace_is_remembered(cli: CommandLine, new_run: NewRun, tmp_path: Path) -> None:
    run = new_run("demo-1f00")
    cli("ls")
    cli.directory = tmp_path / "home"
    assert run.name in cli("ls", "-q").stdout


def test_the_workspace_may_be_named_before_or_after_the_verb(
    cli: CommandLine, new_run: NewRun, tmp_path: Path
) -> None:
    run = new_run("demo-1f00")
    workspace = str(cli.directory)
    cli.directory = tmp_path / "home"
    for arguments in (["--workspace", workspace, "ls", "-q"], ["ls", "-q", f"--workspace={workspace}"]):
        assert cli(*arguments).stdout.split() == [run.name]


def without_privileges() -> None:
    """In the child: what a mode forbids is forbidden to root too, whose overriding capabilities go."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        if os.geteuid() == 0 and libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def test_what_may_not_be_read_is_told(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00")
    add_log(run, b"secret\n")
    log = run / "attempts" / "1" / "rank-0.log"
    log.chmod(0)
    (run / "run.json").chmod(0)
    cli.preexec = without_privileges
    assert "unreadable" in cli("ls").stdout
    for arguments in (["show", "last"], ["protect", "last@1"], ["stop", "last"], ["logs", "last"]):
        done = cli(*arguments)
        assert done.returncode in (1, 2), arguments
        assert "Traceback" not in done.stderr
    assert "rank-0.log: Permission denied" in done.stderr


def test_a_workspace_that_may_not_be_written_can_be_read(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00", state="running", ended=None)
    logs = run.parent
    for directory in (run, logs):
        directory.chmod(0o555)
    cli.preexec = without_privileges
    try:
        assert "running" in cli("ls").stdout
        assert cli("show", "last").returncode == 0
        launched = cli("launch", "script")
        assert launched.returncode == 2
        assert "Traceback" not in launched.stderr
    finally:
        for directory in (run, logs):
            directory.chmod(0o755)


def test_a_directory_in_the_place_of_a_file_is_told(
    cli: CommandLine, new_run: NewRun, workspace: Path
) -> None:
    run = new_run("demo-1f00")
    (run / "run.json").unlink()
    (run / "run.json").mkdir()
    (workspace / "profiles" / "folder.yaml").mkdir()
    for arguments in (["show", "last"], ["check", "profiles/folder.yaml"], ["stop", "last"], ["ls"]):
        done = cli(*arguments)
        assert "Traceback" not in done.stderr


def test_a_resume_that_is_refused_shows_the_row_that_says_why(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00", state="completed", reason="finished")
    add_checkpoint(run, 400)
    (run / "profile.yaml").write_text(cli("check", "demo", "--resolved").stdout)
    done = cli("resume", "last")
    assert done.returncode == 2
    assert "can't go on like this" in done.stderr
    assert any("✗" in line and "train.steps" in line for line in done.stderr.splitlines()), done.stderr


def test_a_read_only_copy_is_not_changed(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00", path="/elsewhere/demo", state="stopped", reason="user")
    for arguments in (["protect", "last@1"], ["resume", "last"]):
        done = cli(*arguments)
        assert done.returncode in (1, 2)
        assert "read-only" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_caller_has_closed_is_no_error(
    cli: CommandLine, new_run: NewRun, closed: str
) -> None:
    new_run("demo-1f00", state="stopped", reason="user")
    for arguments, code in (("ls", 0), ("show nope", 2)):
        done = subprocess.run(
            ["sh", "-c", f"exec {' '.join(cli.command)} {arguments} {closed}"],
            cwd=cli.directory,
            env=cli.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_a_pipe_that_closes_early_is_no_error(cli: CommandLine, new_run: NewRun) -> None:
    add_log(new_run("demo-1f00"), b"line\n" * 200_000)
    script = f"set -o pipefail; {' '.join(cli.command)} logs last | head -n 1"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=cli.directory,
        env=cli.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "")


def on_terminal(cli: CommandLine, *arguments: str, columns: int = 100, **changes: str) -> str:
    environment = {**cli.environment, **changes}
    command = [*cli.command, *arguments]
    with Terminal(command, cwd=cli.directory, env=environment, columns=columns) as terminal:
        assert terminal.wait() == 0, terminal.output
        return terminal.output.replace("\r\n", "\n")


def test_colours_only_on_a_terminal_that_wants_them(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00")
    assert "\x1b[32m" in on_terminal(cli, "ls")
    assert "\x1b" not in on_terminal(cli, "ls", NO_COLOR="1")
    assert "\x1b" not in on_terminal(cli, "ls", TERM="dumb")


@pytest.mark.parametrize("columns", [24, 40, 60, 80, 120])
def test_tables_fit_the_terminal(cli: CommandLine, new_run: NewRun, columns: int) -> None:
    new_run("a-profile-with-a-rather-long-name-for-a-run-1f00", state="failed", reason="oom_host")
    lines = plain(on_terminal(cli, "ls", columns=columns)).rstrip("\n").split("\n")
    assert len(lines) == 2
    assert all(cell_len(line) <= columns for line in lines)
    assert "failed" in lines[1]
    assert "1f00" in lines[1]  # what is left of an id still names the run
    assert lines[0].startswith("STATE")


def test_the_language_chosen_in_the_panel_counts_here_too(cli: CommandLine, tmp_path: Path) -> None:
    state = tmp_path / "home" / "state" / "headnode"
    state.mkdir(parents=True)
    (state / "panel.json").write_text('{"schema": 1, "language": "zh"}')
    english = cli("ls", "--lang", "en").stdout
    assert cli("ls").stdout == cli("ls", "--lang", "zh").stdout != english


def test_chinese_is_aligned_by_cells(cli: CommandLine, new_run: NewRun) -> None:
    first = new_run("demo-1f00")
    second = new_run("demo-2f00", stamp=1_795_000_001.0, state="failed", reason="crash", evidence={"code": 1})
    rows = cli("ls", "--lang", "zh").stdout.splitlines()[1:]
    positions = {cell_len(row[: row.index(run.name)]) for row, run in zip(rows, (second, first), strict=True)}
    assert len(positions) == 1


def test_names_from_outside_are_cleaned(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00", job="pre\x1b]52;c;eA==\x07train", by="\x1b[31mada\u202e")
    for arguments in (["ls"], ["show", "last"]):
        text = cli(*arguments).stdout
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
    shown = cli("show", "last", "--json").stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert json.loads(shown)["by"] == json.loads((run / "run.json").read_text())["by"]


def test_a_plain_locale_can_still_show_glyphs(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00")
    for locale in ("C", "POSIX", "en_US.ISO-8859-1"):
        done = cli("ls", LANG=locale, LC_ALL=locale)
        assert done.returncode == 0, done.stderr
        assert "completed" in done.stdout


@pytest.mark.parametrize("verb", ["ls", "show", "logs", "events", "stop", "checkpoints", "protect"])
def test_reading_verbs_load_neither_the_panel_nor_the_schema(
    cli: CommandLine, new_run: NewRun, verb: str
) -> None:
    new_run("demo-1f00")
    arguments = [] if verb == "ls" else ["last@1" if verb == "protect" else "last"]
    script = (
        f"import sys; from tui.cli import main; main({[verb, *arguments]!r}); "
        "sys.stderr.write(repr([name for name in ('textual', 'pydantic', 'ruamel', 'numpy', 'torch', "
        "'psutil', 'rich.text') if name in sys.modules]))"
    )
    cli.command = [cli.command[0], "-c", script]
    assert cli().stderr.endswith("[]")


def test_init_makes_a_workspace_with_the_shipped_profiles(cli: CommandLine, tmp_path: Path) -> None:
    cli.directory = tmp_path
    made = json.loads(cli("init", "new", "--json").stdout)
    root = tmp_path / "new"
    assert made["path"] == str(root)
    assert (root / "profiles" / "pretrain" / "demo.yaml").exists()
    assert (root / "logs").is_dir()
    assert "pretrain/demo.yaml" in made["profiles"]
    (root / "profiles" / "pretrain" / "demo.yaml").write_text("mine: 1\n")
    assert cli("init", "new").returncode == 0
    assert (root / "profiles" / "pretrain" / "demo.yaml").read_text() == "mine: 1\n"
    (tmp_path / "file").write_text("")
    assert cli("init", "file").returncode == 2


def test_profiles_are_listed_with_what_is_wrong_with_them(cli: CommandLine, workspace: Path) -> None:
    (workspace / "profiles" / "broken.yaml").write_text("train:\n  stepz: 4\n")
    done = cli("profiles")
    assert done.returncode == 0
    assert "demo" in done.stdout
    assert "✗" in next(line for line in done.stdout.splitlines() if line.startswith("broken"))
    listed = {entry["name"]: entry for entry in json.loads(cli("profiles", "--json").stdout)}
    assert listed["demo"]["job"] == "pretrain"
    assert listed["broken"]["problem"]


def test_check_and_plan(cli: CommandLine) -> None:
    done = cli("check", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓" in done.stdout
    assert all(
        check["status"] in ("ok", "warn")
        for check in json.loads(cli("check", "demo", "--json").stdout)["checks"]
    )
    resolved = cli("check", "demo", "train.steps=7", "--resolved").stdout
    assert "steps: 7" in resolved
    plan = cli("plan", "olmo-2-1b").stdout
    assert "1,484,916,736" in plan
    assert "runtime.jobs" in plan
    numbers = json.loads(cli("plan", "olmo-2-1b", "-o", "plan.devices=16", "--json").stdout)
    assert numbers["devices"] == 16
    assert numbers["parameters"] == 1_484_916_736
    assert numbers["memory_total"] == sum(numbers["memory"].values())
