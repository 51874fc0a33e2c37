"""The GPUs of this machine on the preflight page: which would be taken, who has the others, and a choice by
hand."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from tui import describe, keymap, theme
from tui.clean import clean
from tui.describe_gpus import simulated_note
from tui.format import pad, size
from tui.i18n import _, render
from tui.widgets.lines import Lines, wrapped

if TYPE_CHECKING:
    from runtime.launch.devices import Device, Machine
    from tui.widgets.preflight_report import Report

_MARK = 4
_NAME = 22
_MEMORY = 11


class DevicePicker(Lines):
    """A line for each GPU; space takes one or leaves it out. Posts `Picked` with the GPUs as a profile names
    them."""

    ACTIONS: ClassVar[tuple[str, ...]] = ("toggle_device",)
    BINDINGS: ClassVar[list[BindingType]] = [
        *keymap.bindings(("toggle_device",)),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
    ]
    can_focus = True

    class Picked(Message):
        """`gpus`: numbers of GPUs, or UUIDs of their parts; none for whatever is free."""

        def __init__(self, gpus: tuple[int | str, ...]) -> None:
            super().__init__()
            self.gpus = gpus

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._machine: Machine | None = None
        self._taken: frozenset[str] = frozenset()
        self._by_hand = False
        self._cursor = 0
        self._width = 0

    @property
    def devices(self) -> tuple[Device, ...]:
        """The GPUs that can be picked."""
        return self._machine.gpus if self._machine is not None else ()

    def update_devices(self, machine: Machine, taken: Collection[str], by_hand: bool, width: int) -> None:
        """Shows the GPUs; `taken`: the keys of those that the launch would have, `by_hand`: because it names
        them."""
        self._machine, self._taken, self._by_hand, self._width = machine, frozenset(taken), by_hand, width
        self._cursor = min(self._cursor, max(0, len(self.devices) - 1))
        self._draw()

    def _draw(self) -> None:
        lines = [self._line(position, device) for position, device in enumerate(self.devices)]
        if self._machine is not None and self._machine.simulated:
            lines.append(simulated_note())
        self.show([line for group in lines for line in (group if isinstance(group, list) else [group])])

    def _line(self, position: int, device: Device) -> list[Text]:
        here = self.has_focus and position == self._cursor
        taken = device.key in self._taken
        muted, text = theme.style("muted"), theme.style("text")
        number = str(device.index) if device.parent is None else f"{device.index}·"
        name = clean(device.name).removeprefix("NVIDIA ") or "GPU"
        free = size(device.memory_free) if device.memory_free is not None else "–"
        wide = self._width >= _MARK + _NAME + _MEMORY + 24
        head = Text.assemble(
            ("▸" if here else " ", theme.style("accent")),
            ("■ " if taken else "□ ", theme.style("done" if taken else "muted")),
            (pad(number, 3), theme.style("bold text") if here else text),
            (pad(name, _NAME) if wide else "", muted),
            (pad(free, _MEMORY, "right") + "  ", text),
        )
        words, style = _who(device)
        rest = max(12, self._width - head.cell_len)
        first, *more = wrapped(words, theme.style(style), rest) or [Text()]
        return [Text.assemble(head, first), *(Text.assemble(" " * head.cell_len, line) for line in more)]

    def on_focus(self) -> None:
        self._draw()

    def on_blur(self) -> None:
        self._draw()

    def action_move(self, by: int) -> None:
        target = self._cursor + by
        if 0 <= target < len(self.devices):
            self._cursor = target
            self._draw()
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self.devices) if action == "toggle_device" else True

    def action_toggle_device(self) -> None:
        chosen = [device for device in self.devices if device.key in self._taken]
        if not self._by_hand and len(chosen) == 1:  # the one that the queue would give: another instead
            chosen = []
        device = self.devices[self._cursor]
        if device in chosen:
            chosen.remove(device)
        else:
            chosen.append(device)
        self.post_message(self.Picked(tuple(device_name(one) for one in self.devices if one in chosen)))


def device_name(device: Device) -> int | str:
    """How a profile names a GPU."""
    return device.index if device.parent is None else device.key


def _who(device: Device) -> tuple[str, str]:
    """Who is on a GPU, and the colour to say it in."""
    from runtime.launch.devices import process_message

    if device.lease is not None:
        text = _("with {run} of {user}")
        return text.format(
            run=describe.short_id(device.lease.run_id), user=clean(device.lease.user)
        ), "running"
    if device.processes:
        words = []
        for process in device.processes:
            text = render(process_message(process))
            words.append(text.replace(process.run, describe.short_id(process.run)) if process.run else text)
        return _(", ").join(words), "warning"
    if not device.allowed:
        return _("hidden by CUDA_VISIBLE_DEVICES"), "muted"
    return _("free"), "muted"


def picked_keys(overrides: Collection[str], machine: Machine) -> tuple[str, ...]:
    """The keys of the GPUs that an override `launch.gpus=[0,3]` names."""
    from runtime.launch.devices import named

    text = next((word.partition("=")[2] for word in overrides if word.startswith("launch.gpus=[")), "[]")
    try:
        names = json.loads(text)
    except ValueError:
        return ()
    return tuple(
        device.key for name in names if isinstance(name, int | str) for device in named(machine.gpus, name)
    )


def queue_lines(report: Report, machine: Machine, width: int) -> list[Text]:
    """What the queue would do with a launch now."""
    from runtime.launch.checks_devices import holders
    from runtime.launch.queueing_view import waiting_for

    decision, wants = report.decision, report.wants
    if wants is None or decision is None:
        return wrapped(_("takes no GPU"), theme.style("muted"), width)
    if decision.missing is not None:
        return wrapped(render(decision.missing), theme.style("failed"), width)
    if decision.choice is not None:
        text = _("wants {wants}: starts at once").format(wants=render(wants.message))
        return wrapped(text, theme.style("done"), width)
    waits = render(waiting_for(wants, len(decision.ahead)))
    return wrapped(f"{waits}; {render(holders(machine, wants))}", theme.style("warning"), width)
