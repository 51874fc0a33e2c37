"""Overrides: values laid over a profile, and errors that name them."""

from __future__ import annotations

import pytest

from runtime.profile import (
    ProfileError,
    apply_overrides,
    loads,
)
from tests.runtime.profile.samples import PRETRAIN, problems


def test_overrides_are_yaml_values_laid_over_the_profile() -> None:
    profile = loads(
        PRETRAIN,
        [
            "train.tokens=1000000",
            "train.optimizer={learning_rate: 2e-3, betas: [0.8, 0.9]}",
            "train.clip=",
            "launch.processes = 4",
            "data.sources.0.path=texts",
            "launch.env.MODE=a=b",
            "description=two words",
            "evaluate.every_steps=null",
        ],
    )
    assert profile.train is not None
    assert profile.data is not None
    assert profile.data.sources is not None
    assert (profile.train.steps, profile.train.tokens, profile.train.clip) == (None, 1_000_000, None)
    assert profile.train.optimizer.learning_rate == 2e-3
    assert profile.train.optimizer.betas == (0.8, 0.9)
    assert profile.launch.processes == 4
    assert (profile.data.sources[0].path, profile.data.sources[0].builtin) == ("texts", None)
    assert profile.launch.env == {"MODE": "a=b"}
    assert profile.description == "two words"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.steps=-5", "train.steps: must be at least 1, not -5"),
        ("train.stpes=5", "train.stpes: there is no such key; did you mean steps?"),
        ("train.steps", "an override is written key=value, such as train.steps=100"),
        ("=5", "an override is written key=value, such as train.steps=100"),
        ("train..steps=5", "an override is written key=value, such as train.steps=100"),
        ("train.steps=[1", "train.steps: a list is not closed: “,” or “]” is missing"),
        (
            "train.steps=!!int 3",
            "train.steps: YAML tags (!…) are not allowed in a profile; write the plain value",
        ),
        ("launch.processes=3", "launch.processes: a batch of 8 sequences can't be divided among 3 processes"),
        ("data.sources.1.path=x", "data.sources: there is no entry 1; the list has 1, counted from 0"),
        ("extends=other", "extends: can't be overridden; write a profile that extends another"),
        ("train=", "train: a job of kind pretrain needs this section"),
    ],
)
def test_an_error_in_an_override_names_the_override(override: str, message: str) -> None:
    assert problems(PRETRAIN, override) == [f"-o {override}: {message}"]


def test_an_error_in_an_override_shows_neither_a_secret_nor_a_control_character() -> None:
    secret = problems(PRETRAIN, "launch.env.HF_TOKEN=hf_secret")
    assert len(secret) == 1
    assert secret[0].startswith("-o launch.env.HF_TOKEN=…: launch.env.HF_TOKEN: looks like a secret")
    assert problems(PRETRAIN, "name=\x1b[31m") == [
        "-o name=\\x1b[31m: name: there is a control character (U+001B) in this line"
    ]


@pytest.mark.parametrize(
    "override",
    [
        "a." * 5000 + "b=1",
        "train.steps=" + "[" * 5000,
        "train.steps=" + "9" * 5000,
        "data.sources." + "0" * 5000 + "1.path=x",
        "description=" + "x" * 2_000_000,
        "=" * 5000,
        "\ud800=1",
        "train.steps=\udcff",
    ],
    ids=[
        "deep key",
        "deep value",
        "digits",
        "long index",
        "2 MB",
        "equals",
        "surrogate key",
        "surrogate value",
    ],
)
def test_an_override_beyond_reason_is_refused_in_one_short_line(override: str) -> None:
    found = problems(PRETRAIN, override)
    assert len(found) == 1
    assert found[0].isprintable()
    assert len(found[0]) < 250


def test_errors_in_several_overrides_are_all_reported() -> None:
    assert len(problems(PRETRAIN, "a", "train.steps=[", "b")) == 3


def test_overrides_of_a_frozen_profile_follow_what_it_left_open() -> None:
    profile = apply_overrides(loads(PRETRAIN), ["model.heads=2", "train.epochs=2"])
    assert profile.model is not None
    assert profile.train is not None
    assert (profile.model.heads, profile.model.key_value_heads) == (2, 2)
    assert (profile.train.steps, profile.train.epochs) == (None, 2)
    with pytest.raises(ProfileError, match=r"-o model\.heads=5: model\.heads: 5 heads don't divide"):
        apply_overrides(loads(PRETRAIN), ["model.heads=5"])
