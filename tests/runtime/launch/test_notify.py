"""Notifications: right for each receiver, once for each transition, and never in the way of a run."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.launch import notify_child, operations
from runtime.launch.notify_child import NotifyChild
from runtime.launch.notify_messages import trial
from runtime.profile import loads
from runtime.run.events import Event, read_events
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace
from runtime.settings import Notification
from tests.runtime.launch.conftest import await_end, await_state, supervisor_pid, until
from tests.runtime.launch.hooks import Hook, hook

SECRET = "SECRET-PART"


def sent(receiver: Notification, environment: dict[str, str] | None = None) -> str:
    """What became of a notification: "" where it arrived."""
    child = NotifyChild(receiver, trial("here"), {**os.environ, **(environment or {})})
    return str(until(lambda: (error := child.poll()) is not None and (error or "arrived"))).removeprefix(
        "arrived"
    )


def web(kind: str, **fields: Any) -> Notification:
    return Notification(kind, url_env="HOOK_URL", **fields)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("json", lambda body: body["text"]),
        ("slack", lambda body: body["text"]),
        ("feishu", lambda body: body["content"]["text"] if body["msg_type"] == "text" else ""),
        ("dingtalk", lambda body: body["text"]["content"] if body["msgtype"] == "text" else ""),
    ],
)
def test_each_kind_of_receiver_gets_what_it_understands(kind: str, shape: Callable[[Any], str]) -> None:
    with hook() as server:
        assert sent(web(kind), {"HOOK_URL": server.url}) == ""
    (body,) = server.bodies
    assert shape(body).startswith("headnode: a trial notification")
    assert server.requests == ["/hook/SECRET-PART"]


def test_a_file_holds_the_address_too(tmp_path: Path) -> None:
    with hook() as server:
        (tmp_path / "url").write_text(server.url + "\n")
        assert sent(Notification("json", url_file=tmp_path / "url")) == ""
    assert len(server.bodies) == 1
    assert "can't be read" in sent(Notification("json", url_file=tmp_path / "none"))


def test_a_server_that_fails_is_asked_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    with hook("500") as server:
        assert sent(web("json"), {"HOOK_URL": server.url}) == "HTTP 500"
        assert len(server.bodies) == notify_child.TRIES


@pytest.mark.parametrize("behaviour", ["slow", "drip"])
def test_a_slow_server_costs_its_time_and_no_more(behaviour: str) -> None:
    with hook(behaviour) as server:
        assert sent(web("json", timeout=0.3), {"HOOK_URL": server.url}) == "timed out"


def test_nobody_there_is_said_without_the_address() -> None:
    with hook() as server:
        url = server.url
    error = sent(web("slack"), {"HOOK_URL": url})
    assert "refused" in error
    assert SECRET not in error


def test_a_redirect_is_not_followed() -> None:
    with hook("302") as server:
        assert "redirects" in sent(web("json"), {"HOOK_URL": server.url})
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://127.0.0.1/x", "nonsense", "http://a b/", "data:,x"]
)
def test_only_web_addresses_are_spoken_to(address: str) -> None:
    error = sent(web("json"), {"HOOK_URL": address})
    assert error == "what HOOK_URL holds is no http or https address"


def test_a_missing_variable_is_named() -> None:
    assert "HOOK_URL isn't set" in sent(web("json"))


@pytest.mark.parametrize(("kind", "code"), [("feishu", "19024"), ("dingtalk", "310000")])
def test_a_chat_that_says_no_with_200_has_said_no(kind: str, code: str) -> None:
    with hook("refused") as server:
        assert code in sent(web(kind), {"HOOK_URL": server.url})
        assert len(server.bodies) == 1


def program(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "program.py"
    path.write_text(text)
    return (sys.executable, str(path), str(tmp_path / "got"))


def test_a_command_gets_the_document_on_standard_input_and_no_shell(tmp_path: Path) -> None:
    copy = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read() + '|' + sys.argv[2])"
    argv = (*program(tmp_path, copy), "$HOME; true")
    assert sent(Notification("command", argv=argv)) == ""
    document, _, word = (tmp_path / "got").read_text().partition("|")
    assert json.loads(document)["event"] == "test"
    assert word == "$HOME; true"


def test_a_command_that_fails_hangs_or_is_missing_is_said(tmp_path: Path) -> None:
    argv = program(tmp_path, "import sys; sys.exit(3)")
    assert "exit code 3" in sent(Notification("command", argv=argv))
    assert "No such file" in sent(Notification("command", argv=("/nowhere/program",)))
    argv = program(tmp_path, "import time; time.sleep(600)")
    assert "longer than" in sent(Notification("command", argv=argv, timeout=0.5))


def test_a_command_leaves_no_process_behind(tmp_path: Path) -> None:
    text = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
    )
    assert sent(Notification("command", argv=program(tmp_path, text))) == ""
    pid = int((tmp_path / "got").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists())


# -- whole runs


Start = Callable[..., RunDirectory]


@pytest.fixture
def start(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Start:
    def run(server: Hook | str, *argv: str, kind: str = "json", **section: Any) -> RunDirectory:
        monkeypatch.setenv("HOOK_URL", server if isinstance(server, str) else server.url)
        launch = {"stop_grace": 1.0, "kill_grace": 1.0, "restart_delay": 0.1, "gpus": 0, **section}
        profile = {
            "name": "program",
            "job": "command",
            "command": {"argv": argv},
            "launch": launch,
            "notify": [{"kind": kind, "url_env": "HOOK_URL", "timeout": 5.0}],
        }
        return operations.launch(workspace, loads(json.dumps(profile)), by="test")

    return run


WAITS = "until test -e go; do sleep 0.05; done; "


def go(run: RunDirectory) -> None:
    """Lets a program that begins with WAITS go on, once it is known to run."""
    await_state(run, "running")
    (run.path.parent.parent / "go").touch()


def told(server: Hook) -> list[tuple[str, str]]:
    return [(body["on"], body["event"]) for body in server.bodies]


def outcomes(run: RunDirectory) -> list[Event]:
    return [event for event in read_events(run) if event.event in ("notified", "notify_failed")]


def test_a_run_tells_of_its_start_and_its_end_once_each(start: Start) -> None:
    with hook() as server:
        run = start(server, "sh", "-c", WAITS)
        go(run)
        assert await_end(run).state == "completed"
        until(lambda: len(outcomes(run)) == 2)
    assert sorted(told(server)) == [("end", "completed"), ("start", "running")]
    (end,) = [body for body in server.bodies if body["on"] == "end"]
    assert (end["state"], end["run_id"], end["schema"]) == ("completed", run.run_id, 1)
    assert {event.event for event in outcomes(run)} == {"notified"}


def test_a_fault_and_its_restart_are_told(start: Start) -> None:
    with hook() as server:
        run = start(server, "sh", "-c", WAITS + "exit 7", max_restarts=1)
        go(run)
        assert await_end(run).state == "failed"
        until(lambda: len(outcomes(run)) == 3)
    assert sorted(told(server)) == [("fault", "failed"), ("fault", "restart"), ("start", "running")]


def test_a_receiver_that_is_away_harms_nothing_and_is_an_event_without_the_address(start: Start) -> None:
    with hook() as server:
        url = server.url
    run = start(url, "sh", "-c", WAITS, kind="slack")
    go(run)
    assert await_end(run).state == "completed"
    until(lambda: len(outcomes(run)) == 2, "the failures written down after the end")
    assert {event.event for event in outcomes(run)} == {"notify_failed"}
    assert all("refused" in event.detail["error"] for event in outcomes(run))
    for path in run.path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_slow_receiver_of_the_end_doesnt_keep_the_run_from_being_resumed(start: Start) -> None:
    with hook("slow") as server:
        run = start(server, "sh", "-c", "exit 3")
        assert await_end(run).state == "failed"
        operations.resume(run, by="test")
        assert run.attempt(2).path.exists()
        server.ended.set()
        server.behaviour = "ok"
        await_end(run)


def test_a_successor_tells_what_its_predecessor_didnt_and_nothing_twice(start: Start) -> None:
    with hook() as server:
        run = start(server, "sleep", "600")
        await_state(run, "running")
        until(lambda: len(outcomes(run)) == 1)
        os.kill(supervisor_pid(run), signal.SIGKILL)
        until(lambda: operations.adopt(Workspace(run.path.parent.parent)))
        operations.stop(run, kill=True)
        assert await_end(run).state == "stopped"
        until(lambda: len(outcomes(run)) == 2)
        time.sleep(0.2)
    assert sorted(told(server)) == [("end", "stopped"), ("start", "running")]


def test_the_settings_of_the_person_are_used_too(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[[notify]]\non = ["end"]\nkind = "slack"\nurl_env = "OTHER_URL"\n')
    monkeypatch.setenv("HEADNODE_SETTINGS", str(settings))
    with hook() as profile, hook() as person:
        monkeypatch.setenv("OTHER_URL", person.url)
        run = start(profile, "true")
        await_end(run)
        until(lambda: [event.detail["kind"] for event in outcomes(run)].count("slack") == 1)
    (body,) = person.bodies
    assert "has completed" in body["text"]
    assert set(body) == {"text"}
