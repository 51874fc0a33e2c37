"""`tag`, `note`, `archive`, and lists that are filtered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from .runs import make_run


def _runs(workspace: Path) -> list[str]:
    return [
        make_run(workspace, f"demo-000{day}", stamp=1_795_000_000.0 + day * 86400).name for day in range(3)
    ]


def test_tags_are_put_on_and_taken_off_several_runs_at_once(cli: Any, workspace: Path) -> None:
    first, second, _third = _runs(workspace)
    assert cli("tag", first, second, "+baseline", "+draft").returncode == 0
    done = cli("tag", first, "-draft", "--json")
    assert json.loads(done.stdout) == [{"run_id": first, "tags": ["baseline"]}]
    assert cli("ls", "-q", "--filter", "tag:draft").stdout.split() == [second]
    assert "-h" in cli("tag", "-h").stdout


def test_a_tag_that_a_filter_could_not_name_is_refused(cli: Any, workspace: Path) -> None:
    run, *_rest = _runs(workspace)
    done = cli("tag", run, "+two words")
    assert done.returncode == 2
    assert "one word" in done.stderr


def test_notes_are_added_shown_and_found(cli: Any, workspace: Path) -> None:
    run, *_rest = _runs(workspace)
    assert cli("note", run, "lower", "rate").returncode == 0
    assert json.loads(cli("note", run, "--json").stdout)[0]["text"] == "lower rate"
    assert cli("ls", "-q", "--filter", "note:rate").stdout.split() == [run]
    assert cli("note", run, "--remove").stdout.strip() == "no notes"


def test_archived_runs_are_left_out_until_they_are_asked_for(cli: Any, workspace: Path) -> None:
    first, second, third = _runs(workspace)
    assert cli("archive", first, second).returncode == 0
    assert cli("ls", "-q").stdout.split() == [third]
    assert cli("ls", "-q", "--filter", "archived").stdout.split() == [second, first]
    assert cli("unarchive", first).returncode == 0
    assert cli("ls", "-q").stdout.split() == [third, first]


def test_a_copy_is_read_only(cli: Any, workspace: Path) -> None:
    run, *_rest = _runs(workspace)
    shutil.copytree(workspace / "logs" / run, workspace / "logs" / "20261129-100000-copy-0009")
    for command in (["tag", "copy", "+x"], ["note", "copy", "x"], ["archive", "copy"]):
        done = cli(*command)
        assert (done.returncode, "read-only" in done.stderr) == (1, True), command
    assert not list((workspace / "logs" / "20261129-100000-copy-0009" / "annotations").iterdir())


def test_a_filter_with_a_mistake_is_refused_with_the_nearest_key(cli: Any, workspace: Path) -> None:
    done = cli("ls", "--filter", "stat:failed")
    assert done.returncode == 2
    assert "did you mean state?" in done.stderr
