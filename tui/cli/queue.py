"""`queue`: who waits for this machine's devices, and `queue priority RUN N`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runtime.messages import N_, UsageError
from tui import describe
from tui.clean import clean
from tui.cli.parser import Parser, add_common
from tui.cli.table import Column, Table
from tui.format import duration
from tui.i18n import _, ngettext, render

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.launch.devices import Device, Machine
    from runtime.launch.queueing_view import Place
    from tui.cli.context import Context


def queue_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Lists the runs that wait for GPUs or CPU slots of this machine, of all workspaces and users, "
            "in the order in which they will start: by priority, then by time. A run that waits for more "
            "than is free keeps what is free for itself; a smaller one goes ahead only with devices that "
            "the other has no use for."
        ),
        [
            ("headnode queue", _("who waits, for what, and who has the devices")),
            (
                "headnode queue priority demo-1f00 5",
                _("larger goes first; 0 is what a profile has by default"),
            ),
            ("headnode queue --json | jq '.queue[].run_id'", _("for scripts")),
        ],
        _(
            "headnode stop RUN takes a run out of the queue. The queue survives the panel, the shell and a "
            "reboot."
        ),
    )
    parser.add_argument(
        "words", nargs="*", metavar="priority RUN N", help=_("change the priority of a waiting run")
    )
    add_common(parser, json=_("print the queue and the devices"))


def queue(context: Context) -> int:
    words: list[str] = context.options.words
    if not words:
        return _show(context)
    if words[0] != "priority" or len(words) != 3:
        raise UsageError(N_("it is headnode queue, or headnode queue priority RUN N"))
    return _prioritize(context, words[1], words[2])


def _show(context: Context) -> int:
    from runtime.launch import devices
    from runtime.launch.queueing_view import places

    machine = devices.look({})
    line = places(machine)
    if context.options.json:
        context.out.json(_object(machine, line))
        return 0
    if not line:
        context.out.line(_("No run waits for a device."))
    else:
        _table(context, line)
    _holders(context, machine)
    return 0


def _table(context: Context, line: list[Place]) -> None:
    table = Table(
        [
            Column("#", "right"),
            Column(_("RUN"), keep_end=True),
            Column(_("WANTS")),
            Column(_("PRIORITY"), "right", importance=2),
            Column(_("WAITS"), "right", importance=3),
            Column(_("USER"), importance=1),
            Column(_("FOR WHAT"), shrinks=True),
        ]
    )
    now = time.time()
    for place in line:
        ticket = place.ticket
        table.add(
            str(place.position),
            (ticket.run_id, "strong"),
            render(ticket.wants.message),
            str(ticket.priority),
            duration(max(0.0, now - ticket.asked), parts=1),
            ticket.user,
            render(place.message),
        )
    table.show(context.out)


def _holders(context: Context, machine: Machine) -> None:
    from runtime.launch import leases
    from runtime.launch.devices import process_message

    taken = [device for device in machine.devices if device.lease is not None]
    gpus, slots = machine.gpus, machine.slots
    free = sum(device.free and not device.processes for device in gpus or slots)
    if gpus:
        words = ngettext("{free} of {count} GPU free", "{free} of {count} GPUs free", len(gpus))
    else:
        words = ngettext("{free} of {count} CPU slot free", "{free} of {count} CPU slots free", len(slots))
    context.out.line((words.format(free=free, count=len(gpus or slots)), "dim"))
    by_run: dict[str, list[str]] = {}
    unjudged: list[Path] = []
    for device in taken:
        assert device.lease is not None
        run = describe.short_id(device.lease.run_id) if device.lease.run_id else _("a damaged lease")
        by_run.setdefault(run, []).append(_device_name(device))
        if (path := leases.unjudged(device.lease)) is not None:
            unjudged.append(path)
    for run, names in by_run.items():
        context.out.line("  ", (clean(run), "strong"), "  ", ", ".join(names))
    for device in machine.gpus:
        if device.free and device.processes:  # without a lease: somebody outside, or left over from a run
            who = ", ".join(render(process_message(process)) for process in device.processes)
            context.out.line("  ", (clean(who), "warning"), "  ", _device_name(device))
    for path in unjudged:
        text = _("It can't be told from here whether {path} still holds. If nothing runs there, remove it.")
        context.out.line((clean(text.format(path=path)), "warning"))


def _device_name(device: Device) -> str:
    return f"GPU {device.index}" if device.gpu and device.parent is None else device.key


def _object(machine: Machine, line: list[Place]) -> dict[str, Any]:
    return {
        "queue": [
            {
                "position": place.position,
                "run_id": place.ticket.run_id,
                "path": place.ticket.path,
                "user": place.ticket.user,
                "wants": place.ticket.wants.to_json(),
                "priority": place.ticket.priority,
                "since": place.ticket.asked,
                "ahead": list(place.decision.ahead),
                "waits": str(place.message),
            }
            for place in line
        ],
        "devices": [
            {
                "key": device.key,
                "index": device.index,
                "lease": device.lease.to_json() if device.lease is not None else None,
            }
            for device in machine.devices
        ],
        "simulated": machine.simulated,
    }


def _prioritize(context: Context, name: str, number: str) -> int:
    from runtime.launch import operations

    try:
        priority = int(number)
    except ValueError:
        raise UsageError(N_("a priority is a whole number, not {value}"), value=number) from None
    run = context.run(name)
    request = operations.prioritize(run, priority)
    if context.options.json:
        context.out.json({"run_id": run.run_id, "request": request, "priority": priority})
    else:
        text = _("{run} now has priority {priority} in the queue")
        context.out.line(text.format(run=run.run_id, priority=priority))
    return 0
