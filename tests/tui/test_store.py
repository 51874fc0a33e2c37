"""What the store sees of a workspace that changes, and what it says about it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.run.layout import RunDirectory
from runtime.run.record import read_record, write_record
from runtime.run.workspace import Workspace
from tests.tui.sample_telemetry import sampler
from tests.tui.sample_workspace import NOW, PLANS, Plan, make_run
from tui.store.memory import Memory
from tui.store.messages import RunFollowed, RunsChanged, StoreNote, TelemetrySample
from tui.store.runs import WorkspaceReader
from tui.store.services import Services
from tui.store.store import Store
from tui.store.telemetry import read_sample


def _find(workspace: Workspace, suffix: str) -> RunDirectory:
    return next(run for run in workspace.runs() if run.run_id.endswith(suffix))


def _change(run: RunDirectory, **fields: Any) -> None:
    record = read_record(run)
    assert record is not None
    write_record(run, replace(record, **fields))


def _store(workspace: Workspace, tmp_path: Path, **more: Any) -> tuple[Store, list[Any]]:
    said: list[Any] = []
    defaults: dict[str, Any] = {
        "clock": lambda: NOW,
        "memory": Memory(tmp_path / "state"),
        "sampler": sampler,
        "adopt": None,
    }
    return Store(workspace, Services(**{**defaults, **more}), said.append), said


def test_the_first_look_tells_all_and_the_next_only_what_changed(sample: Workspace) -> None:
    reader = WorkspaceReader(sample)
    assert len(reader.poll()) == len(PLANS)
    assert reader.poll() == {}
    run = _find(sample, "9c1e")
    _change(run, state="stopping")
    changes = reader.poll()
    assert list(changes) == [run.run_id]
    assert changes[run.run_id].state == "stopping"  # type: ignore[union-attr]


def test_new_and_vanished_runs_are_seen(sample: Workspace) -> None:
    import shutil

    reader = WorkspaceReader(sample)
    reader.poll()
    new = make_run(sample, Plan("late", "aaaa", "queued", 1))
    gone = _find(sample, "e0e0")
    shutil.rmtree(gone.path)
    changes = reader.poll()
    assert changes[gone.run_id] is None
    assert changes[new.run_id].state == "queued"  # type: ignore[union-attr]


def test_an_ended_run_that_was_resumed_elsewhere_is_seen_when_everything_is_looked_at(
    sample: Workspace,
) -> None:
    reader = WorkspaceReader(sample)
    reader.poll()
    run = _find(sample, "08be")
    _change(run, state="starting", attempt=2)
    assert reader.poll() == {}
    assert reader.poll(everything=True)[run.run_id].active  # type: ignore[union-attr]


def test_torn_foreign_and_missing_records_are_shown_with_their_reason(sample: Workspace) -> None:
    reader = WorkspaceReader(sample)
    torn, foreign, missing = (_find(sample, suffix) for suffix in ("9c1e", "1f00", "08be"))
    torn.record.write_text('{"schema": 1, "run_')
    foreign.record.write_text(json.dumps({"schema": 99, "run_id": foreign.run_id, "state": "dreaming"}))
    missing.record.unlink()
    views = reader.poll()
    assert str(views[torn.run_id].problem) == "has no readable run.json"  # type: ignore[union-attr]
    assert str(views[missing.run_id].problem) == "has no readable run.json"  # type: ignore[union-attr]
    assert str(views[foreign.run_id].problem) == "written by a newer version of Headnode"  # type: ignore[union-attr]
    assert not views[foreign.run_id].active  # type: ignore[union-attr]


def test_a_copied_run_is_read_only(sample: Workspace) -> None:
    import shutil

    run = _find(sample, "9c1e")
    shutil.copytree(run.path, sample.logs / "20260101-000000-copy-0000")
    view = WorkspaceReader(sample).poll()["20260101-000000-copy-0000"]
    assert view is not None
    assert [view.active, view.stoppable, view.resumable, view.removable] == [False] * 4


def test_a_workspace_that_cannot_be_listed_is_a_note_and_its_return_ends_it(
    sample: Workspace, tmp_path: Path
) -> None:
    store, said = _store(sample, tmp_path, threaded=False)
    store.poll_once()
    hidden = sample.logs.rename(sample.root / "elsewhere")
    store.poll_once()
    hidden.rename(sample.logs)
    store.poll_once()
    notes = [message.text for message in said if isinstance(message, StoreNote)]
    assert "logs" in notes[0]
    assert notes[1] is None
    assert len([message for message in said if isinstance(message, RunsChanged)]) == 1


def test_nothing_is_said_when_nothing_changed(sample: Workspace, tmp_path: Path) -> None:
    store, said = _store(sample, tmp_path, threaded=False)
    store.start()
    store.poll_once()
    count = len(said)
    for _round in range(3):
        store.poll_once()
    assert len(said) == count


def test_a_followed_run_tells_its_events_and_then_only_news(sample: Workspace, tmp_path: Path) -> None:
    from runtime.run.events import EventWriter

    store, said = _store(sample, tmp_path, threaded=False)
    run = _find(sample, "9c1e")
    store.follow(run.run_id)
    store.poll_once()
    store.poll_once()
    followed = [message for message in said if isinstance(message, RunFollowed)]
    assert len(followed) == 1
    before = len(followed[0].followed.events)
    EventWriter(run).write("checkpoint_saved", 2, step=451_000)
    store.poll_once()
    newest = [message for message in said if isinstance(message, RunFollowed)][-1]
    assert len(newest.followed.events) == before + 1


def test_the_thread_sees_a_change_adopts_and_ends(sample: Workspace, tmp_path: Path) -> None:
    adopted = threading.Event()

    def adopt(workspace: Workspace) -> list[str]:
        adopted.set()
        return []

    store, said = _store(sample, tmp_path, adopt=adopt)
    store.start()
    try:
        _wait(lambda: any(isinstance(message, TelemetrySample) for message in said))
        assert adopted.wait(10)
        _change(_find(sample, "77aa"), state="completed", reason="finished", ended=NOW)
        _wait(lambda: any(isinstance(message, RunsChanged) and not message.first for message in said))
    finally:
        store.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "store"]


def test_an_adoption_that_fails_is_a_note_and_not_a_traceback(sample: Workspace, tmp_path: Path) -> None:
    def adopt(workspace: Workspace) -> list[str]:
        raise OSError("no more processes")

    store, said = _store(sample, tmp_path, adopt=adopt)
    store.start()
    try:
        _wait(
            lambda: any(
                isinstance(message, StoreNote) and "no more processes" in str(message.text)
                for message in said
            )
        )
    finally:
        store.stop()


def test_the_panel_remembers_each_workspace_and_survives_a_broken_file(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state")
    memory.set("language", "zh")
    memory.leave(tmp_path / "a", 10.0)
    memory.leave(tmp_path / "b", 20.0)
    again = Memory(tmp_path / "state")
    assert (again.get("language"), again.left(tmp_path / "a"), again.left(tmp_path / "c")) == (
        "zh",
        10.0,
        None,
    )
    again.path.write_text("{")
    assert again.left(tmp_path / "a") is None
    again.set("theme", "light")
    assert Memory(tmp_path / "state").get("theme") == "light"


@pytest.mark.parametrize(
    "line", [{}, {"time": "x"}, {"time": 1, "gpus": "none"}, {"time": 1, "gpus": [{}, 3, {"throttle": 5}]}]
)
def test_odd_telemetry_lines_do_no_harm(line: dict[str, Any]) -> None:
    sample = read_sample(line)
    assert sample is None or sample.cpu_percent is None


def _wait(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
