"""Two checkpoints beside each other, as lines: what their COMPLETE.json says, and nothing is read beyond
that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.clean import clean
from tui.format import DASH, count, duration, loss, number, pad, short_count, size
from tui.i18n import _

if TYPE_CHECKING:
    from runtime.run.checkpoints import Checkpoint
    from runtime.run.complete import Complete


@dataclass(frozen=True)
class Compared:
    """One line: a label, both values, and the difference where there is one to tell."""

    label: str
    first: str
    second: str
    difference: str = ""

    @property
    def same(self) -> bool:
        return self.first == self.second


def compared(first: Complete, second: Complete, sizes: tuple[int, int]) -> Iterator[Compared]:
    """All that can be compared, what matters most first; `sizes` in bytes."""
    yield Compared(_("step"), count(first.step), count(second.step), _signed(second.step - first.step))
    trained = second.tokens - first.tokens
    sign = "+" if trained > 0 else "-"
    change = f"{sign}{short_count(abs(trained))}" if trained else ""
    yield Compared(_("tokens"), short_count(first.tokens), short_count(second.tokens), change)
    for name in dict.fromkeys([*first.metrics, *second.metrics]):
        old, new = first.metrics.get(name), second.metrics.get(name)
        shown = loss if name.endswith("loss") else number
        change = f"{new - old:+.4g}" if old is not None and new is not None else ""
        yield Compared(
            clean(name), DASH if old is None else shown(old), DASH if new is None else shown(new), change
        )
    yield Compared(_("world"), _world(first), _world(second))
    for name in dict.fromkeys([*first.versions, *second.versions]):
        yield Compared(
            clean(name), clean(first.versions.get(name, DASH)), clean(second.versions.get(name, DASH))
        )
    yield Compared(_("data"), _brief(first.data_fingerprint), _brief(second.data_fingerprint))
    yield Compared(_("size"), size(sizes[0]), size(sizes[1]), _sized(sizes[1] - sizes[0]))
    files = {file.name: file.bytes for file in first.files}, {file.name: file.bytes for file in second.files}
    for name in sorted(files[0].keys() | files[1].keys()):
        old_size, new_size = files[0].get(name), files[1].get(name)
        change = _sized(new_size - old_size) if old_size is not None and new_size is not None else ""
        cells = [DASH if value is None else size(value) for value in (old_size, new_size)]
        yield Compared(f"  {clean(name)}", cells[0], cells[1], change)


def distance(first: Complete, second: Complete) -> str | None:
    """How far they are apart, where both are of one run."""
    if first.run_id != second.run_id:
        return None
    text = _("{steps} steps, {tokens} tokens and {duration} apart")
    return text.format(
        steps=count(abs(second.step - first.step)),
        tokens=short_count(abs(second.tokens - first.tokens)),
        duration=duration(abs(second.time - first.time)),
    )


def compare_lines(first: Checkpoint, second: Checkpoint, width: int) -> list[Text]:
    """The table in `width` cells, the older one at the left if both are of one run."""
    assert first.complete is not None
    assert second.complete is not None
    rows = list(compared(first.complete, second.complete, (first.bytes, second.bytes)))
    muted, text = theme.style("muted"), theme.style("text")
    heads = _heads(first, second)
    labels = max(Text(row.label).cell_len for row in rows)
    changes = max(Text(row.difference).cell_len for row in rows)
    label_width = min(labels, max(12, width // 3))
    room = max(8, (width - label_width - changes - 8) // 2)
    cells = [cell for row in rows for cell in (row.first, row.second)]
    widest = max(Text(cell).cell_len for cell in (*heads[0], *heads[-1], *cells))
    column = min(widest, room)
    lines = [
        Text.assemble(
            pad("", label_width + 2),
            (pad(left, column, "right"), theme.style("bold text")),
            "  ",
            (pad(right, column, "right"), theme.style("bold text")),
        )
        for left, right in heads
    ]
    for row in rows:
        style = muted if row.same else text
        lines.append(
            Text.assemble(
                (pad(row.label, label_width + 2), muted),
                (pad(row.first, column, "right"), style),
                "  ",
                (pad(row.second, column, "right"), style),
                ("  " + pad(row.difference, changes, "right"), theme.style("accent")),
            )
        )
    return lines


def _heads(first: Checkpoint, second: Checkpoint) -> list[tuple[str, str]]:
    """The steps; above them the runs, where they are two."""
    assert first.complete is not None
    assert second.complete is not None
    steps = (f"@{first.step}", f"@{second.step}")
    if first.complete.run_id == second.complete.run_id:
        return [steps]
    return [(describe.short_id(first.complete.run_id), describe.short_id(second.complete.run_id)), steps]


def _world(complete: Complete) -> str:
    return f"{clean(complete.strategy)} {complete.world_size}"


def _brief(fingerprint: str | None) -> str:
    return clean(fingerprint or DASH)[:12]


def _signed(difference: int) -> str:
    return f"{difference:+,}" if difference else ""


def _sized(difference: int) -> str:
    return f"{'+' if difference > 0 else '-'}{size(abs(difference))}" if difference else ""
