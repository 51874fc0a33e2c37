"""What the command line writes, and the only place where it writes.

Everything that is printed is cleaned of control characters here, whatever its source; colours are added
afterwards, for a terminal only.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from runtime.run.files import plain
from tui.clean import clean

Segment = tuple[str, str]
"""A text and its style: a key of STYLES, or ""."""

STYLES = {
    "": "",
    "strong": "1",
    "dim": "2",
    "muted": "2",
    "accent": "36",
    "running": "36",
    "done": "32",
    "warning": "33",
    "failed": "31",
}
_WIDTH_WHEN_PIPED = 10_000


class Output:
    """Standard output or error with what the terminal behind it can do."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.terminal = _is_terminal(stream)
        self.dumb = os.environ.get("TERM", "") in ("dumb", "")
        self.colour = self.terminal and not self.dumb and not os.environ.get("NO_COLOR")

    @property
    def width(self) -> int:
        """Cells in a line now; practically without limit where no terminal shows it."""
        if not self.terminal:
            return _WIDTH_WHEN_PIPED
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except OSError:
            return 80

    @property
    def text_width(self) -> int:
        """Cells for running text, which is hard to read when it is wide."""
        return min(self.width, 100)

    def line(self, *parts: str | Segment) -> None:
        """One line of plain texts and styled segments."""
        self.stream.write(self.paint(*parts) + "\n")

    def lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.line(line)

    def paint(self, *parts: str | Segment) -> str:
        """The parts as one string, cleaned, with colours where the terminal has them."""
        return "".join(self._segment(part) for part in parts)

    def json(self, value: Any) -> None:
        """One JSON document, indented for a person when a terminal shows it."""
        self.stream.write(dump(value, 2) + "\n")

    def json_line(self, value: Any) -> None:
        """One JSON object on one line, for streams."""
        self.stream.write(dump(value, None) + "\n")

    def flush(self) -> None:
        self.stream.flush()

    def _segment(self, part: str | Segment) -> str:
        text, style = (part, "") if isinstance(part, str) else part
        text = clean(text)
        code = STYLES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if code and self.colour and text else text


def dump(value: Any, indent: int | None) -> str:
    """JSON as the run directory's files have it.

    Control characters are escaped by JSON itself, those of C1 here.
    """
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)
    return "".join(f"\\u{ord(c):04x}" if _hidden(c) else c for c in text) if _needs_care(text) else text


def _needs_care(text: str) -> bool:
    return not text.isascii() and any(_hidden(character) for character in text)


def _hidden(character: str) -> bool:
    code = ord(character)
    return (
        0x7F <= code <= 0x9F
        or 0x202A <= code <= 0x202E
        or 0x2066 <= code <= 0x2069
        or 0xD800 <= code <= 0xDFFF
    )


def _is_terminal(stream: TextIO) -> bool:
    with contextlib.suppress(ValueError, OSError):
        return stream.isatty()
    return False


def open_streams() -> None:
    """A stream that the caller has closed (`>&-`) swallows what is written: Python leaves None in its place.

    The three lowest file descriptors are taken first, so that no file opened later is mistaken for a stream.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(null)
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def prepare_streams() -> None:
    """Never fails for a character that the terminal's encoding lacks;

    UTF-8 where the locale is plain ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            ascii_only = (stream.encoding or "").lower().replace("-", "") in (
                "ascii",
                "usascii",
                "ansi_x3.41968",
            )
            reconfigure(encoding="utf-8" if ascii_only else None, errors="replace")


def silence(stream: TextIO) -> None:
    """After a broken pipe: the flush at exit must not complain about the same pipe again."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def join(parts: Sequence[str], separator: str = "   ") -> str:
    """The parts that say something, one after the other."""
    return separator.join(part for part in parts if part)
