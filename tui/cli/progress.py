"""Progress of something long: one line in place on a terminal, plain lines at a humane rate elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from tui.cli.output import Output
from tui.format import truncate

_REDRAW_SECONDS = 0.25
_PLAIN_SECONDS = 10.0


class Progress:
    """Shows the newest state of a job; `with` clears the line at the end.

    On a terminal the line is redrawn at most four times a second. Elsewhere a line appears every ten
    seconds, and at once when `stage` changes, so that a log of it stays short.
    """

    def __init__(
        self,
        out: Output,
        *,
        plain_seconds: float = _PLAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._clock = clock
        self._in_place = out.terminal and not out.dumb
        self._pause = _REDRAW_SECONDS if self._in_place else plain_seconds
        self._shown_at = float("-inf")
        self._stage: object = None
        self._text = ""
        self._drawn = False

    def update(self, text: str, stage: object = None, *, now: bool = False) -> None:
        """`text`:

        the line; `stage`: what is going on, whose change is shown without delay; `now`: shown in any
        case.
        """
        due = now or stage != self._stage or self._clock() - self._shown_at >= self._pause
        if not due or (text == self._text and not now):
            return
        self._stage, self._text, self._shown_at = stage, text, self._clock()
        if self._in_place:
            self._out.stream.write("\r" + self._out.paint(truncate(text, self._out.width - 1)) + "\x1b[K")
            self._drawn = True
        else:
            self._out.line(text)
        self._out.flush()

    def say(self, text: str) -> None:
        """A line that stays, above the progress."""
        self.clear()
        self._out.line(text)
        self._out.flush()
        self._shown_at = float("-inf") if self._in_place else self._shown_at
        self._text = "" if self._in_place else self._text

    def clear(self) -> None:
        if self._drawn:
            self._out.stream.write("\r\x1b[K")
            self._out.flush()
            self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
