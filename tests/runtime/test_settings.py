"""The settings file: what it may say, and what is said about what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.settings import (
    MachineSettings,
    Notification,
    PanelSettings,
    Settings,
    SettingsError,
    forget,
    load_or_default,
    load_settings,
    settings_path,
)
from runtime.settings.file import notification, read_settings

EVERYTHING = """
[panel]
theme = "light"
language = "zh"
mouse = false
read_only = true
bell = false

[keys]
stop = "S"
picture = ["ctrl+e", "f5"]

[machine]
cpu_slots = 3
lease_directory = "/tmp/leases"

[[notify]]
kind = "slack"
on = ["end", "fault"]
url_env = "SLACK_URL"
timeout = 3

[[notify]]
kind = "command"
argv = ["notify-send", "headnode"]
"""


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_that_can_be_set_is_read(tmp_path: Path) -> None:
    held = read_settings(_write(tmp_path / "settings.toml", EVERYTHING))
    assert held.panel == PanelSettings("light", "zh", mouse=False, read_only=True, bell=False)
    assert dict(held.keys) == {"stop": ("S",), "picture": ("ctrl+e", "f5")}
    assert held.machine == MachineSettings(3, Path("/tmp/leases"))
    assert held.notify[0] == Notification("slack", ("end", "fault"), url_env="SLACK_URL", timeout=3.0)
    assert held.notify[1].argv == ("notify-send", "headnode")
    assert held.notify[1].on == ("start", "end", "fault", "hang")


def test_each_value_knows_its_line(tmp_path: Path) -> None:
    held = read_settings(_write(tmp_path / "settings.toml", EVERYTHING))
    lines = EVERYTHING.split("\n")
    for name, key in (
        ("panel.theme", "theme"),
        ("keys.picture", "picture"),
        ("machine.cpu_slots", "cpu_slots"),
    ):
        line = held.origins[name]
        assert line is not None
        assert lines[line - 1].startswith(key)


def test_no_file_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADNODE_SETTINGS", str(tmp_path / "none.toml"))
    held = load_settings()
    assert held == Settings(path=tmp_path / "none.toml")


def test_the_file_is_in_the_users_configuration_directory(tmp_path: Path) -> None:
    assert settings_path({"HEADNODE_SETTINGS": "/somewhere/s.toml"}) == Path("/somewhere/s.toml")
    assert settings_path({}).parts[-2:] == ("headnode", "settings.toml")


MISTAKES = [
    ("[panle]\n", 1, "did you mean panel?"),
    ('[panel]\ntheem = "dark"\n', 2, "did you mean theme?"),
    ('[panel]\n\ntheme = "drak"\n', 3, "did you mean dark?"),
    ('[panel]\nmouse = "yes"\n', 2, "true or false"),
    ("[machine]\ncpu_slots = 0\n", 2, "1 or larger"),
    ("[machine]\ncpu_slots = true\n", 2, "1 or larger"),
    ("[keys]\nstop = 3\n", 2, "a key"),
    ('[notify]\nkind = "slack"\n', 1, "two brackets"),
    ('[[notify]]\nurl_env = "X"\n', 1, "kind is missing"),
    ('[[notify]]\nkind = "slack"\n', 1, "where the address is"),
    (
        '[[notify]]\nkind = "slack"\nurl_env = "https://hooks.example/secret"\n',
        3,
        "the name of an environment variable",
    ),
    (
        '[[notify]]\nkind = "json"\nurl_env = "A"\n[[notify]]\nkind = "json"\nurl_env = "B"\non = ["over"]\n',
        7,
        "end",
    ),
    ('[[notify]]\nkind = "command"\nargv = "notify-send x"\n', 1, "a list of words"),
    ('[[notify]]\nkind = "json"\nurl_env = "A"\ntimeout = 0\n', 4, "seconds"),
]


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES)
def test_a_mistake_is_named_with_file_line_and_fix(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = _write(tmp_path / "settings.toml", text)
    with pytest.raises(SettingsError) as caught:
        read_settings(path)
    assert f"{path}:{line}: " in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def test_what_is_no_toml_or_no_text_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="line 1"):
        read_settings(_write(tmp_path / "a.toml", "[panel\n"))
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="can't be read"):
        read_settings(tmp_path / "b.toml")


def test_what_must_go_on_gets_the_defaults_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / "settings.toml", "[machine]\ncpu_slots = 'many'\n")
    monkeypatch.setenv("HEADNODE_SETTINGS", str(path))
    held, problem = load_or_default()
    assert held == Settings()
    assert "cpu_slots" in str(problem)


def test_the_file_is_read_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "settings.toml", "[machine]\ncpu_slots = 2\n")
    monkeypatch.setenv("HEADNODE_SETTINGS", str(path))
    assert load_settings().machine.cpu_slots == 2
    _write(path, "[machine]\ncpu_slots = 5\n")
    assert load_settings().machine.cpu_slots == 2
    forget()
    assert load_settings().machine.cpu_slots == 5


def test_an_entry_of_a_profile_follows_the_same_rules() -> None:
    assert notification({"kind": "json", "url_env": "HOOK"}, "demo.yaml").url_env == "HOOK"
    with pytest.raises(SettingsError, match=r"demo\.yaml.*kind is missing"):
        notification({"url_env": "HOOK"}, "demo.yaml")
