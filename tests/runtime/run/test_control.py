"""Requests go in by rename and are answered by events."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from runtime.messages import HeadnodeError
from runtime.run.control import answered, pending, request
from runtime.run.events import Event, EventTail, EventWriter, read_events
from runtime.run.layout import RunDirectory


def test_a_request_is_found_with_what_it_asks(run: RunDirectory) -> None:
    request_id = request(run, "stop", {"save": True, "kill": False}, by="panel")
    (found,) = pending(run)
    assert (found.id, found.attempt, found.verb, found.by) == (request_id, 1, "stop", "panel")
    assert found.args == {"save": True, "kill": False}
    assert found.path == run.control / f"{request_id}.json"
    found.close()
    assert pending(run) == []
    found.close()


def test_requests_of_several_processes_are_distinct_and_sort_by_time(run: RunDirectory) -> None:
    code = (
        "import sys; from pathlib import Path; from runtime.run import RunDirectory, request\n"
        "for _ in range(10): print(request(RunDirectory(Path(sys.argv[1])), 'save', by=sys.argv[2]))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(run.path), name], stdout=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    ids = [line for process in processes for line in process.communicate()[0].split()]
    found = pending(run)
    assert sorted(ids) == [each.id for each in found]
    assert len(set(ids)) == 30
    times = [each.time for each in found if each.time is not None]
    assert times == sorted(times)


def test_what_is_no_request_is_left_out(run: RunDirectory) -> None:
    request_id = request(run, "save")
    (run.control / ".hidden.json").write_text("{}")
    (run.control / "torn.json").write_text('{"id": "torn", ')
    (run.control / "foreign.json").write_text('{"schema": 2, "id": "foreign", "verb": "stop"}')
    (run.control / "other.json").write_text('{"schema": 1, "id": "somebody else", "verb": "stop"}')
    (run.control / "dir.json").mkdir()
    (run.control / "note.txt").write_text("")
    assert [each.id for each in pending(run)] == [request_id]


def test_requests_wait_where_control_is_missing_and_unknown_verbs_are_refused(run: RunDirectory) -> None:
    run.control.rmdir()
    assert pending(run) == []
    request(run, "save")
    assert len(pending(run)) == 1
    with pytest.raises(ValueError, match="stop, save"):
        request(run, "explode")


def test_nothing_is_asked_of_a_copy_a_newer_version_or_a_run_without_record(run: RunDirectory) -> None:
    copy = run.path.with_name("a-copy")
    subprocess.run(["cp", "-r", str(run.path), str(copy)], check=True)
    with pytest.raises(HeadnodeError, match="read-only"):
        request(RunDirectory(copy), "stop")
    run.record.write_text(json.dumps({"schema": 9, "path": str(run.path)}))
    with pytest.raises(HeadnodeError, match="read-only"):
        request(run, "stop")
    run.record.unlink()
    with pytest.raises(HeadnodeError, match=r"run\.json"):
        request(run, "stop")
    assert pending(run) == []


def test_an_answer_is_the_furthest_that_was_given(run: RunDirectory) -> None:
    first, second = request(run, "stop"), request(run, "save")
    assert answered(run, first) is None
    writer = EventWriter(run)
    writer.answer("request_accepted", first, 1)
    writer.answer("request_refused", second, 1, reason="past_attempt")
    assert _name(answered(run, first)) == "request_accepted"
    writer.answer("request_done", first, 1, step=12)
    answer = answered(run, first)
    assert _name(answer) == "request_done"
    assert answer is not None
    assert answer.detail == {"request": first, "step": 12}
    refused = answered(run, second)
    assert _name(refused) == "request_refused"
    assert refused is not None
    assert refused.reason == "past_attempt"


def _name(event: Event | None) -> str | None:
    return event.event if event is not None else None


def test_events_come_back_in_order_and_damaged_ones_are_left_out(run: RunDirectory) -> None:
    assert read_events(run) == []
    tail = EventTail(run.events)
    times = iter([10.0, 11.0])
    writer = EventWriter(run, clock=lambda: next(times))
    first = writer.write("created", 0, by="cli", path=run.path, loss=float("nan"))
    assert tail.poll() == read_events(run)
    with run.events.open("ab") as stream:
        stream.write(
            b'{"event": "no time"}\n{"time": 3}\n{"time": "x", "event": "y"}\nnoise\n{"time": 12, "ev'
        )
    assert tail.poll() == []
    writer.close()
    second = writer.write("failed", 1, reason="crash", rank=3)
    events = read_events(run)
    assert [(event.time, event.event) for event in events] == [(10.0, "created"), (11.0, "failed")]
    assert events[0].detail == {"by": "cli", "path": str(run.path), "loss": "nan"}
    assert events[1] == second
    assert tail.poll() == [second]
    assert first.time == 10.0


def test_events_of_several_threads_do_not_tear_each_other(run: RunDirectory) -> None:
    writer = EventWriter(run)
    threads = [
        threading.Thread(target=lambda: [writer.write("phase", 1, filling="z" * 500) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_events(run)) == 80
