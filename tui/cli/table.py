"""Tables: aligned in cells, fitted to the terminal by leaving out what matters least."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.cells import cell_len

from tui.clean import clean
from tui.cli.output import STYLES, Output, Segment
from tui.format import pad

_GAP = 2
_NARROWEST = 6
_WORTH_SHOWING = 12


@dataclass(frozen=True)
class Column:
    """`importance`: the lowest goes first when the terminal is narrow; None always stays.

    `shrinks`: its cells are cut with `…` rather than the column left out. `keep_end`: they are cut at
    their beginning, and only when there is nothing else to leave out (ids, whose end tells them apart).
    """

    title: str
    justify: Literal["left", "right"] = "left"
    importance: int | None = None
    shrinks: bool = False
    keep_end: bool = False


Cell = str | Segment


@dataclass
class Table:
    columns: Sequence[Column]
    rows: list[Sequence[Cell]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        assert len(cells) == len(self.columns)
        self.rows.append(cells)

    def show(self, out: Output, *, header: bool = True, indent: str = "") -> None:
        """Writes the table. Columns without any content are left out; piped, everything is shown in full."""
        texts = [[clean(_text(cell)) for cell in row] for row in self.rows]
        wanted = [i for i in range(len(self.columns)) if any(row[i] for row in texts)]
        widths = {i: self._natural_width(i, texts, header) for i in wanted}
        shown = self._fit(wanted, widths, out.width - cell_len(indent))
        if header:
            titles = [(self.columns[i].title, "dim") for i in shown]
            out.line(indent, *self._line(titles, shown, widths))
        for row in self.rows:
            out.line(indent, *self._line([row[i] for i in shown], shown, widths))

    def _natural_width(self, index: int, texts: list[list[str]], header: bool) -> int:
        title = [self.columns[index].title] if header else []
        return max(cell_len(text) for text in [*title, *(row[index] for row in texts)])

    def _fit(self, wanted: list[int], widths: dict[int, int], width: int) -> list[int]:
        """The columns that are shown; `widths` of those that are cut are made smaller."""
        shown = list(wanted)

        def excess() -> int:
            return sum(widths[i] for i in shown) + _GAP * (len(shown) - 1) - width

        def room() -> int:
            return sum(max(0, widths[i] - _WORTH_SHOWING) for i in shown if self.columns[i].shrinks)

        optional = [i for i in shown if self.columns[i].importance is not None]
        for index in sorted(optional, key=lambda i: (self.columns[i].importance or 0, -i)):
            if excess() <= room():
                break
            shown.remove(index)
        for cut in (
            [i for i in shown if self.columns[i].shrinks],
            [i for i in shown if self.columns[i].keep_end],
        ):
            while cut and excess() > 0:
                widest = max(cut, key=lambda i: widths[i])
                if widths[widest] <= _NARROWEST:
                    break
                widths[widest] -= 1
        return shown

    def _line(self, cells: Iterable[Cell], shown: list[int], widths: dict[int, int]) -> list[Segment]:
        segments: list[Segment] = []
        for position, (cell, index) in enumerate(zip(cells, shown, strict=True)):
            text, style = (cell, "") if isinstance(cell, str) else cell
            justify = self.columns[index].justify
            if position:
                segments.append((" " * _GAP, ""))
            text = clean(text)
            if self.columns[index].keep_end:
                text = _last_cells(text, widths[index])
            segments.append((pad(text, widths[index], justify), style))
        while segments and not segments[-1][0].strip():
            segments.pop()
        if segments:
            segments[-1] = (segments[-1][0].rstrip(), segments[-1][1])
        return segments


def _last_cells(text: str, width: int) -> str:
    """The end of the text in at most `width` cells, beginning with `…` where something was cut."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return f"…{text}"


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def fields(out: Output, rows: Iterable[tuple[str, Cell | Sequence[Cell]]], indent: str = "") -> None:
    """Names and values, one a line; a row without a value is left out."""
    kept = [(name, value) for name, value in rows if value]
    width = max((cell_len(name) for name, _ in kept), default=0)
    for name, value in kept:
        parts: Sequence[Cell] = [value] if isinstance(value, str) or _is_segment(value) else value  # type: ignore[list-item]
        out.line(indent, (pad(name, width), "dim"), "  ", *parts)


def _is_segment(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and value[1] in STYLES
