"""Argument parsers whose help teaches, in the reader's language."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from rich.cells import cell_len

from runtime.messages import N_
from tui import i18n
from tui.clean import clean
from tui.cli.text import wrap

# argparse looks its own sentences up by these names in its module. They stand here for the extractor.
_ARGPARSE_SENTENCES = (
    N_("usage: "),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid %(type)s value: %(value)r"),
    N_("not allowed with argument %s"),
    N_("one of the arguments %s is required"),
    N_("expected one argument"),
    N_("expected at least one argument"),
    N_("ignored explicit argument %r"),
)


def use_translations() -> None:
    """Lets argparse find its sentences in our catalogue."""
    vars(argparse)["_"] = i18n._
    vars(argparse)["ngettext"] = i18n.ngettext


class UsageProblem(Exception):
    """The command line doesn't parse; `usage` is how it should look."""

    def __init__(self, problem: str, usage: str, prog: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.usage = usage
        self.prog = prog


class Parser(argparse.ArgumentParser):
    """A parser for one verb; raises UsageProblem instead of leaving the process."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False, formatter_class=_Formatter, **options)
        self._positionals.title = i18n._("What to name")
        self._optionals.title = i18n._("Options")

    def teach(
        self,
        description: str,
        examples: Iterable[tuple[str, str]] = (),
        more: str = "",
    ) -> None:
        """`description`: paragraphs, separated by an empty line. `examples`: command lines and what they do.

        `more`: what to do next, or what else to know.
        """
        self.description = description
        lines: list[str] = []
        pairs = list(examples)
        if pairs:
            lines.append(i18n._("Examples") + ":")
            for command, meaning in pairs:
                lines.append(f"  {command}")
                lines += wrap(meaning, _width(), " " * 6)
        if more:
            lines += ["", *wrap(more, _width())] if lines else wrap(more, _width())
        self.epilog = "\n".join(lines)

    def settle_usage(self) -> None:
        """Fixes the usage line, which argparse would otherwise cut after the 7 cells of an English prefix."""
        prefix = i18n._("usage: ")
        first, *rest = self.format_usage().removeprefix(prefix).rstrip().split("\n")
        wider = " " * (cell_len(prefix) - len(prefix))
        self.usage = "\n".join([first, *(wider + line for line in rest)]).replace("%", "%%")

    def error(self, message: str) -> NoReturn:
        raise UsageProblem(message, self.format_usage(), self.prog)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=_width())

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n") if "\n  " not in text else [text]
        if len(paragraphs) == 1 and "\n  " in text:
            return text  # examples: laid out already
        return "\n\n".join("\n".join(wrap(paragraph, width, indent)) for paragraph in paragraphs)


def _width() -> int:
    return max(40, min(100, shutil.get_terminal_size((100, 24)).columns) - 2)


def add_common(parser: Parser, *, json: bool | str = False) -> None:
    """The options of every verb. `json`: what `--json` prints, where the verb prints data."""
    _ = i18n._
    group = parser.add_argument_group(_("Options of every verb"))
    if json:
        parser.add_argument(
            "--json", action="store_true", help=json if isinstance(json, str) else _("print JSON")
        )
    group.add_argument(
        "--workspace",
        metavar="DIR",
        help=_(
            "the directory with profiles/ and logs/; without it HEADNODE_WORKSPACE, the nearest one upwards "
            "from here, or the one used last"
        ),
    )
    group.add_argument("--lang", metavar="CODE", help=_("language: en or zh"))
    group.add_argument("-h", "--help", action="help", help=_("show this help"))


def add_option_overrides(parser: Parser) -> None:
    """`-o KEY=VALUE`, as `option_overrides`."""
    _ = i18n._
    parser.add_argument(
        "-o",
        dest="option_overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=_("change a value of the profile, such as -o train.steps=100; -o can be left out; repeatable"),
    )


def add_overrides(parser: Parser) -> None:
    """`-o KEY=VALUE`, and the same without `-o`."""
    _ = i18n._
    add_option_overrides(parser)
    parser.add_argument(
        "overrides",
        nargs="*",
        default=[],
        type=override,
        metavar="KEY=VALUE",
        help=_("the same as -o KEY=VALUE"),
    )


def override(text: str) -> str:
    """An override has a `=`; anything else is likely a forgotten option or a second name."""
    key, sign, _value = text.partition("=")
    if not sign or not key.strip():
        raise argparse.ArgumentTypeError(
            i18n._("{text} is no KEY=VALUE, such as train.steps=100").format(text=repr(clean(text)))
        )
    return text


def overrides_of(options: argparse.Namespace) -> list[str]:
    """All overrides in a fixed order: those after -o last, so that they win."""
    return [*options.overrides, *(override_checked(text) for text in options.option_overrides)]


def override_checked(text: str) -> str:
    try:
        return override(text)
    except argparse.ArgumentTypeError as error:
        raise UsageProblem(str(error), "", "headnode") from error


def add_run(parser: Parser, help: str = "", *, step: bool = False, optional: bool = False) -> None:
    """The argument that names a run."""
    _ = i18n._
    text = help or _("id, unique prefix or part of the id, or last")
    parser.add_argument(
        "run", metavar="RUN[@STEP]" if step else "RUN", help=text, nargs="?" if optional else None
    )


def parse(parser: Parser, arguments: Sequence[str]) -> argparse.Namespace:
    """Also accepts options between and after positional arguments."""
    parser.settle_usage()
    return parser.parse_intermixed_args(list(arguments))
