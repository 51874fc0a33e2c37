"""`gpus`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tui import describe
from tui.cli.parser import Parser, add_common
from tui.cli.table import Column, Segment, Table
from tui.describe_gpus import is_hot, label, process_words, simulated_note, state_words, throttle_words
from tui.format import size
from tui.i18n import _, render
from tui.store.telemetry import Gpu, Sample, read_sample

if TYPE_CHECKING:
    from runtime.launch.leases import Lease
    from tui.cli.context import Context

_GIB = 1 << 30
_EVERY_SECONDS = 2.0
_POLL_SECONDS = 0.2
_WAIT_SECONDS = 10.0


def gpus_arguments(parser: Parser) -> None:
    parser.teach(
        _("Lists the GPUs of this machine: load, memory, power, temperature, and which runs are on them."),
        [
            ("headnode gpus", _("all of them, now")),
            ("headnode gpus --watch", _("again every two seconds, until ctrl+c")),
            ("headnode gpus --json | jq '.gpus[].uuid'", _("for scripts: everything that the driver tells")),
        ],
        _("The panel's page 3 has their history. Where no GPU is found, this says why, and the fix."),
    )
    parser.add_argument("--watch", action="store_true", help=_("go on until ctrl+c"))
    add_common(parser, json=_("print what the driver tells; with --watch one object a line"))


def gpus(context: Context) -> int:
    if context.options.watch:
        return _watch(context)
    from runtime.launch.leases import held
    from runtime.telemetry import read_devices
    from runtime.telemetry.sample import HostSample, sample_line

    reading = read_devices()
    line = sample_line(time.time(), "", HostSample(), reading.devices, reading.why)
    line["simulated"] = reading.simulated
    if context.options.json:
        context.out.json(_object(line, held()))
        return 0
    sample = read_sample(line)
    assert sample is not None
    _show(context, sample, held())
    return 0


def _object(line: Mapping[str, Any], leases: Mapping[str, Lease]) -> dict[str, Any]:
    names = ("time", "simulated", "gpu_problem", "gpus")
    found = {name: line[name] for name in names if name in line}
    return {**found, "leases": {key: lease.to_json() for key, lease in leases.items()}}


def _watch(context: Context) -> int:
    from runtime.launch.leases import held

    for line in _lines():
        if context.options.json:
            context.out.json_line(_object(line, held()))
        else:
            sample = read_sample(line)
            if sample is None:
                continue
            if context.out.terminal and not context.out.dumb:
                context.out.stream.write("\x1b[H\x1b[J")
            _show(context, sample, held())
            if not context.out.terminal:
                context.out.line()
        context.out.flush()
    return 0


def _lines() -> Iterator[dict[str, Any]]:
    """What the sampler says, until it has been silent for long."""
    from runtime.messages import HeadnodeError
    from runtime.telemetry import Problem, SamplerProcess

    sampler = SamplerProcess(interval=_EVERY_SECONDS, pcie=True)
    sampler.start()
    heard = time.monotonic()
    try:
        while time.monotonic() - heard < _WAIT_SECONDS:
            for line in sampler.poll():
                heard = time.monotonic()
                yield line
            time.sleep(_POLL_SECONDS)
        raise HeadnodeError(Problem("no_answer").message.template)
    finally:
        sampler.stop()


def _show(context: Context, sample: Sample, leases: Mapping[str, Lease]) -> None:
    out = context.out
    if sample.simulated:
        out.line((simulated_note().plain, "warning"))
    if not sample.gpus:
        why = render(sample.problem) if sample.problem is not None else _("no accelerator was found")
        style = "" if sample.problem is None or sample.problem_quiet else "warning"
        out.line((_("No GPU here: {why}").format(why=why), style))
        return
    table = Table(
        [
            Column("GPU"),
            Column(_("LOAD"), "right"),
            Column(_("MEMORY GiB"), "right"),
            Column("W", "right", importance=3),
            Column("°C", "right", importance=4),
            Column(_("SM MHz"), "right", importance=1),
            Column(_("USED BY"), shrinks=True),
            Column(_("MODEL"), importance=0, shrinks=True),
        ]
    )
    for gpu in sample.all_gpus():
        table.add(*_cells(gpu, leases.get(gpu.uuid)))
    table.show(out)


def _cells(gpu: Gpu, lease: Lease | None) -> tuple[str | Segment, ...]:
    heat = "warning" if is_hot(gpu) else ""
    return (
        label(gpu) if gpu.instance is None else f" {label(gpu)}",
        _number(gpu.utilization, "%"),
        _memory(gpu),
        _number(gpu.power, ""),
        (_number(gpu.temperature, ""), heat),
        _number(gpu.sm_clock, ""),
        _used_by(gpu, lease),
        gpu.name,
    )


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.0f}{unit}"


def _memory(gpu: Gpu) -> str:
    if gpu.memory_used is None or not gpu.memory_total:
        return "–"
    return f"{gpu.memory_used / _GIB:.1f} / {gpu.memory_total / _GIB:.1f}"


def _used_by(gpu: Gpu, lease: Lease | None) -> Segment:
    if state_words(gpu):
        return state_words(gpu), "failed"
    parts = throttle_words(gpu)
    if not gpu.instances:
        parts += [describe.short_id(run) for run in gpu.runs]
    for process in gpu.foreign:
        memory = "" if process.memory_used is None else f" {size(process.memory_used)}"
        parts.append(process_words(process) + memory)
    if lease is not None and lease.run_id not in gpu.runs:
        parts.append(_("leased by {run}").format(run=describe.short_id(lease.run_id)))
    if parts:
        return " · ".join(parts), "warning" if throttle_words(gpu) else ""
    unknown = gpu.processes is None and gpu.utilization is None
    return ("–" if unknown or gpu.instances else _("free")), "muted"
