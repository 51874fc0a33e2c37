"""`logs`: what the ranks and the supervisor print, cleaned of everything that a terminal would act on."""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import N_, UsageError
from tui.clean import clean
from tui.cli.following import POLL_SECONDS, detaching
from tui.cli.log_source import BLOCK, Source, readable
from tui.cli.parser import Parser, add_common, add_run
from tui.cli.progress import Progress
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.cli.context import Context

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
            ("headnode logs last --all --since 10m", _("ranks, agent and supervisor, merged by time")),
            ("headnode logs last --all --grep 'error|nccl'", _("only lines that match")),
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
    parser.add_argument(
        "--all", action="store_true", help=_("ranks, agent and supervisor as one, in the order of time")
    )
    parser.add_argument(
        "--grep", metavar="PATTERN", help=_("only lines in which this regular expression is found")
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help=_("only what came since: 30m, 2h, 14:32, or '2026-11-24 14:32'; to the second where noted"),
    )
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
    if options.raw and (options.all or options.grep or options.since):
        raise UsageError(N_("--raw gives a log as it is: without --all, --grep and --since"))
    context.options.wanted = _pattern(options.grep)
    context.options.moment = _moment(options.since)
    if options.all:
        from tui.cli.logs_merged import print_all

        if options.supervisor or options.rank != "0":
            raise UsageError(N_("--all stands for every log: without --rank and --supervisor"))
        print_all(context, run, _attempt(options.attempt, run), _FOLLOWED_LINES)
        return 0
    files = _files(context, run)
    for source in files:
        context.readable(source.path)
    if options.raw:
        for source in files:
            _copy(source.path)
        return 0
    if not options.follow:
        if not any(source.path.exists() and source.path.stat().st_size for source in files):
            context.err.line((_("nothing was printed"), "dim"))
        for source in files:
            for line in source.read(options.lines, options.moment):
                _print(context, source, line)
        return 0
    with detaching(context.err, run, lambda: context.record(run).active):
        _follow(context, run, files)
    return 0


def _pattern(text: str | None) -> re.Pattern[str] | None:
    """The expression that lines must match; without capitals in any case."""
    if text is None:
        return None
    try:
        return re.compile(text, re.IGNORECASE if text == text.lower() else 0)
    except (re.error, OverflowError) as error:
        raise UsageError(
            N_("--grep {text} is no regular expression: {error}"), text=repr(text), error=str(error)
        ) from error


def _moment(text: str | None) -> float | None:
    from tui.cli.logs_merged import moment_of

    return None if text is None else moment_of(text, time.time())


def _attempt(wanted: int | None, run: RunDirectory) -> int | None:
    """The attempt that is meant, None where there is none yet. Raises UsageError for one that isn't there."""
    attempts = run.attempt_numbers()
    if wanted is not None and wanted not in attempts:
        raise UsageError(
            N_("{run} has no attempt {attempt}; it has {attempts}"),
            run=run.run_id,
            attempt=wanted,
            attempts=", ".join(map(str, attempts)) or "0",
        )
    return wanted if wanted is not None else attempts[-1] if attempts else None


def _files(context: Context, run: RunDirectory) -> list[Source]:
    """The logs that are asked for. Raises UsageError where there is no such attempt or rank."""
    options = context.options
    if options.supervisor:
        return [Source(run.supervisor_log, None, None)]
    number = _attempt(options.attempt, run)
    if number is None:
        return []
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
    several, files = len(ranks) > 1, run.attempt(number)
    return [
        Source(files.log(rank), number, rank, f"[{rank}] " if several else "", files.times(rank))
        for rank in ranks
    ]


def _follow(context: Context, run: RunDirectory, sources: list[Source]) -> None:
    options = context.options
    for source in sources:
        unsaid = options.lines is None and options.moment is None
        source.start(_FOLLOWED_LINES if unsaid else options.lines, options.moment)
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
        bar.update(source.prefix + readable(partial[-BLOCK:]))  # a progress bar that redraws its line


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
    if context.options.wanted is not None and not context.options.wanted.search(text):
        return
    if context.options.json:
        context.out.json_line({"attempt": source.attempt, "rank": source.rank, "line": text})
    else:
        context.out.line((source.prefix, "dim"), text)


def _copy(path: Path) -> None:
    import shutil

    sys.stdout.flush()
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except FileNotFoundError:
        return
