"""Verifying a checkpoint: every byte of every file against COMPLETE.json, and the memory of having done so.

Nothing is unpickled or even interpreted: bytes are hashed. That a checkpoint was found good is remembered in
the user's cache directory, keyed by path, names, sizes and modification times, so that lists can show it
without reading gigabytes again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.messages import N_, Message
from runtime.run.complete import COMPLETE, CheckpointFile, Complete, read_complete
from runtime.run.files import ForeignSchema, number, read_json, write_json_atomic
from runtime.run.workspace import user_cache_directory

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) while a checkpoint is read."""

_CHUNK = 4 << 20


@dataclass(frozen=True)
class Verification:
    """What verifying found; `problems` is empty exactly when it is `ok`. `bytes` were read."""

    ok: bool
    problems: tuple[Message, ...]
    bytes: int = 0


def verify_directory(
    directory: Path, progress: Progress | None = None, *, remember: bool = True
) -> Verification:
    """Checks COMPLETE.json, then presence, size and SHA-256 of every file, and that there is no other.

    Problems are returned, not raised, faults of the disk while reading included. A good result is remembered.
    """
    try:
        complete = read_complete(directory)
    except ForeignSchema as error:
        return Verification(False, (error.message,))
    except OSError as error:
        return Verification(False, (_unreadable(COMPLETE, error),))
    if isinstance(complete, Message):
        return Verification(False, (complete,))
    before = _stamp(directory, complete)
    problems = list(_extra_files(directory, complete))
    done = 0
    for file in complete.files:
        problem = _check(directory, file, done, complete.bytes, progress)
        if problem is not None:
            problems.append(problem)
        done += file.bytes
    if not problems and before is None:
        problems.append(Message(N_("files changed while they were read"), {}))
    if not problems and remember and before == _stamp(directory, complete):
        _remember(directory, before)
    return Verification(not problems, tuple(problems), done)


def _check(
    directory: Path, file: CheckpointFile, done: int, total: int, progress: Progress | None
) -> Message | None:
    path = directory / file.name
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return Message(N_("{file} is not a regular file"), {"file": file.name})
        if status.st_size != file.bytes:
            return Message(
                N_("{file} has {found} bytes instead of {expected}"),
                {"file": file.name, "found": status.st_size, "expected": file.bytes},
            )
        digest = _digest(path, done, total, progress)
    except FileNotFoundError:
        return Message(N_("{file} is missing"), {"file": file.name})
    except OSError as error:
        return _unreadable(file.name, error)
    if digest != file.sha256.lower():
        return Message(N_("the content of {file} has changed (SHA-256)"), {"file": file.name})
    return None


def _digest(path: Path, done: int, total: int, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as stream:
        while read := stream.readinto(buffer):
            digest.update(buffer[:read])
            done += read
            if progress is not None:
                progress(done, total)
    return digest.hexdigest()


def _unreadable(name: str, error: OSError) -> Message:
    return Message(
        N_("{file} can't be read: {problem}"), {"file": name, "problem": error.strerror or str(error)}
    )


def _extra_files(directory: Path, complete: Complete) -> Iterator[Message]:
    expected = {file.name for file in complete.files} | {COMPLETE}
    for folder, _, names in os.walk(directory):
        for name in sorted(names):
            found = Path(folder, name).relative_to(directory).as_posix()
            # An NFS client keeps a removed file that is still open as .nfs…; it goes by itself.
            if found not in expected and not name.startswith(".nfs"):
                yield Message(N_("{file} doesn't belong to the checkpoint"), {"file": found})


def _stamp(directory: Path, complete: Complete) -> str | None:
    """Changes whenever a file of the checkpoint may have; None where one is missing."""
    digest = hashlib.sha256(complete.checksum.encode())
    for name in (COMPLETE, *(file.name for file in complete.files)):
        try:
            status = (directory / name).lstat()
        except OSError:
            return None
        digest.update(
            f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\0".encode(errors="replace")
        )
    return digest.hexdigest()


def _mark(directory: Path) -> Path:
    key = hashlib.sha256(os.fsencode(os.path.realpath(directory))).hexdigest()[:32]
    return user_cache_directory() / "verified" / f"{key}.json"


def _remember(directory: Path, stamp: str | None) -> None:
    with suppress(OSError):  # without a writable cache directory it is verified again next time
        mark = _mark(directory)
        mark.parent.mkdir(parents=True, exist_ok=True)
        content = {"checkpoint": str(directory), "stamp": stamp, "time": time.time()}
        write_json_atomic(mark, content, durable=False)


def verified_at(directory: Path, complete: Complete) -> float | None:
    """When this checkpoint, as it lies there, was last found good (Unix seconds); None where it wasn't yet,
    or has changed.
    """
    try:
        mark = read_json(_mark(directory))
    except (OSError, ForeignSchema):
        return None
    if mark is None or mark.get("stamp") != _stamp(directory, complete):
        return None
    return number(mark.get("time"))
