"""What people add to a run, and the telemetry beside it."""

from __future__ import annotations

import json
import time

from runtime.run.annotations import (
    add_note,
    archive,
    archived,
    notes,
    protect,
    protected_steps,
    remove_note,
    tag,
    tags,
)
from runtime.run.layout import RunDirectory
from runtime.run.telemetry_files import TelemetryTail, TelemetryWriter, read_last_samples


def test_checkpoints_are_protected_one_file_each(run: RunDirectory) -> None:
    assert protected_steps(run) == frozenset()
    protect(run, 400, by="me")
    protect(run, 1200)
    protect(run, 400)
    assert protected_steps(run) == {400, 1200}
    fact = json.loads((run.annotations / "protected-00001200.json").read_text())
    assert fact["schema"] == 1
    protect(run, 400, on=False)
    protect(run, 400, on=False)
    assert protected_steps(run) == {1200}


def test_a_damaged_protection_still_protects(run: RunDirectory) -> None:
    (run.annotations / "protected-00000007.json").write_text("")
    assert protected_steps(run) == {7}


def test_tags_notes_and_archiving_come_and_go(run: RunDirectory) -> None:
    tag(run, "best of all 漢字 / ..")
    tag(run, "a")
    tag(run, "a")
    assert tags(run) == ["a", "best of all 漢字 / .."]
    tag(run, "a", on=False)
    assert tags(run) == ["best of all 漢字 / .."]

    first = add_note(run, "warm-up too short", by="me")
    second = add_note(run, "see\nline two")
    assert [(note.text, note.by) for note in notes(run)] == [
        ("warm-up too short", "me"),
        ("see\nline two", ""),
    ]
    remove_note(run, first)
    assert [note.id for note in notes(run)] == [second]
    (run.annotations / "note-torn.json").write_text("{")
    (run.annotations / "note-foreign.json").write_text('{"schema": 2, "text": "x"}')
    assert len(notes(run)) == 1

    assert not archived(run)
    archive(run)
    assert archived(run)
    archive(run, on=False)
    assert not archived(run)


def test_annotations_work_where_the_directory_is_missing(run: RunDirectory) -> None:
    run.annotations.rmdir()
    assert (tags(run), notes(run), protected_steps(run)) == ([], [], frozenset())
    protect(run, 1)
    assert protected_steps(run) == {1}


def test_samples_are_followed_and_what_is_unknown_stays_unknown(run: RunDirectory) -> None:
    path = run.telemetry("node1")
    tail = TelemetryTail(path)
    writer = TelemetryWriter(path)
    gpu = {
        "index": 0,
        "uuid": "GPU-1",
        "name": "H100",
        "utilization": None,
        "memory_used": 1 << 30,
        "clock": 1980,
    }
    now = time.time()
    writer.write(
        {"time": now, "node": "node1", "cpu_percent": 31.5, "memory_total": 1 << 34, "gpus": [gpu, 7]}
    )
    writer.write({"node": "no time"})
    (sample,) = tail.poll()
    assert (sample.time, sample.node, sample.cpu_percent) == (now, "node1", 31.5)
    assert (sample.memory_used, sample.memory_total, sample.disk_free) == (None, 1 << 34, None)
    (seen,) = sample.gpus
    assert (seen.index, seen.uuid, seen.utilization, seen.power) == (0, "GPU-1", None, None)
    assert seen.memory_used == 1 << 30
    assert seen.other == {"clock": 1980}
    assert run.telemetry_nodes() == ["node1"]
    for number in range(2000):
        writer.write({"time": number, "node": "node1"})
    assert [sample.time for sample in read_last_samples(path, 2)] == [1998.0, 1999.0]
    writer.close()
