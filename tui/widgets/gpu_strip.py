"""The machine in a few lines: a bar for each GPU, or processor and memory where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.format import DASH, size, truncate
from tui.i18n import N_, _
from tui.widgets import bars
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.store.telemetry import Gpu, Sample

_THROTTLE = {
    "power": N_("power limit"),
    "power_cap": N_("power limit"),
    "hw_thermal": N_("too hot"),
    "sw_thermal": N_("too hot"),
    "thermal": N_("too hot"),
    "hw_slowdown": N_("slowed down"),
}
_BAR = 16
_CELL = 57


class DeviceStrip(Lines):
    """Call `update_strip` with each new sample."""

    DEFAULT_CSS = "DeviceStrip { height: auto; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sample: Sample | None = None

    def update_strip(self, sample: Sample | None) -> None:
        """Shows this sample; None while there is none."""
        self._sample = sample
        if self.size.width:
            self.show(strip_lines(sample, self.size.width))

    def on_resize(self) -> None:
        self.update_strip(self._sample)


def strip_lines(sample: Sample | None, width: int) -> list[Text]:
    """The strip at this width."""
    if sample is None:
        return [Text(_("waiting for the first sample of the machine"), theme.style("faint"))]
    if not sample.gpus:
        return [_host(sample, width)]
    if width >= _CELL or len(sample.gpus) == 1:
        across = max(1, (width + 3) // (_CELL + 3))
        cells = [_gpu(gpu) for gpu in sample.gpus]
        return [_joined(cells[start : start + across], _CELL) for start in range(0, len(cells), across)]
    return [_gpu(gpu) for gpu in sample.gpus]


def _joined(cells: list[Text], width: int) -> Text:
    line = Text()
    for cell in cells:
        cell.truncate(width, overflow="ellipsis")
        line = Text.assemble(line, cell, " " * (width - cell.cell_len + 3))
    line.rstrip()
    return line


def _gpu(gpu: Gpu) -> Text:
    text, muted = theme.style("text"), theme.style("muted")
    line = Text.assemble((f"GPU {gpu.index:<2} ", muted))
    if gpu.state != "ok":
        line.append(
            _("lost: it no longer answers") if gpu.state == "lost" else _("can't be read"),
            theme.style("failed"),
        )
        return line
    share = None if gpu.utilization is None else gpu.utilization / 100
    line.append_text(bars.level(share, _BAR))
    line.append(f" {DASH if gpu.utilization is None else f'{gpu.utilization:.0f}%':>4}", text)
    line.append(f"  {size(gpu.memory_used):>8}", text)
    if gpu.power is not None:
        line.append(f"  {gpu.power:>3.0f} W", muted)
    if gpu.temperature is not None:
        line.append(
            f"  {gpu.temperature:.0f}°C", theme.style("warning" if gpu.temperature >= 85 else "muted")
        )
    reasons = [_(_THROTTLE[reason]) for reason in gpu.throttle if reason in _THROTTLE]
    if reasons:
        line.append(f" {reasons[0]}", theme.style("warning"))
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
    problem = sample.problem if sample.problem and "not found" not in sample.problem.lower() else None
    if left >= 12:
        note = truncate(problem or _("no GPU here"), left)
        line.append(f"    {note}", theme.style("warning" if problem else "faint"))
    return line
