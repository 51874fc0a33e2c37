"""Heartbeats in place, and how a rank says that it ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.run.exits import EXIT_CODES, exit_code, read_exit, write_exit
from runtime.run.heartbeat import PHASES, WIDTH, HeartbeatWriter, read_heartbeat
from runtime.run.identity import Identity


def test_beats_overwrite_each_other_in_place(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat-3"
    assert read_heartbeat(path) is None
    writer = HeartbeatWriter(path, Identity.current())
    for number, phase in enumerate(PHASES, start=1):
        writer.beat(phase, None if phase == "import" else 10**number)
        beat = read_heartbeat(path)
        assert beat is not None
        assert (beat.seq, beat.phase, beat.rank) == (number, phase, 3)
        assert beat.step == (None if phase == "import" else 10**number)
        assert beat.identity == Identity.current()
        assert path.stat().st_size == WIDTH
    writer.close()
    again = HeartbeatWriter(path, Identity.current())
    again.beat("step", 1)
    beat = read_heartbeat(path)
    assert beat is not None
    assert beat.seq == len(PHASES) + 1


def test_a_torn_or_strange_beat_is_none(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat-0"
    writer = HeartbeatWriter(path, Identity.current())
    assert read_heartbeat(path) is None
    writer.beat("step", 7)
    whole = path.read_bytes()
    mixed = [whole.replace(b'"seq":1', b'"seq":2'), whole.replace(b'"step":7', b'"step":8')]
    for torn in (whole[:100], *mixed, b"\xff" * 10, b"[]", b'{"schema": 2}'):
        path.write_bytes(torn)
        assert read_heartbeat(path) is None


BEATER = """
import sys
from pathlib import Path
from runtime.run.heartbeat import HeartbeatWriter
from runtime.run.identity import Identity
writer = HeartbeatWriter(Path(sys.argv[1]), Identity.current())
step = 0
while True:
    step += 1
    writer.beat("step", step)
"""


def test_a_reader_beside_a_fast_writer_never_sees_a_mixture(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat-0"
    process = subprocess.Popen([sys.executable, "-c", BEATER, str(path)])
    try:
        deadline = time.monotonic() + 30
        seqs: list[int] = []
        while len(set(seqs)) < 200 and time.monotonic() < deadline:
            beat = read_heartbeat(path)
            if beat is not None:
                assert beat.seq == beat.step
                assert beat.identity is not None
                assert beat.identity.pid == process.pid
                seqs.append(beat.seq)
        assert len(set(seqs)) >= 200
        assert seqs == sorted(seqs)
    finally:
        process.kill()
        process.wait()
    assert read_heartbeat(path) is not None


def test_an_exit_record_says_how_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "exit-0.json"
    assert read_exit(path) is None
    write_exit(path, "failed", "oom_device", 41, "CUDA out of memory: 漢")
    record = read_exit(path)
    assert record is not None
    assert (record.outcome, record.reason, record.step) == ("failed", "oom_device", 41)
    assert record.error == "CUDA out of memory: 漢"
    assert record.time is not None
    path.write_text('{"outcome": "fini')
    assert read_exit(path) is None
    path.write_text('{"schema": 2, "outcome": "finished"}')
    assert read_exit(path) is None
    with pytest.raises(ValueError, match="finished, stopped, failed"):
        write_exit(path, "exploded", None, None)


def test_exit_codes_are_those_of_the_design() -> None:
    assert exit_code("finished", "finished") == 0
    assert exit_code("stopped", "user") == 10
    assert [
        exit_code("failed", reason) for reason in ("bad_profile", "oom_device", "non_finite", "disk_full")
    ] == [
        20,
        21,
        22,
        23,
    ]
    assert exit_code("failed", "crash") not in EXIT_CODES.values()
    assert exit_code("failed", None) not in EXIT_CODES.values()
    assert exit_code("failed", "finished") != 0
    assert os.EX_OK == 0
