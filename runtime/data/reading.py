"""Files to documents, a piece at a time: what is held in memory does not grow with the file."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from runtime.data.documents import Document, Skipped
from runtime.data.sources import SourceFile

LONG_TEXT = 256 * 1024
"""Bytes above which a text file is cut into documents of at most PIECE bytes, at blank lines or line ends."""
PIECE = 64 * 1024
LONGEST_LINE = 32 * 1024 * 1024
"""Bytes of the longest JSONL line that is read; longer ones are skipped and counted."""

BytesRead = Callable[[int], None]


def read_documents(
    files: Iterable[SourceFile], skipped: Skipped, on_bytes: BytesRead = lambda count: None
) -> Iterator[Document]:
    """Documents of `files` in order. A text file up to LONG_TEXT bytes is one document, a JSONL line is one.

    What cannot be used is counted in `skipped`. `on_bytes` is told of every chunk of bytes consumed.
    """
    for file in files:
        reader = _jsonl if file.format == "jsonl" else _text
        try:
            with file.path.open("rb") as stream:
                yield from reader(stream, file, skipped, on_bytes)
        except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
            skipped.add("unreadable", f"{file.name}: {error.strerror}")


def _text(stream: BinaryIO, file: SourceFile, skipped: Skipped, on_bytes: BytesRead) -> Iterator[Document]:
    head = stream.read(LONG_TEXT + 1)
    pieces = [head] if len(head) <= LONG_TEXT else _pieces(stream, head)
    offset = 0
    for piece in pieces:
        on_bytes(len(piece))
        origin = f"{file.name}@{offset}" if offset or len(head) > LONG_TEXT else file.name
        content = piece.removeprefix(codecs.BOM_UTF8) if offset == 0 else piece
        offset += len(piece)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            skipped.add("not_utf8", origin)
            continue
        if text.strip():
            yield Document(text, origin)
        else:
            skipped.add("empty", origin)


def _pieces(stream: BinaryIO, head: bytes) -> Iterator[bytes]:
    """Cuts a long stream into pieces of at most PIECE bytes, never inside a UTF-8 character."""
    buffer = head
    while buffer:
        if len(buffer) < PIECE and (more := stream.read(LONG_TEXT)):
            buffer += more
            continue
        cut = _cut(buffer)
        yield buffer[:cut]
        buffer = buffer[cut:]


def _cut(buffer: bytes) -> int:
    """Where to end a piece: after the last blank line in its second half, else the last line end, else a
    character.
    """
    if len(buffer) <= PIECE:
        return len(buffer)
    for separator in (b"\n\n", b"\n"):
        found = buffer.rfind(separator, PIECE // 2, PIECE)
        if found >= 0:
            return found + len(separator)
    cut = PIECE
    while (
        cut > PIECE - 4 and (buffer[cut] & 0xC0) == 0x80
    ):  # a continuation byte belongs to the character before
        cut -= 1
    return cut


def _jsonl(stream: BinaryIO, file: SourceFile, skipped: Skipped, on_bytes: BytesRead) -> Iterator[Document]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        origin = f"{file.name}:{number}"
        on_bytes(len(line))
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            skipped.add("too_long", origin)
            while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                on_bytes(len(rest))
            on_bytes(len(rest))
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        text = _line_text(line, file.text_key, origin, skipped)
        if text is not None:
            yield Document(text, origin)


def _line_text(line: bytes, text_key: str, origin: str, skipped: Skipped) -> str | None:
    if not line.strip():
        return None  # a blank line between records is not a record
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        skipped.add("not_utf8", origin)
        return None
    except (ValueError, RecursionError):
        skipped.add("not_json", origin)
        return None
    reason, text = _usable_text(record, text_key)
    if reason is not None:
        skipped.add(reason, origin)
    return text


def _usable_text(record: object, text_key: str) -> tuple[str | None, str | None]:
    """(why the record can't be used, None) or (None, its text)."""
    if not isinstance(record, dict):
        return "not_json", None
    text = record.get(text_key)
    if not isinstance(text, str):
        return "no_text", None
    try:
        text.encode("utf-8")  # a lone surrogate ("\ud800") is valid JSON and no text
    except UnicodeEncodeError:
        return "not_utf8", None
    return (None, text) if text.strip() else ("empty", None)
