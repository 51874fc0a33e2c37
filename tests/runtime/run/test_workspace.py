"""Finding the workspace, and the run that a person means."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.messages import UsageError
from runtime.run.layout import RUN_ID, RunDirectory, create_run_directory, new_run_id
from runtime.run.record import read_record, write_record
from runtime.run.workspace import Workspace, find_workspace, init_workspace

MakeRun = Callable[..., RunDirectory]


def test_the_workspace_named_explicitly_comes_first_then_the_environment_then_upwards_then_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, environment, upwards, last = (init_workspace(tmp_path / name) for name in "abcd")
    inside = upwards.root / "some" / "where"
    inside.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    last.remember()

    monkeypatch.chdir(inside)
    monkeypatch.setenv("HEADNODE_WORKSPACE", str(environment.root))
    assert find_workspace(named.root) == named
    assert find_workspace() == environment
    monkeypatch.delenv("HEADNODE_WORKSPACE")
    assert find_workspace() == upwards
    monkeypatch.chdir(outside)
    assert find_workspace() == last


def test_no_workspace_is_a_usage_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="headnode init"):
        find_workspace()
    with pytest.raises(UsageError, match="headnode init"):
        find_workspace(tmp_path / "missing")
    monkeypatch.setenv("HEADNODE_WORKSPACE", str(tmp_path))
    with pytest.raises(UsageError, match="no workspace"):
        find_workspace()


def test_a_remembered_workspace_that_was_removed_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = init_workspace(tmp_path / "gone")
    workspace.remember()
    workspace.profiles.rmdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        find_workspace()


def test_remembering_is_no_fault_where_the_home_cannot_be_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    workspace.remember()


def test_init_keeps_what_is_there_and_refuses_what_cannot_be(tmp_path: Path) -> None:
    init_workspace(tmp_path / "w")
    (tmp_path / "w" / "logs" / "README.md").write_text("mine")
    init_workspace(tmp_path / "w")
    assert (tmp_path / "w" / "logs" / "README.md").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Not a directory"):
        init_workspace(tmp_path / "file" / "w")


def test_runs_are_listed_newest_first_and_nothing_else(workspace: Workspace, make_run: MakeRun) -> None:
    ids = ["20260101-000000-b-aaaa", "20260102-000000-a-bbbb", "20251231-235959-c-cccc"]
    for run_id in ids:
        make_run(run_id=run_id)
    (workspace.logs / "notes").mkdir()
    (workspace.logs / "20260103-000000-file-dddd").write_text("")
    (workspace.logs / ".20260104-000000-torn-eeee.tmp").mkdir()
    assert [run.run_id for run in workspace.runs()] == sorted(ids, reverse=True)


def test_a_directory_without_runs_has_none(workspace: Workspace) -> None:
    assert workspace.runs() == []
    assert Workspace(workspace.root / "missing").runs() == []
    with pytest.raises(UsageError, match="no runs"):
        workspace.resolve("last")


def test_a_run_is_found_by_id_prefix_part_last_and_path(workspace: Workspace, make_run: MakeRun) -> None:
    old = make_run("olmo", run_id="20260101-000000-olmo-1234")
    new = make_run("demo", run_id="20260102-000000-demo-5678")
    assert workspace.resolve("last") == new
    assert workspace.resolve(old.run_id) == old
    assert workspace.resolve("20260101") == old
    assert workspace.resolve("demo-5") == new
    assert workspace.resolve("1234") == old
    assert workspace.resolve(str(old.path)) == old
    assert workspace.resolve(f"{old.path}/") == old


def test_an_exact_id_wins_over_longer_ones_and_a_prefix_over_parts(
    workspace: Workspace, make_run: MakeRun
) -> None:
    short = make_run(run_id="20260101-000000-a-1111")
    make_run(run_id="20260101-000000-a-1111-b-2222")
    assert workspace.resolve("20260101-000000-a-1111") == short
    other = make_run(run_id="20260909-000000-x-2026")
    assert workspace.resolve("202609") == other


def test_an_ambiguous_or_unknown_reference_names_the_candidates(
    workspace: Workspace, make_run: MakeRun
) -> None:
    first, second = (make_run("demo", run_id=f"20260101-00000{n}-demo-aaaa") for n in (1, 2))
    with pytest.raises(UsageError, match="2 runs") as error:
        workspace.resolve("demo")
    assert first.run_id in str(error.value)
    assert second.run_id in str(error.value)
    for reference in ("zzz", ""):
        with pytest.raises(UsageError, match="No run matches") as error:
            workspace.resolve(reference)
        assert second.run_id in str(error.value)
    assert error.value.exit_code == 2


def test_run_ids_sort_by_time_and_hold_nothing_strange() -> None:
    ids = [new_run_id("demo", now) for now in (0, 1, 1_700_000_000, 2_000_000_000)]
    assert ids == sorted(ids)
    assert ids[0].startswith("19700101-000000-demo-")
    for name in ("demo", "Olmo 2/1B", "../../etc", "漢字", "-", "x" * 200):
        assert RUN_ID.fullmatch(new_run_id(name))


def test_a_run_directory_appears_as_a_whole_or_not_at_all(workspace: Workspace) -> None:
    run = create_run_directory(
        workspace, "20260101-000000-x-0000", {"run.json": {"a": 1}, "attempts/1/x": b"y"}
    )
    assert (run.path / "attempts" / "1" / "x").read_bytes() == b"y"
    assert all((run.path / name).is_dir() for name in ("control", "annotations", "checkpoints", "artifacts"))
    with pytest.raises(FileExistsError):
        create_run_directory(workspace, run.run_id, {})
    with pytest.raises(OSError, match="File name too long"):
        create_run_directory(workspace, "20260101-000000-y-0000", {"run.json": {}, "z" * 300: b""})
    assert sorted(entry.name for entry in workspace.logs.iterdir()) == [run.run_id, "README.md"]


def test_a_copy_is_read_only_and_a_symlink_to_the_same_place_is_not(
    workspace: Workspace, run: RunDirectory
) -> None:
    copy = workspace.logs / "a-copy"
    subprocess.run(["cp", "-r", str(run.path), str(copy)], check=True)
    record = read_record(RunDirectory(copy))
    assert record is not None
    assert record.moved
    assert record.read_only
    assert record.run_id == run.run_id
    assert RunDirectory(copy) in workspace.runs()

    link = workspace.root / "link"
    link.symlink_to(workspace.logs)
    linked = read_record(RunDirectory(link / run.run_id))
    assert linked is not None
    assert not linked.moved
    original = read_record(run)
    assert original is not None
    assert not original.moved


def test_a_thousand_runs_cost_one_listing_and_one_small_file_each(
    workspace: Workspace, make_run: MakeRun
) -> None:
    """No clock here (see benchmarks): the number of files opened is what makes home quick."""
    for number in range(30):
        run = make_run(run_id=f"20260101-0000{number:02d}-demo-abcd")
        for step in range(3):
            (run.checkpoints / f"step-{step:08d}").mkdir()
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from runtime.run.record import read_record\n"
        "from runtime.run.workspace import Workspace\n"
        "opened = []\n"
        "looks = ('open', 'os.scandir')\n"
        "sys.addaudithook(lambda name, args: opened.append(args[0]) if name in looks else None)\n"
        "records = [read_record(run) for run in Workspace(Path(sys.argv[1])).runs()]\n"
        "assert len(records) == 30 and all(records)\n"
        "print(len(opened))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)], capture_output=True, text=True, check=True
    )
    assert int(result.stdout) == 31


def test_a_record_keeps_its_place_when_it_is_rewritten(run: RunDirectory) -> None:
    record = read_record(run)
    assert record is not None
    write_record(run, replace(record, state="completed", reason="finished", ended=time.time()))
    again = read_record(run)
    assert again is not None
    assert (again.state, again.reason, again.moved) == ("completed", "finished", False)
