"""`headnode settings`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from runtime.settings.file import read_settings
from tests.tui.cli.conftest import CommandLine


@pytest.fixture
def path(cli: CommandLine, tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "settings.toml"
    cli.environment["HEADNODE_SETTINGS"] = str(path)
    return path


def test_without_a_file_it_says_where_it_would_be_and_what_holds(cli: CommandLine, path: Path) -> None:
    done = cli("settings")
    assert done.returncode == 0
    assert str(path) in done.stdout
    assert "headnode settings --init" in done.stdout
    assert "panel.theme" in done.stdout


@pytest.mark.parametrize("language", ["en", "zh"])
def test_init_writes_a_file_that_changes_nothing_and_never_over_another(
    cli: CommandLine, path: Path, language: str
) -> None:
    assert cli("settings", "--init", "--lang", language).returncode == 0
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text) == {"panel": {}, "keys": {}, "machine": {}}
    again = cli("settings", "--init", "--lang", language)
    assert again.returncode == 2
    assert str(path) in again.stderr
    assert path.read_text(encoding="utf-8") == text


def test_every_line_of_the_written_file_holds_when_its_sign_is_taken_away(
    cli: CommandLine, path: Path
) -> None:
    cli("settings", "--init")
    lines = path.read_text(encoding="utf-8").split("\n")
    meant = [line for line in lines if line.startswith("# ") and (" = " in line or "[[" in line)]
    assert len(meant) >= 13
    told = [line for line in meant if "argv" not in line and "[[notify]] for more" not in line]
    freed = [line[2:] if line in told else line for line in lines]
    path.write_text("\n".join(freed), encoding="utf-8")
    held = read_settings(path)
    assert held.machine.cpu_slots == 8
    assert held.notify[0].url_env == "SLACK_WEBHOOK"
    assert cli("settings").returncode == 0


def test_each_value_is_shown_with_its_source(cli: CommandLine, path: Path) -> None:
    path.parent.mkdir()
    path.write_text('[panel]\ntheme = "light"\n[keys]\nstop = "S"\n[machine]\ncpu_slots = 3\n')
    values = json.loads(cli("settings", "--json").stdout)["values"]
    assert values["panel.theme"] == {"value": "light", "from": "settings.toml:2"}
    assert values["keys.stop"] == {"value": ["S"], "from": "settings.toml:4"}
    assert values["machine.cpu_slots"] == {"value": 3, "from": "settings.toml:6"}
    assert values["panel.mouse"] == {"value": True, "from": "default"}
    keys = {row["action"]: row for row in json.loads(cli("settings", "--keys", "--json").stdout)}
    assert keys["stop"] == {"action": "stop", "keys": ["S"], "default": False}
    assert keys["resume"] == {"action": "resume", "keys": ["r"], "default": True}


@pytest.mark.parametrize(
    ("text", "said"), [('[panel]\ntheem = "x"\n', "theme"), ('[keys]\nstop = "x"\n', "remove")]
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    cli: CommandLine, path: Path, text: str, said: str
) -> None:
    path.parent.mkdir()
    path.write_text(text)
    done = cli("settings")
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"{path}:2: " in done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_other_verbs_go_on_with_a_bad_file(cli: CommandLine, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("[panel\n")
    assert cli("profiles").returncode == 0
    assert cli("ls").returncode == 0
