"""Which language, and whether everything is translated into it."""

from __future__ import annotations

import pytest

from runtime.messages import N_, Message, UsageError, joined
from tools import messages
from tui import i18n


@pytest.mark.parametrize(
    ("wanted", "environment", "stored", "code"),
    [
        ("zh", {"HEADNODE_LANG": "en"}, "en", "zh"),
        (None, {"HEADNODE_LANG": "zh"}, "en", "zh"),
        (None, {"LANG": "en_US.UTF-8"}, "zh", "zh"),
        (None, {"LANG": "zh_CN.UTF-8"}, None, "zh"),
        (None, {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, None, "en"),
        ("zh-CN", {}, None, "zh"),
        ("tlh", {}, None, "en"),
    ],
)
def test_the_nearest_wish_decides(
    wanted: str | None, environment: dict[str, str], stored: str | None, code: str
) -> None:
    assert i18n.choose(wanted, environment, stored) == code


def test_a_message_is_translated_when_it_is_shown_and_its_values_are_cleaned() -> None:
    message = Message("checkpoint {step} saved", {"step": "\x1b[31m5"})
    i18n.setup("zh")
    assert i18n.render(message) == "检查点 5 已保存"
    assert str(message) == "checkpoint \x1b[31m5 saved"


def test_every_text_is_translated_and_the_compiled_catalogue_is_current() -> None:
    assert messages.check() == []


def test_messages_joined_into_one_are_each_translated() -> None:
    problem = Message(N_("{file} is missing"), {"file": "model.safetensors"})
    error = UsageError(
        N_("checkpoint {step} of {run} is damaged: {problems}"),
        step=3,
        run="r",
        problems=joined([problem] * 2),
    )
    assert str(error).endswith("model.safetensors is missing; model.safetensors is missing")
    i18n.setup("zh")
    shown = i18n.render(error.message)
    assert "missing" not in shown
    assert shown.count("model.safetensors") == 2
