"""Text in terminal cells: wrapping where Chinese has no spaces to break at."""

from __future__ import annotations

from rich.cells import cell_len


def wrap(text: str, width: int, indent: str = "", first: str | None = None) -> list[str]:
    """Lines of at most `width` cells, broken at spaces and between wide characters.

    `indent` begins each line, `first` the first one instead. A word that is wider than a line stays whole.
    """
    prefix = indent if first is None else first
    line, lines, space = prefix, [], ""
    for word in _words(text):
        if word == " ":
            space = " " if line.strip() else ""
            continue
        if line.strip() and cell_len(line + space + word) > width:
            lines.append(line)
            line, space = indent, ""
        line += space + word
        space = ""
    if line.strip() or not lines:
        lines.append(line)
    return [line.rstrip() for line in lines]


def _words(text: str) -> list[str]:
    """Words, single spaces between them, and every wide character by itself with the punctuation that
    follows it.
    """
    words: list[str] = []
    current = ""
    for character in " ".join(text.split()):
        if character == " ":
            words += [current] if current else []
            words.append(" ")
            current = ""
        elif cell_len(character) == 2 and character not in "，。、：；！？）」》”":
            words += [current] if current else []
            current = character
        elif current and cell_len(current[0]) == 2 and character not in "，。、：；！？）」》”":
            words += [current]
            current = character
        else:
            current += character
    return [*words, current] if current else words
