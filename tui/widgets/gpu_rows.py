"""The devices as rows of a table: one line each, MIG instances below the device that they are cut from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text
from textual.geometry import Region

from tui import describe, theme
from tui.describe_gpus import is_hot, label, state_words, throttle_words
from tui.format import DASH
from tui.i18n import N_, _
from tui.widgets import bars
from tui.widgets.table import GUTTER, Column, Row, Table

if TYPE_CHECKING:
    from runtime.launch.leases import Lease
    from tui.store.telemetry import Gpu, GpuProcess

GIB = 1 << 30
_WIDE, _WIDEST = 110, 170
_BAR = 8

ORDERS: dict[str, str] = {
    "index": N_("by number"),
    "load": N_("by load"),
    "memory": N_("by memory"),
    "temperature": N_("by temperature"),
    "power": N_("by power"),
}
_KEYS: dict[str, Callable[[Gpu], float | None]] = {
    "load": lambda gpu: gpu.utilization,
    "memory": lambda gpu: gpu.memory_used,
    "temperature": lambda gpu: gpu.temperature,
    "power": lambda gpu: gpu.power,
}


def ordered(gpus: Sequence[Gpu], order: str) -> list[Gpu]:
    """In one of ORDERS, the largest first; what isn't known comes last. Instances follow their device."""
    key = _KEYS.get(order)
    whole = list(gpus) if key is None else sorted(gpus, key=lambda gpu: -_known(key(gpu)))
    return [each for gpu in whole for each in (gpu, *gpu.instances)]


def _known(value: float | None) -> float:
    return float("-inf") if value is None else value


def columns(width: int) -> list[Column]:
    """The columns that fit into so many cells."""
    wide, widest = width >= _WIDE, width >= _WIDEST
    found = [
        Column("gpu", "GPU", 4),
        Column("load", _("LOAD"), (_BAR * 2 if widest else _BAR) + 5),
        Column("memory", _("MEMORY GiB"), 11 + (_BAR + 1 if wide else 0), "right"),
        Column("power", "W", 7 if wide else 4, "right"),
        Column("temperature", "°C", 4, "right"),
    ]
    if wide:
        found.append(Column("clock", _("SM MHz"), 7, "right"))
    if widest:
        found.append(Column("pcie", "PCIe GB/s", 11, "right"))
        found.append(Column("nvlink", "NVLink GB/s", 11, "right"))
        found.append(Column("model", _("MODEL"), 14, flexible=True, maximum=32))
    found.append(Column("used", _("USED BY"), 16, flexible=True))
    return found


@dataclass(frozen=True)
class RowMaker:
    """`leases` by device UUID."""

    columns: Sequence[Column]
    leases: Mapping[str, Lease] = field(default_factory=dict)

    def row(self, gpu: Gpu) -> Row:
        """The device's row."""
        return Row(gpu.key, tuple(self._cell(column, gpu) for column in self.columns))

    def _cell(self, column: Column, gpu: Gpu) -> Text:
        match column.key:
            case "gpu":
                text = label(gpu) if gpu.instance is None else f" {label(gpu)}"
                return Text(text, theme.style("muted" if gpu.instance is not None else "text"))
            case "load":
                return _load(gpu, column.width - 5)
            case "memory":
                return _memory(gpu, column.width)
            case "power":
                return _power(gpu, column.width)
            case "temperature":
                return _number(gpu.temperature, "warning" if is_hot(gpu) else "text")
            case "clock":
                return _number(gpu.sm_clock, "text")
            case "pcie":
                return _traffic(gpu.pcie_received, gpu.pcie_sent)
            case "nvlink":
                return _traffic(gpu.nvlink_received, gpu.nvlink_sent)
            case "model":
                return Text(gpu.name.removeprefix("NVIDIA "), theme.style("muted"))
        return used_by(gpu, self.leases.get(gpu.uuid))


def used_by(gpu: Gpu, lease: Lease | None) -> Text:
    """Who is on it, why it is slow, or why nothing is known of it."""
    gone = state_words(gpu)
    if gone:
        return Text(gone, theme.style("failed"))
    parts = [(word, "warning") for word in throttle_words(gpu)]
    parts += [
        (describe.short_id(run), "accent") for run in gpu.runs if gpu.instance is not None or not gpu.mig
    ]
    parts += [(_foreign(process), "text") for process in gpu.foreign]
    if gpu.mig and gpu.instances:
        count = len(gpu.instances)
        parts.append((_("{count} MIG instances").format(count=count), "muted"))
    if lease is not None and lease.run_id not in gpu.runs:
        parts.append((_("leased by {run}").format(run=describe.short_id(lease.run_id)), "muted"))
    if not parts:
        unknown = gpu.processes is None and gpu.utilization is None
        parts.append((DASH, "faint") if unknown else (_("free"), "faint"))
    line = Text()
    for position, (text, style) in enumerate(parts):
        line.append(" · " if position else "", theme.style("faint"))
        line.append(text, theme.style(style))
    return line


def _foreign(process: GpuProcess) -> str:
    name = process.name or _("pid {pid}").format(pid=process.pid)
    return _("{name} of {user}").format(name=name, user=process.user) if process.user else name


def _load(gpu: Gpu, width: int) -> Text:
    share = None if gpu.utilization is None else gpu.utilization / 100
    number = DASH if gpu.utilization is None else f"{gpu.utilization:.0f}%"
    style = "text" if share is not None else "faint"
    return Text.assemble(bars.level(share, width), (f" {number:>4}", theme.style(style)))


def _memory(gpu: Gpu, width: int) -> Text:
    if gpu.memory_used is None or not gpu.memory_total:
        return Text(DASH, theme.style("faint"))
    numbers = Text.assemble(
        (f"{gpu.memory_used / GIB:.1f}", theme.style("text")),
        (f" /{gpu.memory_total / GIB:5.1f}", theme.style("muted")),
    )
    if width > 11:
        share = gpu.memory_used / gpu.memory_total
        bar = bars.level(share, width - 12, "warning" if share > 0.97 else "accent")
        numbers = Text.assemble(bar, " " * (width - bar.cell_len - numbers.cell_len), numbers)
    return numbers


def _power(gpu: Gpu, width: int) -> Text:
    text = _number(gpu.power, "text")
    if width > 4 and gpu.power is not None and gpu.power_limit is not None:
        text.append(f"/{gpu.power_limit:.0f}", theme.style("muted"))
    return text


def _number(value: float | None, style: str) -> Text:
    return Text(DASH, theme.style("faint")) if value is None else Text(f"{value:.0f}", theme.style(style))


def _traffic(received: int | None, sent: int | None) -> Text:
    if received is None or sent is None:
        return Text(DASH, theme.style("faint"))
    return Text(f"{received / 1e9:.1f} {sent / 1e9:5.1f}", theme.style("text"))


class DeviceTable(Table):
    """Repaints only the cells that differ: eight devices change a few digits every other second."""

    def set_rows(self, rows: Sequence[Row]) -> None:
        before = self.rows
        rows = list(rows)
        same = [row.key for row in before] == [row.key for row in rows]
        if not same or any(row.wide is not None for row in (*before, *rows)):
            super().set_rows(rows)
            return
        self.rows = rows
        regions = [
            region
            for y, (old, new) in enumerate(zip(before, rows, strict=True), 1)
            for region in self._changed(y - self.scroll_offset.y, old, new)
        ]
        if regions:
            self.refresh(*regions)

    def _changed(self, y: int, old: Row, new: Row) -> list[Region]:
        if not 1 <= y < self.size.height:
            return []
        regions, x = [], GUTTER
        for column, before, after in zip(self.columns, old.cells, new.cells, strict=True):
            width = self.column_width(column.key)
            if before != after or (isinstance(after, Text) and _spans(before) != _spans(after)):
                regions.append(Region(x, y, width, 1))
            x += width + 2
        return regions


def _spans(cell: Text | str) -> object:
    return (cell.spans, cell.style) if isinstance(cell, Text) else None
