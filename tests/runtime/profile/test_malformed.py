"""Every malformed profile gives readable one-line errors that name file, line and key, and never a
traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtime.profile import ProfileError, load
from tests.runtime.profile.malformed import CASES, Case

INTERNALS = re.compile(
    r"pydantic|ruamel|Traceback|<class|Error\b|object at 0x|\b(dict|tuple|None|NoneType|str|int)\b"
    r"|Input should|validation"
)


def test_the_table_is_as_long_as_promised() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 150


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_malformed_profile_gives_readable_errors(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory.yaml").mkdir()
    path = tmp_path / "profile.yaml"
    path.write_bytes(case.content if isinstance(case.content, bytes) else case.content.encode())

    with pytest.raises(ProfileError) as caught:
        load(path, workspace=tmp_path)

    problems = caught.value.problems
    assert 1 <= len(problems) <= 21
    assert caught.value.exit_code == 2
    matching = [p for p in problems if case.says in str(p.message)]
    assert matching, [str(problem) for problem in problems]
    problem = matching[0]
    assert problem.key == case.key
    if case.at is not None:
        assert (problem.file, problem.line) == ("profile.yaml", case.line)
    lines = str(caught.value).split("\n")
    assert len(lines) == len(problems)
    for line in lines:
        assert line.startswith(("profile.yaml", "directory.yaml"))
        assert line.isprintable()
        assert len(line) < 250
        assert not INTERNALS.search(line), line
