"""Lines of YAML: what is coloured how, and how long ones are broken."""

from __future__ import annotations

import pytest

from tui import theme
from tui.widgets.profile_yaml import wrapped_yaml, yaml_line


def _part(line: str, name: str) -> str:
    """The characters that end up in this colour."""
    text = yaml_line(line)
    styles = [text.style] * len(text.plain)
    for span in text.spans:
        styles[span.start : span.end] = [span.style] * (span.end - span.start)
    return "".join(c for c, style in zip(text.plain, styles, strict=True) if style == theme.style(name))


@pytest.mark.parametrize(
    ("line", "key", "comment"),
    [
        ("job: pretrain", "job", ""),
        ("  layers: 2   # few", "layers", "# few"),
        ("# job: no key", "", "# job: no key"),
        ('url: "a # b"  # c', "url", "# c"),
        ("colour: a#b", "colour", ""),
        ("- path: x", "path", ""),
        ("text: don't  # stop", "text", "# stop"),
        ("just words", "", ""),
    ],
)
def test_keys_and_comments(line: str, key: str, comment: str) -> None:
    assert _part(line, "accent") == key
    assert _part(line, "muted").lstrip(":") == comment


def test_control_characters_never_reach_the_screen() -> None:
    assert yaml_line("name: \x1b[31mred\x07\ttab").plain == "name: red    tab"


@pytest.mark.parametrize("width", [24, 40, 60, 100])
def test_a_broken_line_loses_nothing_and_fits(width: int) -> None:
    line = "  vocabulary_size: 4096  # " + "all that the tokenizer below may learn 词汇表的大小 " * 3
    parts = wrapped_yaml(line, width)
    assert all(part.cell_len <= width for part in parts)
    assert "".join("".join(part.plain.split()) for part in parts) == "".join(line.split())
