"""What is said of a terminal, by its environment."""

from __future__ import annotations

import pytest

from runtime.doctor import terminal
from runtime.doctor.check import Terminal

from .surroundings import named, surroundings

GOOD = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "de_DE.UTF-8"}


def test_a_good_terminal_has_no_complaint() -> None:
    found = named(terminal.checks(surroundings(environment=GOOD)))
    assert {check.status for check in found.values()} == {"ok"}
    assert set(found) == {"size", "term", "colours", "locale", "clipboard"}


def test_a_pipe_is_no_terminal_and_nothing_to_complain_of() -> None:
    (check,) = terminal.checks(surroundings(environment=GOOD, columns=None))
    assert check.status == "ok"


@pytest.mark.parametrize(
    ("environment", "check", "status", "word"),
    [
        ({"TERM": "dumb"}, "term", "fail", "panel"),
        ({"COLORTERM": ""}, "colours", "ok", "256"),
        ({"COLORTERM": "", "TERM": "linux"}, "colours", "warn", "16"),
        ({"NO_COLOR": "1"}, "colours", "ok", "NO_COLOR"),
        ({"LANG": "C"}, "locale", "warn", "UTF-8"),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, "locale", "ok", "C.UTF-8"),
        ({"STY": "1234.pts"}, "clipboard", "warn", "screen"),
    ],
)
def test_what_is_amiss_is_named(environment: dict[str, str], check: str, status: str, word: str) -> None:
    found = named(terminal.checks(surroundings(environment={**GOOD, **environment})))[check]
    assert found.status == status
    assert word in str(found.message)


@pytest.mark.parametrize(
    ("value", "status"), [("on", "ok"), ("external", "warn"), ("off", "warn"), ("", "warn")]
)
def test_tmux_must_be_told_to_pass_on_what_is_copied(value: str, status: str) -> None:
    check = terminal.clipboard_check(Terminal(GOOD, 80, 24), value)
    assert check.status == status
    assert check.fix is None or "set-clipboard on" in str(check.fix)


def test_a_narrow_window_is_told_its_least_size() -> None:
    found = named(terminal.checks(surroundings(environment=GOOD, columns=60)))["size"]
    assert found.status == "warn"
    assert "80×24" in str(found.fix)
