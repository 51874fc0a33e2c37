"""Following a run until it ends: the progress line, the last words, and letting go with ctrl+c."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tui import describe
from tui.cli import describing
from tui.cli.output import Output
from tui.cli.progress import Progress
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.record import RunRecord
    from tui.cli.context import Context

POLL_SECONDS = 0.2
_EXIT_CODES = {"completed": 0, "stopped": 3}
DETACHED = 130
_ADOPT_SECONDS = 2.0


def records(context: Context, run: RunDirectory) -> Iterator[RunRecord]:
    """The run's record, again and again until it has ended;

    a supervisor that dies meanwhile gets a successor.
    """
    from runtime.launch.adoption import adopt_run

    adopted_at = time.monotonic()
    while True:
        record = context.record(run)
        yield record
        if record.ended_state or record.foreign:
            return
        time.sleep(POLL_SECONDS)
        if time.monotonic() - adopted_at > _ADOPT_SECONDS:
            adopt_run(run)
            adopted_at = time.monotonic()


def wait(
    context: Context, run: RunDirectory, out: Output, *, plain_seconds: float = 10.0
) -> RunRecord | None:
    """Shows progress on `out` until the run has ended, and what became of it. None when the user let go."""
    with detaching(out, run) as detach, Progress(out, plain_seconds=plain_seconds) as progress:
        last = None
        for record in records(context, run):
            last = record
            if record.ended_state:
                break
            stage = (record.state, record.summary.phase, record.attempt)
            progress.update(_line(run, record), stage)
        progress.clear()
        assert last is not None
        show_end(out, last)
        return last
    assert detach.detached
    return None


def _line(run: RunDirectory, record: RunRecord) -> str:
    """What the run does. Before its first step that may be preparing data, as rank 0 reports it."""
    if record.state in ("starting", "running") and record.summary.phase not in describing.STEPPING:
        from runtime.run.tail import read_last_records

        for report in read_last_records(run.attempt(record.attempt).report(0), 1, window=4096):
            if text := describing.preparation(report):
                return text
    return describing.progress_line(record)


def show_end(out: Output, record: RunRecord) -> None:
    """What became of a run, with its evidence and what to do next."""
    glyph, style = describe.glyph(record.state), describe.style(record.state)
    out.line((f"{glyph} ", style), (record.run_id, "strong"), "  ", (describe.outcome(record), style))
    out.lines(f"  {line}" for line in describing.explanation(record, out.text_width - 2))


def exit_code(record: RunRecord | None) -> int:
    """0 completed, 3 stopped, 1 anything else; 130 for a wait that was broken off."""
    return DETACHED if record is None else _EXIT_CODES.get(record.state, 1)


class detaching:
    """Ctrl+c inside lets the run go on, and says so."""

    def __init__(self, out: Output, run: RunDirectory, active: Callable[[], bool] | None = None) -> None:
        self.detached = False
        self._out = out
        self._run = run
        self._active = active

    def __enter__(self) -> detaching:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> bool:
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            return False
        self.detached = True
        if self._out.terminal:
            self._out.line()  # after the ^C that the terminal has echoed
        if self._active is None or self._active():
            text = _("The run goes on: headnode show {run} · headnode stop {run}")
            self._out.line(text.format(run=self._run.run_id))
        return True
