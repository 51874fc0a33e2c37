"""The machine in a few lines: a bar for each GPU, or processor and memory where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.describe_gpus import is_hot, simulated_note, throttle_words
from tui.format import DASH, size, truncate
from tui.i18n import _, render
from tui.widgets import bars
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.store.telemetry import Gpu, Sample

_BAR = 16
_CELL, _SMALL_CELL, _GAP = 57, 37, 3


class DeviceStrip(Lines):
    """Call `update_strip` with each new sample."""

    DEFAULT_CSS = "DeviceStrip { height: auto; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sample: Sample | None = None
        self.run_id: str | None = None

    def update_strip(self, sample: Sample | None) -> None:
        """Shows this sample; None while there is none."""
        self._sample = sample
        if self.size.width:
            self.show(strip_lines(sample, self.size.width, self.run_id))

    def on_resize(self) -> None:
        self.update_strip(self._sample)


def strip_lines(sample: Sample | None, width: int, run_id: str | None = None) -> list[Text]:
    """The strip at this width; with `run_id` only the GPUs that the run is known to be on."""
    if sample is None:
        return [Text(_("waiting for the first sample of the machine"), theme.style("faint"))]
    if not sample.gpus:
        return [_host(sample, width)]
    gpus = [gpu for gpu in sample.gpus if run_id in gpu.runs] or list(sample.gpus)
    cell = _CELL if width >= 2 * _CELL + _GAP or len(gpus) == 1 else _SMALL_CELL
    across = max(1, (width + _GAP) // (cell + _GAP))
    cells = [_gpu(gpu, cell) for gpu in gpus]
    lines = [_joined(cells[start : start + across], cell) for start in range(0, len(cells), across)]
    if sample.simulated:
        lines.append(simulated_note())
    return lines


def _joined(cells: list[Text], width: int) -> Text:
    line = Text()
    for cell in cells:
        line = Text.assemble(line, cell, " " * (width - cell.cell_len + _GAP))
    line.rstrip()
    return line


def _gpu(gpu: Gpu, width: int) -> Text:
    """One GPU in `width` cells: its load and memory, and power where there is room."""
    text, muted, small = theme.style("text"), theme.style("muted"), width < _CELL
    line = Text.assemble((f"GPU {gpu.index:<2} ", muted))
    if gpu.state != "ok":
        words = _("lost: it no longer answers") if gpu.state == "lost" else _("can't be read")
        line.append(words, theme.style("failed"))
    else:
        share = None if gpu.utilization is None else gpu.utilization / 100
        reasons = throttle_words(gpu)
        hot = is_hot(gpu)
        line.append_text(bars.level(share, 6 if small else 12))
        line.append(f" {DASH if gpu.utilization is None else f'{gpu.utilization:.0f}%':>4}", text)
        line.append(f"  {size(gpu.memory_used):>8}", text)
        if gpu.power is not None and not small:
            line.append(f"  {gpu.power:>3.0f} W", muted)
        if gpu.temperature is not None:
            line.append(f"  {gpu.temperature:.0f}°C", theme.style("warning" if hot else "muted"))
        if reasons and not small:
            line.append(f" {reasons[0]}", theme.style("warning"))
    line.truncate(width, overflow="ellipsis")
    return line


def _host(sample: Sample, width: int) -> Text:
    text, muted = theme.style("text"), theme.style("muted")
    bar = _BAR if width >= 100 else 8
    load = sample.cpu_percent
    line = Text.assemble(
        ("CPU ", muted),
        bars.level(None if load is None else load / 100, bar),
        (f" {DASH if load is None else f'{load:.0f}%':>4}", text),
    )
    if sample.memory_total:
        share = (sample.memory_used or 0) / sample.memory_total
        line.append(f"    {_('memory')} ", muted)
        line.append_text(bars.level(share, bar, "warning" if share > 0.92 else "accent"))
        line.append(
            " "
            + _("{used} of {total}").format(used=size(sample.memory_used), total=size(sample.memory_total)),
            text,
        )
    left = width - line.cell_len - 4
    if left >= 12:
        bad = sample.problem is not None and not sample.problem_quiet
        note = _("no GPU here") if not bad or sample.problem is None else render(sample.problem)
        line.append(f"    {truncate(note, left)}", theme.style("warning" if bad else "faint"))
    return line
