"""Documents and journals: what a writer leaves behind, and what a reader makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runtime.run.files import (
    ForeignSchema,
    JsonlAppender,
    JsonlTail,
    LineTail,
    number,
    read_json,
    read_jsonl,
    read_last_records,
    write_json_atomic,
)


def test_a_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json_atomic(path, {"name": "漢字 é", "loss": float("nan"), "best": float("-inf"), "path": tmp_path})
    assert read_json(path) == {
        "schema": 1,
        "name": "漢字 é",
        "loss": "nan",
        "best": "-inf",
        "path": str(tmp_path),
    }
    json.loads(path.read_text())  # no NaN, no Infinity: any JSON reader can


def test_numbers_that_are_not_finite_come_back() -> None:
    assert number("inf") == float("inf")
    assert number("-inf") == float("-inf")
    assert str(number("nan")) == "nan"
    assert number(3) == 3.0
    others: list[object] = [None, True, "3", [], 10**400]
    assert [number(value) for value in others] == [None] * 5


def test_a_path_that_is_not_utf8_survives(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    write_json_atomic(tmp_path / "x.json", {"path": name})
    value = read_json(tmp_path / "x.json")
    assert value is not None
    assert value["path"] == name


@pytest.mark.parametrize(
    "content", [b"", b'{"a": 1', b"[1]", b"\xff\xfe{}", b"nonsense", b'"text"', b"[" * 100_000]
)
def test_a_torn_or_strange_document_counts_as_missing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    assert read_json(path) is None


def test_a_missing_document_is_none_also_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert read_json(tmp_path / "missing.json") is None
    assert read_json(tmp_path / "file" / "run.json") is None
    assert read_json(tmp_path) is None


def test_a_newer_schema_is_foreign_and_unknown_keys_are_not(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"schema": 1, "later": true}')
    (tmp_path / "new.json").write_text('{"schema": 2}')
    assert read_json(tmp_path / "old.json") == {"schema": 1, "later": True}
    with pytest.raises(ForeignSchema, match="newer version") as error:
        read_json(tmp_path / "new.json")
    assert error.value.schema == 2


def test_a_failed_write_leaves_the_old_document_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json_atomic(path, {"step": 1})
    path.unlink()
    path.mkdir()
    (path / "occupied").write_text("")  # a directory can't be replaced by a file: the rename fails
    with pytest.raises(OSError, match="irectory"):
        write_json_atomic(path, {"step": 2})
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


REWRITER = """
import sys
from pathlib import Path
from runtime.run.files import write_json_atomic
n = 0
while True:
    n += 1
    write_json_atomic(Path(sys.argv[1]), {"n": n, "filling": "x" * 20000, "again": n}, durable=False)
"""


def test_a_reader_beside_a_writer_that_is_killed_always_sees_a_whole_document(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json_atomic(path, {"n": 0, "again": 0})
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", REWRITER, str(path)])
        seen: set[int] = set()
        deadline = time.monotonic() + 30
        while len(seen) < 20 and time.monotonic() < deadline:
            value = read_json(path)
            assert value is not None
            assert value["n"] == value["again"]
            seen.add(value["n"])
        writer.kill()
        assert writer.wait() == -signal.SIGKILL
        assert len(seen) >= 20
        value = read_json(path)
        assert value is not None
        assert value["n"] == value["again"]


def test_a_tail_gives_each_record_once_as_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = JsonlTail(path)
    assert tail.poll() == []
    appender = JsonlAppender(path)
    appender.append({"n": 1})
    appender.append({"n": 2})
    assert tail.poll() == [{"n": 1}, {"n": 2}]
    with path.open("ab") as stream:
        stream.write(b'{"n": 3, "text": "\xe6\xbc')
    assert tail.poll() == []
    with path.open("ab") as stream:
        stream.write(b'\xa2"}\n{"n"')
    assert tail.poll() == [{"n": 3, "text": "漢"}]
    assert tail.poll() == []
    assert tail.resets == 0


def test_a_tail_passes_over_noise_and_foreign_records(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"n": 1}\n\xff\xfe\n[1]\nnull\n\n{"n":\n{"schema": 2, "n": 9}\n{"n": 2}\n')
    tail = JsonlTail(path)
    assert tail.poll() == [{"n": 1}, {"n": 2}]
    assert (tail.noise, tail.foreign) == (4, 1)


def test_a_tail_starts_over_when_the_file_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n{"n": 2}\n')
    tail = JsonlTail(path)
    tail.poll()
    path.write_text('{"n": 3}\n')
    assert tail.poll() == [{"n": 3}]
    assert tail.resets == 1


def test_a_tail_notices_a_file_that_was_truncated_and_grew_past_its_old_length(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n{"n": 2}\n')
    tail = JsonlTail(path)
    tail.poll()
    path.write_text('{"m": 5}\n{"m": 6}\n{"m": 7}\n')  # same inode
    assert tail.poll() == [{"m": 5}, {"m": 6}, {"m": 7}]
    assert tail.resets == 1


def test_a_tail_follows_rotation_and_waits_for_a_file_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n')
    tail = JsonlTail(path)
    assert tail.poll() == [{"n": 1}]
    path.rename(tmp_path / "a.jsonl.1")
    assert tail.poll() == []
    assert tail.resets == 0
    path.write_text('{"n": 1}\n{"n": 2}\n')
    assert tail.poll() == [{"n": 1}, {"n": 2}]
    assert tail.resets == 1


def test_lines_of_megabytes_come_whole_and_endless_ones_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    long_line = b"x" * (3 << 20)
    path.write_bytes(b"first\n" + long_line + b"\nlast\n")
    assert LineTail(path).poll() == [b"first", long_line, b"last"]

    monkeypatch.setattr("runtime.run.tail.LONGEST_LINE", 2 << 20)
    tail = LineTail(path)
    assert tail.poll() == [b"first", b"last"]
    assert tail.skipped == 1


def test_a_poll_reads_no_more_than_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"%07d\n" % n for n in range(500_000)))
    tail = LineTail(path)
    first = tail.poll(limit=1 << 20)
    assert 0 < len(first) < 500_000
    rest = []
    while lines := tail.poll(limit=1 << 20):
        rest += lines
    assert [*first, *rest] == [b"%07d" % n for n in range(500_000)]


def test_the_last_record_counts_for_who_reads_once_though_its_newline_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n{"n": 2}')
    assert read_jsonl(path) == [{"n": 1}, {"n": 2}]
    path.write_text('{"n": 1}\n{"n": 2')
    assert read_jsonl(path) == [{"n": 1}]
    assert read_jsonl(tmp_path / "missing") == []


def test_the_last_records_are_found_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"n": {n}}}\n' for n in range(100_000)) + '{"n": ')
    assert [record["n"] for record in read_last_records(path, 3)] == [99_997, 99_998, 99_999]
    assert len(read_last_records(path, 100_000, window=4096)) < 1000
    assert read_last_records(tmp_path / "missing", 3) == []


def test_an_appender_ends_the_torn_line_of_a_killed_writer(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2, "loss": 3.1')
    JsonlAppender(path).append({"n": 3})
    assert path.read_bytes() == b'{"n": 1}\n{"n": 2, "loss": 3.1\n{"n":3}\n'
    assert read_jsonl(path) == [{"n": 1}, {"n": 3}]


def test_an_appender_goes_on_after_the_disk_was_full(tmp_path: Path) -> None:
    """/dev/full refuses every byte, as a full disk does; a line cut short there is ended by the next."""
    full = JsonlAppender(Path("/dev/full"))
    with pytest.raises(OSError, match="No space"):
        full.append({"n": 1})
    full.close()
    path = tmp_path / "a.jsonl"
    appender = JsonlAppender(path)
    appender.append({"n": 1})
    with path.open("ab") as stream:
        stream.write(b'{"n": 2, "cut sho')
    appender.close()
    appender.append({"n": 3})
    assert read_jsonl(path) == [{"n": 1}, {"n": 3}]


WRITER = """
import sys
from pathlib import Path
from runtime.run.files import JsonlAppender
appender = JsonlAppender(Path(sys.argv[1]))
n = 0
print("ready", flush=True)
while True:
    n += 1
    appender.append({"writer": sys.argv[2], "n": n, "filling": "y" * 3000})
"""


def test_no_record_is_lost_or_glued_when_writers_are_killed_in_mid_write(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = JsonlTail(path)
    records: list[dict[str, Any]] = []
    for name in ("a", "b", "c", "d"):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        deadline = time.monotonic() + 30
        while sum(record["writer"] == name for record in records) < 50 and time.monotonic() < deadline:
            records += tail.poll()
        writer.kill()
        writer.wait()
        writer.stdout.close()
        os.truncate(path, path.stat().st_size - 7)  # as if the kill had cut its last write short
    tail_again = read_jsonl(path)
    for name in ("a", "b", "c", "d"):
        numbers = [record["n"] for record in tail_again if record["writer"] == name]
        assert len(numbers) >= 49
        assert numbers == list(range(1, len(numbers) + 1))
