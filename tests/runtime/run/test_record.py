"""`run.json`, as written and as damaged."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from runtime.run.files import ForeignSchema
from runtime.run.layout import RunDirectory
from runtime.run.record import ACTIVE, ENDED, STATES, RunRecord, Summary, read_record, write_record


def test_a_record_comes_back_as_it_was_written(run: RunDirectory) -> None:
    now = time.time()
    record = RunRecord(
        run_id=run.run_id,
        path=str(run.path),
        name="demo",
        job="pretrain",
        state="failed",
        reason="oom_device",
        evidence={"rank": 3, "exit_code": 21, "line": "CUDA out of memory"},
        attempt=2,
        restarts=1,
        created=now,
        started=now + 1,
        ended=now + 2,
        by="cli",
        parent={"run_id": "20260101-000000-x-0000", "step": 400, "kind": "branch"},
        resume={"step": 400, "checkpoint": "step-00000400"},
        nodes=("node1", "node2"),
        world_size=8,
        strategy="ddp",
        summary=Summary(
            updated=now,
            step=450,
            total_steps=1000,
            tokens=10**13,
            total_tokens=2 * 10**13,
            progress=0.45,
            metrics={"train/loss": 2.5, "optim/grad_norm": math.inf},
            sparkline=(3.5, 3.0, 2.5),
            tokens_per_second=371_200.0,
            eta_seconds=3600.0,
            checkpoint={"step": 400, "time": now, "bytes": 1 << 33},
            phase="step",
        ),
    )
    write_record(run, record)
    assert read_record(run) == record
    written = json.loads(run.record.read_text())
    assert written["schema"] == 1
    assert "moved" not in written
    assert written["summary"]["metrics"]["optim/grad_norm"] == "inf"


def test_every_state_is_active_or_ended_and_never_both() -> None:
    assert set(STATES) == ACTIVE | ENDED
    assert not ACTIVE & ENDED
    assert "unkillable" in ACTIVE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"run_id": "x", '])
def test_a_torn_or_missing_record_is_none(run: RunDirectory, content: bytes) -> None:
    run.record.write_bytes(content)
    assert read_record(run) is None
    run.record.unlink()
    assert read_record(run) is None


def test_a_record_of_a_newer_version_is_shown_as_foreign_and_never_overwritten(run: RunDirectory) -> None:
    run.record.write_text(
        json.dumps({"schema": 2, "run_id": run.run_id, "name": "demo", "state": {"new": "shape"}})
    )
    record = read_record(run)
    assert record is not None
    assert record.foreign
    assert record.read_only
    assert record.name == "demo"
    assert record.state == "foreign"
    assert not record.active
    assert not record.ended_state
    with pytest.raises(ForeignSchema):
        write_record(run, replace(record, state="stopped"))


def test_values_of_the_wrong_type_count_as_absent_and_unknown_keys_are_ignored(run: RunDirectory) -> None:
    run.record.write_text(
        json.dumps(
            {
                "schema": 1,
                "later": [1],
                "run_id": 7,
                "state": "running",
                "attempt": "two",
                "restarts": True,
                "evidence": [],
                "parent": {"run_id": "x"},
                "resume": "step-1",
                "nodes": ["a", 1],
                "created": "soon",
                "summary": {
                    "metrics": {"a": "x", "b": 1, "c": "nan"},
                    "sparkline": [1, "two", 3.5],
                    "checkpoint": {"step": 1},
                    "step": 1.5,
                },
            }
        )
    )
    record = read_record(run)
    assert record is not None
    assert record.run_id == run.run_id
    assert (record.attempt, record.restarts, record.evidence) == (0, 0, {})
    assert (record.parent, record.resume, record.nodes, record.created) == (None, None, ("a",), None)
    assert record.summary.metrics.keys() == {"b", "c"}
    assert record.summary.sparkline == (1.0, 3.5)
    assert (record.summary.checkpoint, record.summary.step) == (None, None)


def test_a_summary_without_values_reads_as_empty(make_run: Callable[..., RunDirectory]) -> None:
    record = read_record(make_run())
    assert record is not None
    assert record.summary == Summary()
