"""From the words of a command line to the verb and its exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.cells import cell_len

from runtime.messages import HeadnodeError
from tui import i18n, preferences
from tui.clean import clean
from tui.cli.output import Output, open_streams, prepare_streams, silence
from tui.cli.parser import Parser, UsageProblem, parse, use_translations
from tui.cli.text import wrap
from tui.cli.verbs import GROUPS, VERBS
from tui.format import pad
from tui.store.memory import Memory

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 3
INTERRUPTED = 130


def run(arguments: list[str]) -> int:
    """Runs one command.

    Errors that its user can mend are one sentence on standard error; never a traceback for those.
    """
    open_streams()
    prepare_streams()
    wanted = _language(arguments)
    i18n.setup(wanted, stored=preferences.language(Memory()))
    use_translations()
    err = Output(sys.stderr)
    try:
        _check_language(wanted)
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        silence(sys.stdout)
        return DONE
    except KeyboardInterrupt:
        _flush()
        return INTERRUPTED
    except SystemExit as leaving:  # argparse after --help
        _flush()
        return leaving.code if isinstance(leaving.code, int) else DONE
    except UsageProblem as problem:
        _flush()
        err.line(("headnode: ", "failed"), problem.problem)
        err.lines(line for line in problem.usage.rstrip().split("\n") if line)
        err.line((i18n._("More: {command} --help").format(command=problem.prog), "dim"))
        return USAGE
    except HeadnodeError as error:
        _flush()
        show_error(err, error)
        return error.exit_code
    except OSError as error:
        _flush()
        err.line(("headnode: ", "failed"), os_error(error))
        return FAILED
    return code


def show_error(err: Output, error: HeadnodeError) -> None:
    """One sentence, or one line for each problem of a profile: `file:line: key: what is wrong`."""
    for check in getattr(error, "checks", ()):  # PreflightFailed: what failed, and how to mend it
        err.line(("headnode: ", "failed"), i18n.render(check.message))
        if check.fix is not None:
            err.line("    ", i18n.render(check.fix))
    if getattr(error, "checks", ()):
        return
    problems = getattr(error, "problems", None)
    if not problems:
        err.line(("headnode: ", "failed"), i18n.render(error.message))
        return
    for problem in problems:
        place = ":".join(clean(part) for part in (problem.file, problem.line) if part not in (None, ""))
        where = ": ".join(part for part in (place, clean(problem.key or "")) if part)
        err.line(("headnode: ", "failed"), f"{where}: " if where else "", i18n.render(problem.message))


def os_error(error: OSError) -> str:
    """What the system said, with the file that it said it of."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def _language(arguments: Sequence[str]) -> str | None:
    """What `--lang` says: needed before there are parsers, whose help it is the language of."""
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
        if argument == "--lang" and position + 1 < len(arguments):
            return arguments[position + 1]
    return None


def _check_language(wanted: str | None) -> None:
    if wanted is not None and wanted.replace("-", "_").split("_")[0].lower() not in i18n.LANGUAGES:
        problem = i18n._("there is no language {code}; there are {codes}")
        codes = ", ".join(i18n.LANGUAGES)
        raise UsageProblem(problem.format(code=repr(clean(wanted)), codes=codes), "", "headnode")


def _dispatch(arguments: list[str]) -> int:
    position = _verb_position(arguments)
    if position is None:
        return _without_verb(arguments)
    name = arguments[position]
    verb = VERBS.get(name)
    if verb is None:
        raise _unknown_verb(name)
    declare, command = verb.load()
    parser = Parser(f"headnode {name}")
    declare(parser)
    options = parse(parser, [*arguments[position + 1 :], *_as_options(arguments[:position])])
    from tui.cli.context import Context

    return command(Context(options))


def _as_options(before: list[str]) -> list[str]:
    """Global options may stand before the verb: they mean the same after it."""
    return [argument for argument in before if argument != "--"]


def _verb_position(arguments: list[str]) -> int | None:
    """Where the verb stands: the first word that is no global option and no value of one."""
    skip = False
    for position, argument in enumerate(arguments):
        if skip:
            skip = False
        elif argument in ("--workspace", "--lang"):
            skip = True
        elif not argument.startswith("-"):
            return position
    return None


def _unknown_verb(name: str) -> UsageProblem:
    from difflib import get_close_matches

    near = get_close_matches(name, VERBS, n=1, cutoff=0.6)
    problem = i18n._("there is no command {name}").format(name=repr(clean(name)))
    if near:
        problem += "; " + i18n._("did you mean {name}?").format(name=near[0])
    return UsageProblem(problem, "", "headnode")


def _without_verb(arguments: list[str]) -> int:
    parser = Parser("headnode")
    parser.add_argument("--workspace", metavar="DIR")
    parser.add_argument("--lang", metavar="CODE")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--no-mouse", action="store_true")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    options = parser.parse_args(arguments)
    out = Output(sys.stdout)
    if options.version:
        out.line(f"headnode {version()}")
        return DONE
    if options.help:
        show_help(out)
        return DONE
    return _panel(options)


def _panel(options: argparse.Namespace) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageProblem(i18n._("the panel needs a terminal; without one, try headnode ls"), "", "headnode")
    from runtime.settings import load_or_default
    from tui.app import run_panel
    from tui.cli.context import Context

    context = Context(options)
    untouched = options.read_only or load_or_default()[0].panel.read_only
    workspace = context.workspace_untouched if untouched else context.workspace
    return run_panel(
        workspace, language=options.lang, read_only=options.read_only, mouse=not options.no_mouse
    )


def version() -> str:
    """The installed version, or that of the source tree."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("headnode")
    except PackageNotFoundError:
        return "0 (not installed)"


def show_help(out: Output) -> None:
    """All verbs, by what they are for."""
    _ = i18n._
    width = out.text_width
    out.line(("headnode", "strong"), "  ", _("a terminal control panel for training language models"))
    out.line()
    out.line("  ", ("headnode", "accent"), "                     ", _("open the panel"))
    out.line(
        "  ",
        ("headnode --read-only", "accent"),
        "         ",
        _("the panel, for looking only; nothing can be changed"),
    )
    out.line(
        "  ",
        ("headnode --no-mouse", "accent"),
        "          ",
        _("the panel, leaving the mouse to the terminal"),
    )
    out.line("  ", (_("headnode VERB --help"), "accent"), "         ", _("what a verb does, with examples"))
    shown = [f"{verb.name} {verb.usage}".rstrip() for verb in VERBS.values()]
    column = max(cell_len(text) for text in shown) + 2
    for title, verbs in GROUPS:
        out.line()
        out.line((_(title), "strong"))
        for verb in verbs:
            lines = wrap(_(verb.summary), max(30, width - column - 2))
            out.line("  ", (pad(f"{verb.name} {verb.usage}".rstrip(), column), "accent"), lines[0])
            out.lines(" " * (column + 2) + line for line in lines[1:])
    out.line()
    out.lines(
        wrap(
            _(
                "A run is named by its id, a unique prefix or part of it, or last; a checkpoint is RUN@STEP. "
                "Every verb takes --workspace DIR and --lang en|zh; those that print data take --json."
            ),
            width,
        )
    )
    out.line(_("Exit codes: 0 done, 1 failed, 2 usage or bad profile, 3 stopped."))


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
