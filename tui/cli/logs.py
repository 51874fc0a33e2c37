"""`logs`: what the ranks and the supervisor print, cleaned of everything that a terminal would act on."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from tui.clean import clean
from tui.cli.following import POLL_SECONDS, detaching
from tui.cli.parser import Parser, add_common, add_run
from tui.cli.progress import Progress
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context

_BLOCK = 1 << 16
_FOLLOWED_LINES = 20


def logs_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Prints what the processes of a run have printed, in its latest attempt. Control characters "
            "and terminal escapes are taken out, and of a progress bar that redraws its line only the last "
            "state is kept."
        ),
        [
            ("headnode logs last -f", _("the last 20 lines, and what comes from now on")),
            ("headnode logs last -n 100 --rank 1", _("the last 100 lines of rank 1")),
            ("headnode logs last --rank all", _("all ranks, one after the other; with -f as they come")),
            ("headnode logs last --attempt 1 --raw > log", _("the first attempt's log, byte for byte")),
            ("headnode logs last --supervisor", _("what the run's supervisor has to say")),
        ],
    )
    add_run(parser)
    parser.add_argument("-f", "--follow", action="store_true", help=_("go on until the run is over"))
    parser.add_argument(
        "-n", "--lines", type=_whole_number, metavar="N", help=_("only the last N lines; with -f 20")
    )
    parser.add_argument(
        "--rank", default="0", metavar="R", help=_("which process: its rank, or all; 0 unless said")
    )
    parser.add_argument(
        "--attempt", type=_whole_number, metavar="N", help=_("which attempt; the latest unless said")
    )
    parser.add_argument("--supervisor", action="store_true", help=_("the supervisor's log instead"))
    parser.add_argument("--raw", action="store_true", help=_("bytes as they are, into a file or a pipe only"))
    add_common(parser, json=_("print one JSON object a line: attempt, rank, line"))


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(_("{text} is no whole number").format(text=repr(clean(text))))
    return int(text)


def logs(context: Context) -> int:
    options = context.options
    run = context.run(options.run)
    if options.raw and (context.out.terminal or options.json or options.follow):
        raise UsageError(
            N_("--raw goes into a file or a pipe, and without -f or --json: it is not safe on a terminal")
        )
    files = _files(context, run)
    for source in files:
        context.readable(source.path)
    if options.raw:
        for source in files:
            _copy(source.path)
        return 0
    if not options.follow:
        for source in files:
            for line in source.read(options.lines):
                _print(context, source, line)
        return 0
    with detaching(context.err, run, lambda: context.record(run).active):
        _follow(context, run, files)
    return 0


class Source:
    """One log file: where it lies, and whose it is."""

    def __init__(self, path: Path, attempt: int | None, rank: int | None, prefix: str = "") -> None:
        from runtime.run.tail import LineTail

        self.path = path
        self.attempt = attempt
        self.rank = rank
        self.prefix = prefix
        self.tail = LineTail(path)

    def read(self, last: int | None) -> Iterator[bytes]:
        """What is there now, a half line at the end included; `last`: only so many lines."""
        if last is not None:
            self.tail.offset = last_lines_offset(self.path, last)
        while lines := self.tail.poll(_BLOCK * 16):
            yield from lines
        if self.tail.partial:
            yield self.tail.partial


def _files(context: Context, run: RunDirectory) -> list[Source]:
    """The logs that are asked for. Raises UsageError where there is no such attempt or rank."""
    options = context.options
    if options.supervisor:
        return [Source(run.supervisor_log, None, None)]
    attempts = run.attempt_numbers()
    if options.attempt is not None and options.attempt not in attempts:
        raise UsageError(
            N_("{run} has no attempt {attempt}; it has {attempts}"),
            run=run.run_id,
            attempt=options.attempt,
            attempts=", ".join(map(str, attempts)) or "0",
        )
    if not attempts:
        return []
    number = attempts[-1] if options.attempt is None else options.attempt
    ranks = run.attempt(number).log_ranks()
    if options.rank != "all":
        if not options.rank.isdecimal():
            raise UsageError(N_("--rank takes a number or all, not {rank}"), rank=repr(options.rank))
        wanted = int(options.rank)
        if wanted not in ranks and ranks:
            raise UsageError(
                N_("{run} has no log of rank {rank}; ranks: {ranks}"),
                run=run.run_id,
                rank=wanted,
                ranks=f"0–{ranks[-1]}" if len(ranks) > 1 else "0",
            )
        ranks = [wanted]
    several = len(ranks) > 1
    return [
        Source(run.attempt(number).log(rank), number, rank, f"[{rank}] " if several else "") for rank in ranks
    ]


def _follow(context: Context, run: RunDirectory, sources: list[Source]) -> None:
    options = context.options
    for source in sources:
        source.tail.offset = last_lines_offset(
            source.path, _FOLLOWED_LINES if options.lines is None else options.lines
        )
    with Progress(context.out) as bar:
        while True:
            over = not context.record(run).active
            for source in sources:
                _print_new(context, source, bar, last=over)
            context.out.flush()
            if over:
                return
            time.sleep(POLL_SECONDS)
            sources = _next_attempt(context, run, sources)


def _print_new(context: Context, source: Source, bar: Progress, *, last: bool) -> None:
    lines = source.tail.poll()
    if lines:
        bar.clear()
    for line in lines:
        _print(context, source, line)
    partial = source.tail.partial
    if partial and last:
        bar.clear()
        _print(context, source, partial)
    elif partial and context.out.terminal and not context.options.json:
        bar.update(source.prefix + readable(partial[-_BLOCK:]))  # a progress bar that redraws its line


def _next_attempt(context: Context, run: RunDirectory, sources: list[Source]) -> list[Source]:
    """The logs of a new attempt once there is one, unless one was named."""
    options = context.options
    attempts = run.attempt_numbers()
    if options.supervisor or options.attempt is not None or not attempts:
        return sources
    shown = sources[0].attempt if sources else None
    if shown == attempts[-1] and (
        options.rank != "all" or len(sources) == len(run.attempt(attempts[-1]).log_ranks())
    ):
        return sources
    if shown == attempts[-1]:  # more ranks have begun to print
        known = {source.rank for source in sources}
        return sources + [source for source in _files(context, run) if source.rank not in known]
    if shown is not None:
        context.err.line((_("attempt {number}").format(number=attempts[-1]), "dim"))
    return _files(context, run)


def _print(context: Context, source: Source, line: bytes) -> None:
    text = readable(line)
    if context.options.json:
        context.out.json_line({"attempt": source.attempt, "rank": source.rank, "line": text})
    else:
        context.out.line((source.prefix, "dim"), text)


def readable(line: bytes) -> str:
    """A log line as a terminal would have left it, without what it would have acted on.

    Carriage returns overwrite the line (progress bars), so the last state counts.
    """
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return clean(next((part for part in reversed(text.split("\r")) if part.strip()), ""))


def last_lines_offset(path: Path, lines: int) -> int:
    """Where the last `lines` lines of a file begin, in bytes; read backwards, so that size doesn't matter."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            if lines == 0 or end == 0:
                return end
            position, missing = end, lines
            while position > 0:
                start = max(0, position - _BLOCK)
                file.seek(start)
                block = file.read(position - start)
                search_to = len(block) - 1 if position == end and block.endswith(b"\n") else len(block)
                while (found := block.rfind(b"\n", 0, search_to)) >= 0:
                    missing -= 1
                    if missing == 0:
                        return start + found + 1
                    search_to = found
                position = start
            return 0
    except FileNotFoundError:
        return 0


def _copy(path: Path) -> None:
    import shutil

    sys.stdout.flush()
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except FileNotFoundError:
        return
