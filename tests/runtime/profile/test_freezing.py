"""Freezing: what is dumped reads back as the same profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.profile import (
    Profile,
    dump,
    loads,
    read_frozen,
)
from tests.runtime.profile.samples import COMMAND, PREPARE, PRETRAIN


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
                    "evaluate", "launch", "notify", "plan"]  # fmt: skip
    assert "  rope_theta: 500000.0\n" in text
    assert "    import: auto\n" in text


def test_nothing_of_a_profile_can_be_changed() -> None:
    profile = loads(PRETRAIN)
    with pytest.raises(ValueError, match="frozen"):
        profile.train.steps = 5  # type: ignore[misc, union-attr]
