"""YAML in three colours, a line at a time: keys, values, comments."""

from __future__ import annotations

import re

from rich.text import Text

from tui import theme
from tui.clean import clean

_KEY = re.compile(r"^(\s*(?:- +)*)([\w./-]+|\"[^\"]*\"|'[^']*')(\s*:)(?=\s|$)")
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
