"""Which files a source means, in which order, and what happens when there are none."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import pytest

from runtime.data.sources import SourceFile, resolve_sources
from runtime.messages import UsageError
from runtime.profile.schema import Source


def resolve(base: Path, **source: Any) -> list[SourceFile]:
    return resolve_sources([Source.model_validate(source)], base)


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_a_directory_is_read_in_the_order_of_paths_however_it_was_filled(tmp_path: Path) -> None:
    names = ["b.txt", "a/z.txt", "a.txt", "Z.txt", "a/b/c.txt"]
    make(tmp_path / "one", *names)
    make(tmp_path / "two", *reversed(names))
    first, second = (resolve(tmp_path, path=name) for name in ("one", "two"))
    assert [file.name for file in first] == ["Z.txt", "a.txt", "a/b/c.txt", "a/z.txt", "b.txt"]
    assert [file.name for file in second] == [file.name for file in first]


def test_patterns_choose_by_name_by_path_and_leave_out_whole_directories(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "a.txt", "sub/b.py", "tests/c.py", "sub/tests/d.py", "sub/old/e.py", ".git/f.py")
    found = resolve(tmp_path, path=".", include=["*.py"], exclude=["tests", "sub/old/*"])
    assert [file.name for file in found] == ["a.py", "sub/b.py"]
    assert [file.name for file in resolve(tmp_path, path=".", include=["sub/*.py"])] == [
        "sub/b.py",
        "sub/old/e.py",
        "sub/tests/d.py",
    ]


def test_a_glob_a_file_and_the_order_of_the_sources(tmp_path: Path) -> None:
    make(tmp_path, "x/2.txt", "x/1.txt", "x/y/0.txt", "x/.hidden.txt", "last.jsonl")
    sources = [Source(path="last.jsonl"), Source(path="x/**/*.txt")]
    found = resolve_sources(sources, tmp_path)
    assert [file.name for file in found] == ["last.jsonl", "1.txt", "2.txt", "y/0.txt"]
    assert [file.format for file in found] == ["jsonl", "text", "text", "text"]
    assert found[1].size == len("x/1.txt")


def test_a_name_with_brackets_is_a_name_where_such_a_file_exists(tmp_path: Path) -> None:
    make(tmp_path, "data[1].txt")
    assert [file.name for file in resolve(tmp_path, path="data[1].txt")] == ["data[1].txt"]


def test_a_workspace_with_brackets_in_its_name_does_not_disturb_a_glob(tmp_path: Path) -> None:
    base = tmp_path / "work[1]"
    make(base, "texts/a.txt", "texts/b.txt")
    assert [file.name for file in resolve(base, path="texts/*.txt")] == ["a.txt", "b.txt"]
    found = resolve(tmp_path, path=f"{tmp_path}/work?1?/*/a.txt")
    assert [file.name for file in found] == ["work[1]/texts/a.txt"]


def test_the_home_directory_is_meant_by_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    make(tmp_path, "home/texts/a.txt")
    assert [file.name for file in resolve(tmp_path, path="~/texts")] == ["a.txt"]
    assert [file.name for file in resolve(tmp_path, path="~/texts/*.txt")] == ["a.txt"]
    with pytest.raises(UsageError, match="~nobody-of-that-name"):
        resolve(tmp_path, path="~nobody-of-that-name/texts")


@pytest.mark.parametrize(
    "source", [{"path": "nowhere"}, {"path": "none*.txt"}, {"path": "full", "include": ["*.md"]}]
)
def test_a_source_without_files_is_one_clear_error(tmp_path: Path, source: dict[str, Any]) -> None:
    make(tmp_path, "full/a.txt")
    with pytest.raises(UsageError, match=r"nowhere|none\*\.txt|full"):
        resolve(tmp_path, **source)


def test_the_standard_library_is_found_without_tests_and_installed_packages() -> None:
    found = resolve_sources([Source(builtin="python-stdlib")], Path("/"))
    names = [file.name for file in found]
    assert {"argparse.py", "json/decoder.py", "asyncio/base_events.py"} <= set(names)
    assert names == sorted(names, key=str.encode)
    assert not [
        name for name in names if {"test", "tests", "site-packages", "idlelib"} & set(name.split("/"))
    ]


def test_a_python_without_sources_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "os.pyc")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(UsageError, match=r"no standard library in source form.*data\.sources"):
        resolve(tmp_path, builtin="python-stdlib")
