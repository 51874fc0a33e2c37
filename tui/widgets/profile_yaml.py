"""YAML in three colours, a line at a time: keys, values, comments."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tui import theme
from tui.clean import clean

_KEY = re.compile(r"^(\s*(?:- +)*)([\w./-]+|\"[^\"]*\"|'[^']*')(\s*:)(?=\s|$)")
_COMMENT_ROOM = 24  # cells
_LONGEST = 2000  # cells; a longer line is no line of a profile that anybody reads


def yaml_line(line: str) -> Text:
    """One line of a YAML text. It looks at this line alone, so a block of free text is coloured as if it were
    YAML."""
    shown = clean(line[:_LONGEST])
    text = Text(shown, theme.style("text"), end="", no_wrap=True)
    comment = _comment_start(shown)
    match = _KEY.match(shown)
    if match and match.end(3) <= comment:
        text.stylize(theme.style("accent"), match.start(2), match.end(2))
        text.stylize(theme.style("muted"), match.start(3), match.end(3))
    text.stylize(theme.style("muted"), comment)
    return text


def wrapped_yaml(line: str, width: int) -> list[Text]:
    """The line in parts of at most `width` cells: a comment goes on below where it began, if it has room
    there."""
    text = yaml_line(line)
    if text.cell_len <= width:
        return [text]
    comment = _comment_start(text.plain)
    start = cell_len(text.plain[:comment])
    if 0 < start <= width - _COMMENT_ROOM and comment < len(text.plain):
        head, tail = text[:comment], text[comment:]
        first, *rest = tail.wrap(_console(), width - start, no_wrap=False)
        indent = " " * (start + 2)
        broken = [part for line in rest for part in line.wrap(_console(), width - start - 2, no_wrap=False)]
        return [Text.assemble(head, first), *(Text.assemble(indent, part) for part in broken)]
    indent = " " * (len(text.plain) - len(text.plain.lstrip()) + 2)
    indent = indent if len(indent) < width // 2 else ""
    first, *rest = text.wrap(_console(), width - len(indent), no_wrap=False)
    return [first, *(Text.assemble(indent, part) for part in rest)]


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)


def _comment_start(line: str) -> int:
    """Where the comment begins: a `#` at the start or after a space, outside of quotes."""
    quote = ""
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (position == 0 or line[position - 1] in " [{,:"):
            quote = character
        elif character == "#" and (position == 0 or line[position - 1] == " "):
            return position
    return len(line)
