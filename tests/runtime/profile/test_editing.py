"""Single values of a profile's text: changed, added, taken out, and nothing else touched."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from runtime.profile import loads
from runtime.profile.editing import REMOVED, NotEditable, read_value, with_value
from runtime.profile.forms import form_fields
from runtime.profile.layers import layers

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "profiles").rglob("*.yaml"))
TEXT = """\
# a comment at the top
extends: demo   # the parent

train:
    steps: 400      # how long
    optimizer: {learning_rate: 4e-4, betas: [0.9, 0.95]}
checkpoint:
launch:
    processes: null
"""


def _changes(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:2] not in ("--", "++", "@@")]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("train.steps", 800, ["-    steps: 400      # how long", "+    steps: 800      # how long"]),
        ("checkpoint.keep_last", 2, ["+    keep_last: 2"]),
        ("launch.processes", REMOVED, ["-launch:", "-    processes: null"]),
        ("plan.device", "h100", ["+plan:", "+    device: h100"]),
        ("description", "12", ["+description: '12'"]),
        ("train.clip", REMOVED, []),
    ],
)
def test_only_the_lines_of_the_value_change(key: str, value: object, expected: list[str]) -> None:
    after = with_value(TEXT, key, value)
    assert _changes(TEXT, after) == expected
    assert "# a comment at the top\nextends: demo   # the parent\n" in after


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_profile_keeps_everything_but_the_changed_line(path: Path) -> None:
    text = path.read_text()
    after = with_value(text, "description", "another")
    assert all("description" in line or not line.startswith("-") for line in _changes(text, after))
    assert loads(after, file=path, workspace=ROOT).description == "another"


def test_numbers_stay_as_they_were_typed() -> None:
    assert "learning_rate: 3e-4" in with_value("train: {}\n", "train.learning_rate", read_value("3e-4"))


@pytest.mark.parametrize(
    ("text", "key"),
    [("a: [1", "b"), ("- 1\n- 2\n", "b"), ("train: 5\n", "train.steps"), ("a: 1\na: 2\n", "b")],
)
def test_what_is_no_mapping_of_sections_is_refused(text: str, key: str) -> None:
    with pytest.raises(NotEditable):
        with_value(text, key, 1)


def test_every_key_of_the_schema_has_help() -> None:
    assert [field.key for field in form_fields() if not field.help] == []


def test_layers_tell_own_from_inherited_values(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "base.yaml").write_text(
        "job: pretrain\ntrain: {steps: 400, clip: 1.0}\nlaunch: {env: {A: b}}\n"
    )
    child = profiles / "child.yaml"
    child.write_text("extends: base\ntrain: {steps: 800}\n")
    keys = {field.key for field in form_fields()}
    found = layers(child.read_text(), keys, file=child, workspace=tmp_path)
    assert found.own == {"extends": "base", "train.steps": 800}
    assert found.inherited == {
        "job": "pretrain", "train.steps": 400, "train.clip": 1.0, "launch.env": {"A": "b"},
    }  # fmt: skip
    assert [path.stem for path in found.parents] == ["base"]
    broken = layers("extends: nowhere\n", keys, file=child, workspace=tmp_path)
    assert broken.problem is not None
