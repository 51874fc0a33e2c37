"""All that is known of one device, and of a machine without any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.describe_gpus import is_hot, label, process_words, state_words, throttle_words
from tui.format import DASH, age, size
from tui.i18n import _, ngettext, render
from tui.widgets import bars
from tui.widgets.lines import wrapped

if TYPE_CHECKING:
    from runtime.launch.leases import Lease
    from tui.store.telemetry import Gpu, Sample

Fact = tuple[str, str, str]  # name, value, style
_GIB = 1 << 30


def title(gpu: Gpu) -> str:
    """`GPU 3`, `GPU 0.2` for a MIG instance."""
    return f"GPU {label(gpu)}"


def brief_lines(gpu: Gpu, width: int) -> list[Text]:
    """Three lines of what the table doesn't have: facts, and who is on it."""
    if state_words(gpu):
        return detail_lines(gpu, width, None, 0.0)[1:4]
    processes = process_lines(gpu, width)[:2]
    facts = [*_clocks(gpu), *_links(gpu), *_health(gpu)]
    return [*flowed(facts, width)[: 3 - len(processes)], *processes]


def detail_lines(gpu: Gpu, width: int, lease: Lease | None, now: float) -> list[Text]:
    """Name and facts."""
    lines = [Text.assemble((gpu.name or _("unknown device"), theme.style("text")))]
    if gpu.uuid and lines[0].cell_len + len(gpu.uuid) + 2 <= width:
        lines[0].append(f"  {gpu.uuid}", theme.style("faint"))
    if state_words(gpu):
        advice = _("look into dmesg for Xid; a reboot brings it back, or shows that the board is broken")
        return [*lines, *wrapped(f"{state_words(gpu)}. {advice}", theme.style("failed"), width)]
    lines += flowed(_facts(gpu), width)
    if lease is not None:
        since = "" if lease.since is None else age(max(0.0, now - lease.since))
        text = _("leased by {run} of {user} for {age}")
        values = {"run": describe.short_id(lease.run_id), "user": lease.user, "age": since or DASH}
        lines.append(Text(text.format(**values), theme.style("muted")))
    return lines


def process_lines(gpu: Gpu, width: int) -> list[Text]:
    """The processes on it, runs in the accent colour."""
    found = []
    for process in [p for each in (gpu, *gpu.instances) for p in each.processes or ()]:
        memory = "" if process.memory_used is None else f"  {size(process.memory_used)}"
        line = Text.assemble((process_words(process), theme.style("text")), (memory, theme.style("muted")))
        if process.run:
            line.append(f"  {describe.short_id(process.run)}", theme.style("accent"))
        line.truncate(width, overflow="ellipsis")
        found.append(line)
    return found


def flowed(facts: Sequence[Fact], width: int) -> list[Text]:
    """Names and values one after the other, broken between facts."""
    lines, line = [], Text()
    for name, value, style in facts:
        fact = Text.assemble((f"{name} ", theme.style("muted")), (value, theme.style(style)))
        if line.cell_len and line.cell_len + 3 + fact.cell_len > width:
            lines.append(line)
            line = Text()
        if line.cell_len:
            line.append("   ")
        line.append_text(fact)
    return [*lines, line] if line.cell_len else lines


def _facts(gpu: Gpu) -> list[Fact]:
    return [*_heat(gpu), *_memory(gpu), *_clocks(gpu), *_links(gpu), *_health(gpu)]


def _heat(gpu: Gpu) -> list[Fact]:
    facts: list[Fact] = []
    if throttle_words(gpu):
        facts.append((_("throttled"), _(", ").join(throttle_words(gpu)), "warning"))
    if gpu.power is not None:
        of = "" if gpu.power_limit is None else _(" of {limit:.0f}").format(limit=gpu.power_limit)
        facts.append((_("power"), f"{gpu.power:.0f}{of} W", "text"))
    if gpu.temperature is not None:
        slow = gpu.slowdown_temperature
        limit = "" if slow is None else _(" (slows down at {limit:.0f})").format(limit=slow)
        facts.append(
            (_("temperature"), f"{gpu.temperature:.0f}{limit} °C", "warning" if is_hot(gpu) else "text")
        )
    if gpu.fan is not None:
        facts.append((_("fan"), f"{gpu.fan:.0f}%", "text"))
    return facts


def _memory(gpu: Gpu) -> list[Fact]:
    facts: list[Fact] = []
    if gpu.unified:
        facts.append((_("memory"), _("shared with the host"), "text"))
    elif gpu.memory_reserved:
        facts.append((_("reserved by the driver"), size(gpu.memory_reserved), "text"))
    if gpu.memory_utilization is not None:
        facts.append((_("memory traffic"), f"{gpu.memory_utilization:.0f}%", "text"))
    return facts


def _clocks(gpu: Gpu) -> list[Fact]:
    facts: list[Fact] = []
    for name, now, most in (
        (_("SM clock"), gpu.sm_clock, gpu.max_sm_clock),
        (_("memory clock"), gpu.memory_clock, gpu.max_memory_clock),
    ):
        if now is not None:
            of = "" if most is None or most == now else _(" of {limit:.0f}").format(limit=most)
            facts.append((name, f"{now:.0f}{of} MHz", "text"))
    return facts


def _links(gpu: Gpu) -> list[Fact]:
    facts: list[Fact] = []
    if gpu.pcie_generation is not None and gpu.pcie_width is not None:
        most = (gpu.max_pcie_generation or gpu.pcie_generation, gpu.max_pcie_width or gpu.pcie_width)
        # An idle board lowers its generation to save power; lanes it never gives up.
        narrow = gpu.pcie_width < most[1]
        of = _(" of {generation}.0 ×{width}").format(generation=most[0], width=most[1])
        shown = of if (gpu.pcie_generation, gpu.pcie_width) != most else ""
        text = f"{gpu.pcie_generation}.0 ×{gpu.pcie_width}{shown}{_rates(gpu.pcie_received, gpu.pcie_sent)}"
        facts.append(("PCIe", text, "warning" if narrow else "text"))
    elif gpu.pcie_received is not None:
        facts.append(("PCIe", _rates(gpu.pcie_received, gpu.pcie_sent).strip(), "text"))
    if gpu.nvlinks:
        links = ngettext("{count} link", "{count} links", gpu.nvlinks).format(count=gpu.nvlinks)
        facts.append(("NVLink", links + _rates(gpu.nvlink_received, gpu.nvlink_sent), "text"))
    return facts


def _rates(received: int | None, sent: int | None) -> str:
    if received is None or sent is None:
        return ""
    return f" ↓{received / 1e9:.1f} ↑{sent / 1e9:.1f} GB/s"


def _health(gpu: Gpu) -> list[Fact]:
    facts: list[Fact] = []
    if gpu.ecc_errors is not None:
        ever = "" if not gpu.ecc_errors_ever else _(" ({count} ever)").format(count=gpu.ecc_errors_ever)
        facts.append((_("ECC errors"), f"{gpu.ecc_errors}{ever}", "failed" if gpu.ecc_errors else "text"))
    if gpu.remap_failed:
        facts.append((_("memory rows"), _("no spare left: replace the board"), "failed"))
    elif gpu.remapped_rows:
        facts.append((_("remapped rows"), str(gpu.remapped_rows), "warning"))
    if gpu.mig:
        facts.append(("MIG", _("on"), "text"))
    if gpu.persistence is False:
        facts.append((_("persistence mode"), _("off"), "text"))
    return facts


# -- a machine without accelerators


def host_lines(sample: Sample, width: int, slots: int | None, leases: Mapping[str, Lease]) -> list[Text]:
    """Processor, memory, disk, slots, and why there is no GPU."""
    bad = sample.problem is not None and not sample.problem_quiet
    why = render(sample.problem) if sample.problem is not None else _("no accelerator was found")
    text = _("No GPU here: {why}").format(why=why)
    lines = [*wrapped(text, theme.style("warning" if bad else "muted"), width), Text()]
    bar = max(10, min(40, width - 50))
    load = sample.cpu_percent
    lines.append(_host_line(_("processor"), load, 100.0, bar, DASH if load is None else f"{load:.0f}%"))
    if sample.cpu_cores:
        lines += _cores(sample.cpu_cores, width)
    if sample.load:
        text = "  ".join(f"{value:.2f}" for value in sample.load)
        lines.append(_text_line(_("load"), text))
    used, total = sample.memory_used, sample.memory_total
    lines.append(_host_line(_("memory"), used, total, bar, _of(used, total)))
    if sample.swap_used:
        lines.append(_text_line(_("swap used"), size(sample.swap_used)))
    free, disk = sample.disk_free, sample.disk_total
    taken = None if free is None or disk is None else disk - free
    lines.append(_host_line(_("disk"), taken, disk, bar, _("{size} free").format(size=size(free))))
    if sample.network_received is not None and sample.network_sent is not None:
        down, up = size(sample.network_received), size(sample.network_sent)
        lines.append(_text_line(_("network"), f"↓ {down}/s  ↑ {up}/s"))
    if slots is not None:
        lines += _slots(slots, leases, width)
    return lines


def _slots(slots: int, leases: Mapping[str, Lease], width: int) -> list[Text]:
    held = {key: lease for key, lease in leases.items() if key.startswith("cpu:")}
    text = _("{free} of {all} free").format(free=max(0, slots - len(held)), all=slots)
    lines = [_text_line(_("slots"), text)]
    runs: dict[str, int] = {}
    for lease in held.values():
        runs[lease.run_id] = runs.get(lease.run_id, 0) + 1
    for run_id, count in sorted(runs.items()):
        words = ngettext("{count} slot", "{count} slots", count).format(count=count)
        line = Text.assemble(
            " " * _NAME,
            (describe.short_id(run_id), theme.style("accent")),
            (f"  {words}", theme.style("muted")),
        )
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return lines


_NAME = 12


def _name(text: str) -> Text:
    name = Text(text, theme.style("muted"))
    return Text.assemble(name, " " * max(1, _NAME - name.cell_len))


def _text_line(name: str, value: str) -> Text:
    return Text.assemble(_name(name), (value, theme.style("text")))


def _host_line(name: str, used: float | None, total: float | None, bar: int, words: str) -> Text:
    share = None if used is None or not total else used / total
    style = "warning" if share is not None and share > 0.95 else "accent"
    return Text.assemble(_name(name), bars.level(share, bar, style), (f"  {words}", theme.style("text")))


def _cores(cores: Sequence[float], width: int) -> list[Text]:
    """One cell a core, in as many lines as they need."""
    room = max(8, width - _NAME)
    lines = []
    for start in range(0, len(cores), room):
        line = _name(_("cores") if not start else "")
        for value in cores[start : start + room]:
            line.append(
                "▁▂▃▄▅▆▇█"[min(7, int(value / 12.5))], theme.style("accent" if value >= 5 else "faint")
            )
        lines.append(line)
    return lines


def _of(used: float | None, total: float | None) -> str:
    return _("{used} of {total}").format(used=size(used), total=size(total))
