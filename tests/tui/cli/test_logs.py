"""`logs`: whatever a process prints, nothing of it acts on the terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.run.layout import RunDirectory
from tui.cli.log_source import last_lines_offset

from .conftest import CommandLine
from .runs import add_log
from .terminal import Terminal, plain

NewRun = Callable[..., Path]

NASTY = (
    b"plain line\n"
    b"\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07after\n"
    b"\x9b2J\xff\xfe not utf-8\n"
    b"[bold]markup[/bold] \x07bell \x08back\n"
    b" 10%|#    |\r 50%|##   |\r100%|#####|\n"
    b"\xe2\x80\xaeright to left\n"
)


def test_escapes_and_bad_bytes_are_taken_out(cli: CommandLine, new_run: NewRun) -> None:
    add_log(new_run("demo-1f00"), NASTY)
    done = cli("logs", "last")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "plain line"
    assert lines[1] == "red after"
    assert lines[3] == "[bold]markup[/bold] bell back"
    assert lines[4] == "100%|#####|"
    assert all(character.isprintable() for line in lines for character in line)


def test_the_same_on_a_terminal_and_as_json(cli: CommandLine, new_run: NewRun) -> None:
    add_log(new_run("demo-1f00"), NASTY)
    with Terminal([*cli.command, "logs", "last"], cwd=cli.directory, env=cli.environment) as terminal:
        assert terminal.wait() == 0
        text = plain(terminal.output)
    assert "red after" in text
    assert "\x07" not in terminal.output
    assert "\x1b]" not in terminal.output
    assert "\u202e" not in terminal.output
    rows = [json.loads(line) for line in cli("logs", "last", "--json").stdout.splitlines()]
    assert rows[1] == {"attempt": 1, "rank": 0, "line": "red after"}


def test_a_megabyte_without_a_newline_is_one_line(cli: CommandLine, new_run: NewRun) -> None:
    add_log(new_run("demo-1f00"), b"x" * (1 << 20))
    done = cli("logs", "last")
    assert done.stdout == "x" * (1 << 20) + "\n"


def test_raw_gives_the_bytes_but_not_to_a_terminal(cli: CommandLine, new_run: NewRun) -> None:
    add_log(new_run("demo-1f00"), NASTY)
    raw = subprocess.run(
        [*cli.command, "logs", "last", "--raw"],
        cwd=cli.directory,
        env=cli.environment,
        capture_output=True,
        check=True,
    )
    assert raw.stdout == NASTY
    with Terminal(
        [*cli.command, "logs", "last", "--raw"], cwd=cli.directory, env=cli.environment
    ) as terminal:
        assert terminal.wait() == 2
        assert "--raw" in terminal.output
        assert "\x1b]52" not in terminal.output


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\nb\nc\n", 9, b"a\nb\nc\n"),
        (b"a\nb\nc\n", 0, b""),
        (b"", 3, b""),
        (b"\n\n\n", 2, b"\n\n"),
        (b"x" * 200_000 + b"\nend\n", 1, b"end\n"),
        (b"a\n" + b"x" * 200_000 + b"\n", 1, b"x" * 200_000 + b"\n"),
        (
            b"".join(b"%d\n" % i for i in range(60_000)),
            50_000,
            b"".join(b"%d\n" % i for i in range(10_000, 60_000)),
        ),
    ],
)
def test_the_last_lines_are_found_from_the_end(
    tmp_path: Path, content: bytes, lines: int, expected: bytes
) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert content[last_lines_offset(path, lines) :] == expected


def test_lines_ranks_and_attempts_are_chosen(cli: CommandLine, new_run: NewRun) -> None:
    run = new_run("demo-1f00", attempt=2)
    add_log(run, b"old\n", attempt=1)
    add_log(run, b"a\nb\nc\n", attempt=2)
    add_log(run, b"other\n", attempt=2, rank=1)
    assert cli("logs", "last", "-n", "2").stdout == "b\nc\n"
    assert cli("logs", "last", "--rank", "1").stdout == "other\n"
    assert cli("logs", "last", "--rank", "all").stdout == "[0] a\n[0] b\n[0] c\n[1] other\n"
    assert cli("logs", "last", "--attempt", "1").stdout == "old\n"
    for wrong in (["--rank", "7"], ["--attempt", "9"], ["--rank", "x"], ["-n", "-1"], ["-n", "many"]):
        done = cli("logs", "last", *wrong)
        assert done.returncode == 2, wrong
        assert "Traceback" not in done.stderr


def test_a_run_without_a_log_is_quiet(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00")
    done = cli("logs", "last")
    assert (done.returncode, done.stdout) == (0, "")


def test_following_an_ended_run_ends_with_its_last_half_line(cli: CommandLine, new_run: NewRun) -> None:
    add_log(new_run("demo-1f00"), b"".join(b"line %d\n" % i for i in range(50)) + b"half")
    done = cli("logs", "last", "-f")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [f"line {i}" for i in range(31, 50)] + ["half"]


def two_ranks(run: Path) -> None:
    """Two ranks whose lines came by turns, once a second, and a supervisor that says when."""
    for rank in (0, 1):
        add_log(run, b"".join(b"step %d of rank %d\n" % (step, rank) for step in range(4)), rank=rank)
        times = RunDirectory(run).attempt(1).times(rank)
        length = len("step 0 of rank 0\n")
        times.write_text(
            "".join(f"{1_795_000_000.0 + 2 * n + rank:014.3f} {length * (n + 1):016d}\n" for n in range(4))
        )
    RunDirectory(run).supervisor_log.write_text("2026-11-18 11:06:43 in between\n")


def test_all_logs_merged_by_time(cli: CommandLine, new_run: NewRun) -> None:
    two_ranks(new_run("demo-1f00"))
    lines = [" ".join(line.split()) for line in cli("logs", "last", "--all").stdout.splitlines()]
    assert lines[:3] == [
        "11:06:40 [0] step 0 of rank 0",
        "11:06:41 [1] step 0 of rank 1",
        "11:06:42 [0] step 1 of rank 0",
    ]
    assert "11:06:43 [sup] 2026-11-18 11:06:43 in between" in lines[3:5]
    assert len(lines) == 9
    last = cli("logs", "last", "--all", "-n", "2", "--json").stdout.splitlines()
    assert [json.loads(line)["line"] for line in last] == ["step 3 of rank 0", "step 3 of rank 1"]
    assert json.loads(last[0])["time"] == 1_795_000_006.0


def test_only_lines_that_match_and_that_came_since(cli: CommandLine, new_run: NewRun) -> None:
    two_ranks(new_run("demo-1f00"))
    found = cli("logs", "last", "--all", "--grep", "step [23] of RANK 1").stdout.splitlines()
    assert found == []
    found = cli("logs", "last", "--all", "--grep", "step [23] of rank 1").stdout.splitlines()
    assert [line[-16:] for line in found] == ["step 2 of rank 1", "step 3 of rank 1"]
    since = cli("logs", "last", "--since", "2026-11-18 11:06:43").stdout.splitlines()
    assert since == ["step 2 of rank 0", "step 3 of rank 0"]
    since = cli("logs", "last", "--all", "--since", "2026-11-18 11:06:46").stdout.splitlines()
    assert [line[-16:] for line in since] == ["step 3 of rank 0", "step 3 of rank 1"]


def test_what_cannot_be_asked_of_logs_is_refused(cli: CommandLine, new_run: NewRun) -> None:
    add_log(new_run("demo-1f00"), b"no time in here\n")
    for arguments, words in (
        (("--grep", "("), "no regular expression"),
        (("--since", "yesterday"), "no moment"),
        (("--since", "1h"), "nothing tells when"),
        (("--all", "--rank", "1"), "--all stands for every log"),
        (("--raw", "--all"), "--raw gives a log as it is"),
    ):
        done = cli("logs", "last", *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_a_run_that_printed_nothing_is_said_to_have(cli: CommandLine, new_run: NewRun) -> None:
    new_run("demo-1f00")
    done = cli("logs", "last")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing was printed" in done.stderr
