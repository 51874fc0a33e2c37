"""`heartbeat-<r>`: how far a rank is, overwritten in place by the rank itself.

One line of fixed width, so that a beat is one `pwrite` and needs no rename. Writer and reader may overtake
each other in the middle of it, so a checksum (CRC-32) of what stands before it ends the line: where it
doesn't fit the reader looks again. There is no time in it: its age is the reader's own monotonic time since
`seq` last changed, so that clocks needn't agree.
"""

from __future__ import annotations

import json
import os
import re
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from runtime.run.identity import Identity
from runtime.run.jsontext import SCHEMA, parse_object, schema_of

PHASES = ("import", "load", "compile", "step", "evaluate", "checkpoint", "finish")
WIDTH = 768
"""Bytes, the newline included. Host and boot are at most 64 + 36 characters; the rest is for longer ones to
come."""
_LOOKS = 5
_CHECKSUM = b',"crc":'


@dataclass(frozen=True)
class Heartbeat:
    """One beat: `seq` grows by one each; `step` is the last step begun, None before the first."""

    seq: int
    step: int | None
    phase: str
    identity: Identity | None
    rank: int


class HeartbeatWriter:
    """Beats for one rank. Any thread may beat. The rank's number is taken from the file's name unless it is
    given.
    """

    def __init__(self, path: Path, identity: Identity, rank: int | None = None) -> None:
        if rank is None:
            match = re.fullmatch(r"heartbeat-(\d+)", path.name)
            rank = int(match[1]) if match else 0
        self._tail = f'"rank":{rank},"identity":{json.dumps(identity.to_json(), separators=(",", ":"))}'
        self._lock = threading.Lock()
        before = read_heartbeat(path)
        self._seq = before.seq if before is not None else 0
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def beat(self, phase: str, step: int | None = None) -> None:
        """Writes one beat. Raises OSError as the disk does (ENOSPC at the first one only: later ones need no
        space).
        """
        with self._lock:
            self._seq += 1
            where = f'"phase":{json.dumps(phase)},"step":{"null" if step is None else int(step)}'
            beat = f'{{"schema":{SCHEMA},"seq":{self._seq},{where},{self._tail}'.encode()
            line = beat + f"{_CHECKSUM.decode()}{zlib.crc32(beat)}}}".encode()
            assert len(line) < WIDTH, f"a heartbeat of {len(line)} bytes: {line!r}"
            os.pwrite(self._descriptor, line.ljust(WIDTH - 1) + b"\n", 0)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def read_heartbeat(path: Path) -> Heartbeat | None:
    """The present beat, None where there is none (yet) or it isn't to be read."""
    for _ in range(_LOOKS):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            data = os.pread(descriptor, 2 * WIDTH, 0)
        finally:
            os.close(descriptor)
        beat = _parse(data)
        if beat is not None or not data:
            return beat
    return None


def _parse(data: bytes) -> Heartbeat | None:
    value = parse_object(data)
    if value is None or schema_of(value) > SCHEMA:
        return None
    if value.get("crc") != zlib.crc32(data[: data.rfind(_CHECKSUM)]):
        return None
    seq, step, phase, rank = (value.get(name) for name in ("seq", "step", "phase", "rank"))
    if not isinstance(seq, int) or not isinstance(phase, str):
        return None
    return Heartbeat(
        seq=seq,
        step=step if isinstance(step, int) else None,
        phase=phase,
        identity=Identity.from_json(value.get("identity")),
        rank=rank if isinstance(rank, int) else 0,
    )
